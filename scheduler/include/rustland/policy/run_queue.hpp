// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/policy/policy.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

namespace rustland {

// Decisions in deadline order; equal deadlines in order of insertion. All memory is allocated at
// construction.
class RunQueue {
  public:
    explicit RunQueue(std::size_t capacity,
                      std::pmr::memory_resource* memory = std::pmr::get_default_resource())
        : capacity_(capacity), heap_(memory) {
        heap_.reserve(capacity);
    }

    [[nodiscard]] bool full() const { return heap_.size() == capacity_; }
    [[nodiscard]] bool empty() const { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const { return heap_.size(); }

    // O(log n). False, and nothing changed, if the queue is full.
    [[nodiscard]] bool push(const Decision& decision) {
        if (full())
            return false;
        heap_.push_back({decision, order_++});
        std::push_heap(heap_.begin(), heap_.end(), later);
        return true;
    }

    // The decision with the earliest deadline; O(log n). The queue must not be empty.
    Decision pop() {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        const Decision decision = heap_.back().decision;
        heap_.pop_back();
        return decision;
    }

  private:
    struct Entry {
        Decision decision;
        std::uint64_t order;
    };
    static bool later(const Entry& a, const Entry& b) {
        if (a.decision.deadline != b.decision.deadline)
            return a.decision.deadline > b.decision.deadline;
        return a.order > b.order;
    }

    std::size_t capacity_;
    std::uint64_t order_ = 0;
    std::pmr::vector<Entry> heap_;
};

} // namespace rustland
