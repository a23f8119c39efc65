// SPDX-License-Identifier: GPL-2.0-only
// The C library's allocator with a counter before it. A static library brings it into the
// program itself, so that the calls of all its shared libraries come through here, too.
#include "allocation_hooks.hpp"

#include "rustland/kernel/allocation_sink.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
bool rustland::counts_allocations() { return false; }
#else

bool rustland::counts_allocations() { return true; }

namespace {

inline void count() {
    if (rustland::Counter* sink = rustland::allocation_sink)
        sink->add();
}

} // namespace

// NOLINTBEGIN(bugprone-reserved-identifier): glibc's names
extern "C" {
void* __libc_malloc(std::size_t size) noexcept;
void* __libc_calloc(std::size_t count, std::size_t size) noexcept;
void* __libc_realloc(void* block, std::size_t size) noexcept;
void* __libc_memalign(std::size_t alignment, std::size_t size) noexcept;
void __libc_free(void* block) noexcept;

void* malloc(std::size_t size) noexcept {
    count();
    return __libc_malloc(size);
}

void* calloc(std::size_t elements, std::size_t size) noexcept {
    count();
    return __libc_calloc(elements, size);
}

void* realloc(void* block, std::size_t size) noexcept {
    count();
    return __libc_realloc(block, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
    count();
    return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void** result, std::size_t alignment, std::size_t size) noexcept {
    count();
    if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0)
        return EINVAL;
    void* block = __libc_memalign(alignment, size);
    if (block == nullptr)
        return ENOMEM;
    *result = block;
    return 0;
}

// Counted as well: giving memory back takes the allocator's lock, too.
void free(void* block) noexcept {
    if (block != nullptr)
        count();
    __libc_free(block);
}
}
// NOLINTEND(bugprone-reserved-identifier)
#endif
