// SPDX-License-Identifier: GPL-2.0-only
// Memory that the benchmark's processes share: counters of the load, records of the game.
#pragma once

#include "rustland/common/result.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace rustland::bench {

// Owns one shared mapping.
class Mapping {
  public:
    Mapping() = default;
    // Anonymous and backed by memory before it is used, so that writing to it does not fault later
    // in the process that mapped it.
    static Result<Mapping> anonymous(std::size_t bytes);
    Mapping(Mapping&& other) noexcept
        : address_(std::exchange(other.address_, nullptr)), bytes_(other.bytes_) {}
    Mapping& operator=(Mapping&& other) noexcept {
        if (this != &other) {
            unmap();
            address_ = std::exchange(other.address_, nullptr);
            bytes_ = other.bytes_;
        }
        return *this;
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { unmap(); }

    [[nodiscard]] void* data() const { return address_; }

  private:
    Mapping(void* address, std::size_t bytes) : address_(address), bytes_(bytes) {}
    void unmap();

    void* address_ = nullptr;
    std::size_t bytes_ = 0;
};

// What one slot of the load has done so far; a cache line each, as all slots count at once.
struct alignas(64) LoadCounter {
    std::atomic<std::uint64_t> iterations{0};
    std::atomic<std::uint64_t> jobs{0};
    std::atomic<std::uint64_t> failed_jobs{0};
};

struct LoadTotals {
    std::uint64_t iterations = 0;
    std::uint64_t jobs = 0;
    std::uint64_t failed_jobs = 0;
};

// The counters of all slots, shared with every process that is forked after.
class LoadCounters {
  public:
    static Result<LoadCounters> create(std::size_t slots);

    [[nodiscard]] std::span<LoadCounter> slots() const;
    [[nodiscard]] LoadTotals totals() const;

  private:
    LoadCounters(Mapping mapping, std::size_t slots)
        : mapping_(std::move(mapping)), slots_(slots) {}

    Mapping mapping_;
    std::size_t slots_;
};

} // namespace rustland::bench
