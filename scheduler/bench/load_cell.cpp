// SPDX-License-Identifier: GPL-2.0-only
// The loads of cells: one function for each family.
#include "bench/clocks.hpp"
#include "bench/load.hpp"
#include "bench/load_parts.hpp"
#include "bench/load_plan.hpp"
#include "bench/model.hpp"
#include "bench/workers.hpp"
#include "rustland/common/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace rustland::bench {
namespace {

constexpr std::size_t kMessageBytes = 4096; // the size of a page and of PIPE_BUF
using Message = std::array<char, kMessageBytes>;

struct CellLoad {
    const LoadSpec& spec;
    LoadRun run;

    [[nodiscard]] LoadCounter& counter(std::size_t slot) const {
        return run.counters.slots()[slot];
    }
    [[nodiscard]] std::uint64_t iterations(unsigned micros) const {
        return iterations_for(micros, run.iterations_per_ms);
    }
};

// The members run until the whole group is killed: the end of one of them is an error. Returns the
// exit status.
int watch_members() {
    for (;;) {
        int status = 0;
        if (::waitpid(-1, &status, 0) > 0) {
            fmt::print(stderr, "rustland-bench: a process of the load {}\n",
                       describe_wait_status(status));
            return 1;
        }
        if (errno == ECHILD) // there is none: the load is nothing, or a part of the game
            ::pause();
    }
}

// Computes, with a nap after each burst.
void compute_with_naps(const CellLoad& load, Worker& worker, std::uint64_t iterations) {
    const std::uint64_t burst = load.iterations(load.spec.burst_us);
    if (load.spec.nap_us == 0 || burst == 0) {
        worker.run(iterations);
        return;
    }
    while (iterations > burst) {
        worker.run(burst);
        iterations -= burst;
        sleep_for(micros(load.spec.nap_us));
    }
    worker.run(iterations);
}

// Forks `count` members that are each told their slot, the first of which is `first`.
template <typename Body>
int start_members(const char* comm, std::size_t first, std::size_t count, Body body) {
    for (std::size_t slot = first; slot < first + count; ++slot)
        if (!started(fork_member(comm, [&]() -> int { return body(slot); })))
            return 1;
    return 0;
}

// Streams of processes in the slots from 0 on: each slot has a parent that starts a process, waits
// for its end and starts the next one, as the shells of scripts and builds do.
int start_streams(const CellLoad& load, unsigned slots) {
    return start_members("bench-shell", 0, slots, [&load](std::size_t slot) {
        const auto job = [&load, slot](std::size_t, std::uint64_t number) {
            Worker worker(load.counter(slot), load.run.iterations_per_ms);
            compute_with_naps(load, worker,
                              job_iterations(load.spec, load.run.seed, static_cast<unsigned>(slot),
                                             number, load.run.iterations_per_ms));
            return 0;
        };
        return BusySlots(load.run, "bench-job", slot, 1, job).run();
    });
}

int run_streams(const CellLoad& load) {
    if (start_streams(load, load.spec.slots) != 0)
        return 1;
    return watch_members();
}

int run_hogs(const CellLoad& load) {
    const auto hog = [&load](std::size_t slot) -> int {
        Worker worker(load.counter(slot), load.run.iterations_per_ms);
        for (;;) // a second at a time; without naps it never sleeps
            compute_with_naps(load, worker, 1000 * load.run.iterations_per_ms);
    };
    if (start_members("bench-hog", 0, load.spec.slots, hog) != 0)
        return 1;
    return watch_members();
}

// Half jobs, half hogs, and sleepers. The slots of the jobs come first.
int run_mixed(const CellLoad& load) {
    const unsigned hogs = load.spec.slots / 2;
    const unsigned jobs = load.spec.slots - hogs;
    const auto hog = [&](std::size_t slot) -> int { run_hog(load.run, load.counter(slot)); };
    const auto sleeper = [&](std::size_t slot) -> int {
        run_sleeper(load.run, load.counter(slot), static_cast<unsigned>(slot));
    };
    if (start_members("bench-hog", jobs, hogs, hog) != 0 ||
        start_members("bench-sleeper", load.spec.slots, load.spec.sleepers, sleeper) != 0 ||
        start_streams(load, jobs) != 0)
        return 1;
    return watch_members();
}

// One end of a pair: computes for each message that it writes, or that it has read.
int run_pipe_end(const CellLoad& load, std::size_t slot, int fd, bool writer) {
    Worker worker(load.counter(slot), load.run.iterations_per_ms);
    const std::uint64_t work = load.iterations(load.spec.work_us);
    Message message{};
    for (;;) {
        if (writer)
            worker.run(work);
        const ssize_t n = writer ? ::write(fd, message.data(), message.size())
                                 : ::read(fd, message.data(), message.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            fmt::print(stderr, "rustland-bench: load: pipe: {}\n", std::strerror(errno));
            return 1;
        }
        if (!writer) {
            worker.run(work);
            load.counter(slot).jobs.fetch_add(1, std::memory_order_relaxed);
        }
    }
}

int run_pipes(const CellLoad& load) {
    for (std::size_t slot = 0; slot < load.spec.slots; ++slot) {
        std::array<int, 2> fds{};
        if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
            fmt::print(stderr, "rustland-bench: load: pipe: {}\n", std::strerror(errno));
            return 1;
        }
        for (const bool writer : {true, false})
            if (!started(fork_member(writer ? "bench-writer" : "bench-reader", [&]() -> int {
                    return run_pipe_end(load, slot, fds[writer ? 1 : 0], writer);
                })))
                return 1;
        ::close(fds[0]);
        ::close(fds[1]);
    }
    return watch_members();
}

// Waits for a device (a sleep: the device is not simulated, so that a run repeats), writes a page
// into a file, reads it again and computes.
int run_transfers(const CellLoad& load, std::size_t slot) {
    Worker worker(load.counter(slot), load.run.iterations_per_ms);
    const UniqueFd file(::memfd_create("rustland-bench-io", MFD_CLOEXEC));
    Message page{};
    for (std::uint64_t step = 0;; ++step) {
        const IoStep plan = io_step(load.spec, load.run.seed, static_cast<unsigned>(slot), step,
                                    load.run.iterations_per_ms);
        sleep_for(plan.wait);
        const auto at = static_cast<off_t>(step % 256 * kMessageBytes);
        if (::pwrite(file.get(), page.data(), page.size(), at) < 0 ||
            ::pread(file.get(), page.data(), page.size(), at) < 0) {
            fmt::print(stderr, "rustland-bench: load: file: {}\n", std::strerror(errno));
            return 1;
        }
        worker.run(plan.iterations);
        load.counter(slot).jobs.fetch_add(1, std::memory_order_relaxed);
    }
}

int run_io(const CellLoad& load) {
    const auto body = [&](std::size_t slot) { return run_transfers(load, slot); };
    if (start_members("bench-io", 0, load.spec.slots, body) != 0)
        return 1;
    return watch_members();
}

// An encoder that is given pictures as fast as it takes them: it reads one, hands slices to its
// threads, twice as many as there are, waits for them, and writes the result.
int run_encoder(const CellLoad& load) {
    constexpr unsigned kSlicesPerThread = 2;
    const std::uint64_t slice = load.iterations(load.spec.work_us);
    const std::vector<std::uint64_t> slices(std::size_t{load.spec.slots} * kSlicesPerThread, slice);
    Worker worker(load.counter(0), load.run.iterations_per_ms);
    try {
        WorkerPool pool({.workers = load.spec.slots, .waves = 1, .jobs = kSlicesPerThread});
        for (;;) {
            worker.run(slice / 4);
            pool.run_wave(slices);
            for (std::size_t slot = 0; slot < load.spec.slots; ++slot)
                load.counter(slot).iterations.fetch_add(kSlicesPerThread * slice,
                                                        std::memory_order_relaxed);
            worker.run(slice / 4);
            load.counter(0).jobs.fetch_add(1, std::memory_order_relaxed);
        }
    } catch (const std::system_error& e) {
        fmt::print(stderr, "rustland-bench: load: cannot start a thread: {}\n", e.what());
        return 1;
    }
}

int run_cell_load(const CellLoad& load) {
    switch (load.spec.family) {
    case LoadFamily::None:
    case LoadFamily::Shader:
        return watch_members();
    case LoadFamily::Compile:
    case LoadFamily::Naps:
    case LoadFamily::Storm:
        return run_streams(load);
    case LoadFamily::Hog:
    case LoadFamily::NapHog:
        return run_hogs(load);
    case LoadFamily::Pipe:
        return run_pipes(load);
    case LoadFamily::Io:
        return run_io(load);
    case LoadFamily::Mixed:
        return run_mixed(load);
    case LoadFamily::Encoder:
        return run_encoder(load);
    }
    return 1;
}

} // namespace

Result<ProcessGroup> start_cell_load(const LoadSpec& load, const LoadCounters& counters,
                                     std::uint64_t seed, std::uint64_t iterations_per_ms,
                                     const Placement& place) {
    const CellLoad cell{load, {counters, seed, iterations_per_ms}};
    return ProcessGroup::start(
        "bench-load", [&] { return run_cell_load(cell); }, place);
}

} // namespace rustland::bench
