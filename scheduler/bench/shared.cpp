// SPDX-License-Identifier: GPL-2.0-only
#include "bench/shared.hpp"

#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace rustland::bench {

Result<Mapping> Mapping::anonymous(std::size_t bytes) {
    void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (address == MAP_FAILED)
        return Error::from_errno("map shared memory");
    return Mapping(address, bytes);
}

Result<Mapping> Mapping::of_fd(int fd, std::size_t bytes) {
    void* address =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (address == MAP_FAILED)
        return Error::from_errno("map the load's counters");
    return Mapping(address, bytes);
}

void Mapping::unmap() {
    if (address_ != nullptr)
        ::munmap(address_, bytes_);
    address_ = nullptr;
}

Result<LoadCounters> LoadCounters::create(std::size_t slots) {
    const std::size_t bytes = (slots == 0 ? 1 : slots) * sizeof(LoadCounter);
    UniqueFd fd(::memfd_create("rustland-bench-load", 0)); // no CLOEXEC: the jobs inherit it
    if (!fd)
        return Error::from_errno("memfd_create");
    if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0)
        return Error::from_errno("size the load's counters");
    auto mapping = Mapping::of_fd(fd.get(), bytes);
    if (!mapping)
        return mapping.error();
    auto* counters = static_cast<LoadCounter*>(mapping->data());
    for (std::size_t i = 0; i < slots; ++i)
        new (&counters[i]) LoadCounter;
    return LoadCounters(std::move(fd), *std::move(mapping), slots);
}

Result<LoadCounters> LoadCounters::open(int fd, std::size_t slots) {
    auto mapping = Mapping::of_fd(fd, slots * sizeof(LoadCounter));
    if (!mapping)
        return mapping.error();
    return LoadCounters(UniqueFd{}, *std::move(mapping), slots);
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
