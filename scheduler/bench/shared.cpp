// SPDX-License-Identifier: GPL-2.0-only
#include "bench/shared.hpp"

#include <new>
#include <sys/mman.h>

namespace rustland::bench {

Result<Mapping> Mapping::anonymous(std::size_t bytes) {
    void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (address == MAP_FAILED)
        return Error::from_errno("map shared memory");
    return Mapping(address, bytes);
}

void Mapping::unmap() {
    if (address_ != nullptr)
        ::munmap(address_, bytes_);
    address_ = nullptr;
}

Result<LoadCounters> LoadCounters::create(std::size_t slots) {
    auto mapping = Mapping::anonymous((slots == 0 ? 1 : slots) * sizeof(LoadCounter));
    if (!mapping)
        return mapping.error();
    auto* counters = static_cast<LoadCounter*>(mapping->data());
    for (std::size_t i = 0; i < slots; ++i)
        new (&counters[i]) LoadCounter;
    return LoadCounters(*std::move(mapping), slots);
}

std::span<LoadCounter> LoadCounters::slots() const {
    return {static_cast<LoadCounter*>(mapping_.data()), slots_};
}

LoadTotals LoadCounters::totals() const {
    LoadTotals totals;
    for (const LoadCounter& counter : slots()) {
        totals.iterations += counter.iterations.load(std::memory_order_relaxed);
        totals.jobs += counter.jobs.load(std::memory_order_relaxed);
        totals.failed_jobs += counter.failed_jobs.load(std::memory_order_relaxed);
    }
    return totals;
}

} // namespace rustland::bench
