// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/core/counters.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <memory_resource>

namespace rustland {

// Memory for a policy's containers (std::pmr), taken before anything is scheduled and locked with
// the rest of the process. What is given back is used again. A policy that wants more than there
// is gets it from the heap, where the scheduling thread may have to wait: that is counted.
//
// One thread at a time: the main thread until the policy is made, then the scheduling thread.
class PolicyMemory {
  public:
    explicit PolicyMemory(std::size_t bytes) : arena_(bytes, overflows_), pool_(&arena_) {}
    PolicyMemory(const PolicyMemory&) = delete;
    PolicyMemory& operator=(const PolicyMemory&) = delete;
    PolicyMemory(PolicyMemory&&) = delete;
    PolicyMemory& operator=(PolicyMemory&&) = delete;
    ~PolicyMemory() = default;

    // For the constructors of containers.
    [[nodiscard]] std::pmr::memory_resource* resource() { return &pool_; }
    [[nodiscard]] std::size_t size() const { return arena_.size(); }

    // Any thread: allocations that did not fit in.
    [[nodiscard]] const Counter& overflows() const { return overflows_; }

  private:
    // Hands its memory out once, from the start to the end; then asks the heap.
    class Arena final : public std::pmr::memory_resource {
      public:
        Arena(std::size_t bytes, Counter& overflows)
            : memory_(bytes > 0 ? std::make_unique<std::byte[]>(bytes) : nullptr), size_(bytes),
              left_(bytes), next_(memory_.get()), overflows_(overflows) {}
        [[nodiscard]] std::size_t size() const { return size_; }

      private:
        void* do_allocate(std::size_t bytes, std::size_t alignment) override {
            if (next_ != nullptr && std::align(alignment, bytes, next_, left_) != nullptr) {
                void* const block = next_;
                next_ = static_cast<std::byte*>(next_) + bytes;
                left_ -= bytes;
                return block;
            }
            overflows_.add();
            return std::pmr::new_delete_resource()->allocate(bytes, alignment);
        }
        void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
            const std::less<const void*> before;
            const std::byte* const begin = memory_.get();
            if (before(block, begin) || !before(block, begin + size_))
                std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
        }
        [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
            return this == &other;
        }

        std::unique_ptr<std::byte[]> memory_;
        std::size_t size_;
        std::size_t left_;
        void* next_;
        Counter& overflows_;
    };

    Counter overflows_;
    Arena arena_;
    std::pmr::unsynchronized_pool_resource pool_;
};

} // namespace rustland
