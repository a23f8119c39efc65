// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/policy/policy.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

namespace rustland {

// A policy's context of each task, by Pid. All memory is taken at construction; when there is no
// room, the task that was used longest ago is forgotten. For what fits into four words,
// PolicyState is cheaper and exact: it is kept with the task by the kernel side.
//
// T needs a default constructor and assignment. References stay valid until the task is erased or
// forgotten.
template <typename T> class TaskMap {
  public:
    // Room for `capacity` tasks, at least one.
    explicit TaskMap(std::size_t capacity,
                     std::pmr::memory_resource* memory = std::pmr::get_default_resource())
        : entries_(capacity > 0 ? capacity : 1, memory),
          buckets_(std::bit_ceil(entries_.size() * 2), kNone, memory) {
        for (std::uint32_t i = 0; i < entries_.size(); ++i)
            entries_[i].next = i + 1 < entries_.size() ? i + 1 : kNone;
    }

    // The context of a task, as it was left; T{} for one that is not known. O(1).
    T& operator[](Pid pid) {
        std::uint32_t at = lookup(pid);
        if (at == kNone)
            return insert(pid);
        unlink(at);
        link_newest(at);
        return entries_[at].value;
    }
    // The same without making it known, or used: nullptr for an unknown task.
    [[nodiscard]] T* find(Pid pid) {
        const std::uint32_t at = lookup(pid);
        return at == kNone ? nullptr : &entries_[at].value;
    }
    // False if it was not known.
    bool erase(Pid pid) {
        const std::uint32_t at = lookup(pid);
        if (at == kNone)
            return false;
        release(at);
        return true;
    }

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t capacity() const { return entries_.size(); }
    // Tasks that were forgotten for want of room.
    [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

  private:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};
    struct Entry {
        T value{};
        Pid pid;
        std::uint32_t next = kNone;  // in its bucket, or of the free ones
        std::uint32_t newer = kNone; // in the order of use
        std::uint32_t older = kNone;
    };

    std::uint32_t& bucket(Pid pid) {
        // Fibonacci hashing: pids of one program are neighbours.
        const std::uint64_t hash =
            static_cast<std::uint32_t>(pid.value) * std::uint64_t{0x9e3779b97f4a7c15};
        return buckets_[(hash >> 32) & (buckets_.size() - 1)];
    }
    std::uint32_t lookup(Pid pid) {
        std::uint32_t at = bucket(pid);
        while (at != kNone && entries_[at].pid != pid)
            at = entries_[at].next;
        return at;
    }
    T& insert(Pid pid) {
        if (free_ == kNone) {
            release(oldest_);
            ++forgotten_;
        }
        const std::uint32_t at = free_;
        Entry& entry = entries_[at];
        free_ = entry.next;
        entry.value = T{};
        entry.pid = pid;
        entry.next = bucket(pid);
        bucket(pid) = at;
        link_newest(at);
        ++size_;
        return entry.value;
    }
    void release(std::uint32_t at) {
        std::uint32_t* place = &bucket(entries_[at].pid);
        while (*place != at)
            place = &entries_[*place].next;
        *place = entries_[at].next;
        unlink(at);
        entries_[at].next = free_;
        free_ = at;
        --size_;
    }
    void link_newest(std::uint32_t at) {
        entries_[at].newer = kNone;
        entries_[at].older = newest_;
        (newest_ == kNone ? oldest_ : entries_[newest_].newer) = at;
        newest_ = at;
    }
    void unlink(std::uint32_t at) {
        const std::uint32_t newer = entries_[at].newer;
        const std::uint32_t older = entries_[at].older;
        (newer == kNone ? newest_ : entries_[newer].older) = older;
        (older == kNone ? oldest_ : entries_[older].newer) = newer;
    }

    std::pmr::vector<Entry> entries_;
    std::pmr::vector<std::uint32_t> buckets_;
    std::uint32_t free_ = 0;
    std::uint32_t newest_ = kNone;
    std::uint32_t oldest_ = kNone;
    std::size_t size_ = 0;
    std::uint64_t forgotten_ = 0;
};

// A policy whose contexts are freed when their tasks exit.
template <typename T> class TaskPolicy : public Policy {
  public:
    explicit TaskPolicy(std::size_t capacity,
                        std::pmr::memory_resource* memory = std::pmr::get_default_resource())
        : tasks_(capacity, memory) {}

    [[nodiscard]] bool wants_exits() const override { return true; }
    // To be called by a policy that overrides it.
    void exited(Pid pid, Nanos /*now*/) override { tasks_.erase(pid); }

  protected:
    [[nodiscard]] TaskMap<T>& tasks() { return tasks_; }

  private:
    TaskMap<T> tasks_;
};

} // namespace rustland
