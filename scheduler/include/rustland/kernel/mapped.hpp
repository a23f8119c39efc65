// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"

#include <cstddef>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace rustland {

// A mapped BPF array of T; unmapped by its owner.
template <typename T> class Mapped {
  public:
    Mapped() = default;
    Mapped(Mapped&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), count_(other.count_), bytes_(other.bytes_) {}
    Mapped& operator=(Mapped&& other) noexcept {
        if (this != &other) {
            unmap();
            data_ = std::exchange(other.data_, nullptr);
            count_ = other.count_;
            bytes_ = other.bytes_;
        }
        return *this;
    }
    Mapped(const Mapped&) = delete;
    Mapped& operator=(const Mapped&) = delete;
    ~Mapped() { unmap(); }

    // Maps `count` elements of a BPF_F_MMAPABLE array map.
    static Result<Mapped> map(int fd, std::size_t count, const char* what) {
        static_assert(sizeof(T) % 8 == 0, "BPF array elements are padded to 8 bytes");
        Mapped mapped;
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        mapped.count_ = count;
        mapped.bytes_ = (count * sizeof(T) + page - 1) / page * page;
        void* data = ::mmap(nullptr, mapped.bytes_, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_POPULATE, fd, 0);
        if (data == MAP_FAILED)
            return Error::from_errno(std::string("mapping the BPF table ") + what);
        mapped.data_ = static_cast<T*>(data);
        return mapped;
    }

    [[nodiscard]] std::size_t size() const { return count_; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }
    T& operator*() { return *data_; }
    const T& operator*() const { return *data_; }
    T* operator->() { return data_; }
    const T* operator->() const { return data_; }

  private:
    void unmap() {
        if (data_ != nullptr)
            ::munmap(data_, bytes_);
    }

    T* data_ = nullptr;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
};

} // namespace rustland
