// SPDX-License-Identifier: GPL-2.0-only
#include "bench/job.hpp"

#include "bench/clocks.hpp"
#include "bench/load_parts.hpp"
#include "bench/process.hpp"
#include "rustland/common/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <span>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

namespace rustland::bench {
namespace {

Status write_chunk(int fd, std::span<const char> chunk) {
    std::size_t written = 0;
    while (written < chunk.size()) {
        const ssize_t n = ::write(fd, chunk.data() + written, chunk.size() - written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return Error::from_errno("write");
        written += static_cast<std::size_t>(n);
    }
    return {};
}

using Chunk = std::array<char, kChunkBytes>;

// Hands each chunk of what can be read from fd to `take`, until the end of the file.
template <typename Take> Status for_each_chunk(int fd, Take take) {
    Chunk chunk{};
    for (std::size_t have = 0;;) {
        const ssize_t n = ::read(fd, chunk.data() + have, chunk.size() - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return Error::from_errno("read");
        have += static_cast<std::size_t>(n);
        if (have == chunk.size() || (n == 0 && have > 0)) {
            if (auto status = take(std::span<const char>(chunk.data(), have)); !status)
                return status;
            have = 0;
        }
        if (n == 0)
            return {};
    }
}

// A file without a name: nothing to remove, whatever happens to us.
Status temporary_file(UniqueFd& fd) {
    const char* directory = std::getenv("TMPDIR");
    fd.reset(::open(directory != nullptr && *directory != '\0' ? directory : "/tmp",
                    O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!fd) // the file system has no unnamed files, or there is no such directory
        fd.reset(::memfd_create("rustland-bench-job", MFD_CLOEXEC));
    if (!fd)
        return Error::from_errno("create a temporary file");
    return {};
}

// Touches fresh memory a bit at a time while it computes, as a compiler's heap grows.
Status run_compiler(const JobPlan& plan, Worker& worker, int input, int output) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t bytes = plan.memory_pages * page;
    void* heap = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (heap == MAP_FAILED)
        return Error::from_errno("allocate memory");

    // A fifth while parsing, the rest in steps between which the heap grows and the disk is waited
    // for.
    constexpr unsigned kSteps = 16;
    auto parsed = for_each_chunk(input, [&](std::span<const char>) -> Status {
        worker.run(plan.compile / 5 / plan.source_chunks);
        return {};
    });
    if (!parsed)
        return parsed;
    const std::uint64_t rest = plan.compile - plan.compile / 5;
    auto* touched = static_cast<volatile char*>(heap);
    unsigned next_page = 0;
    for (unsigned step = 0; step < kSteps; ++step) {
        for (; next_page < plan.memory_pages * (step + 1) / kSteps; ++next_page)
            touched[next_page * page] = 1;
        if (step < plan.disk_waits)
            sleep_for(plan.disk_wait);
        worker.run(rest / kSteps);
    }
    const Chunk text{};
    for (unsigned i = 0; i < plan.source_chunks; ++i)
        if (auto status = write_chunk(output, text); !status)
            return status;
    return {};
}

Status run_assembler(const JobPlan& plan, Worker& worker, int input, int output) {
    return for_each_chunk(input, [&](std::span<const char> chunk) {
        worker.run(plan.assemble / plan.source_chunks);
        return write_chunk(output, chunk.first(chunk.size() / 2));
    });
}

// A child's exit status, with the reason on standard error where it is not 0.
int to_exit_status(const Status& status, std::string_view stage) {
    if (status)
        return 0;
    fmt::print(stderr, "rustland-bench: {}: {}\n", stage, status.error().message());
    return 1;
}

Status run_driver(const JobPlan& plan, Worker& worker) {
    std::array<int, 2> pipe_fds{};
    if (::pipe2(pipe_fds.data(), O_CLOEXEC) != 0)
        return Error::from_errno("pipe");
    UniqueFd read_end(pipe_fds[0]);
    UniqueFd write_end(pipe_fds[1]);
    UniqueFd assembly;
    if (auto status = temporary_file(assembly); !status)
        return status;

    const auto compiler = fork_member("bench-cc1", [&] {
        write_end.reset(); // or we would never see the end of the pipe
        return to_exit_status(run_compiler(plan, worker, read_end.get(), assembly.get()), "cc1");
    });
    if (!compiler)
        return compiler.error();
    read_end.reset();
    const Chunk source{};
    for (unsigned i = 0; i < plan.source_chunks; ++i) {
        worker.run(plan.preprocess / plan.source_chunks);
        if (auto status = write_chunk(write_end.get(), source); !status)
            return status;
    }
    write_end.reset();
    if (auto status = wait_for_success(*compiler, "cc1"); !status)
        return status;

    if (::lseek(assembly.get(), 0, SEEK_SET) != 0)
        return Error::from_errno("rewind");
    UniqueFd object;
    if (auto status = temporary_file(object); !status)
        return status;
    const auto assembler = fork_member("bench-as", [&] {
        return to_exit_status(run_assembler(plan, worker, assembly.get(), object.get()), "as");
    });
    if (!assembler)
        return assembler.error();
    return wait_for_success(*assembler, "as");
}

} // namespace

int run_job(const JobPlan& plan, LoadCounter& counter, std::uint64_t iterations_per_ms) {
    Worker worker(counter, iterations_per_ms);
    return to_exit_status(run_driver(plan, worker), "cc");
}

} // namespace rustland::bench
