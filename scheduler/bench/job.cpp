// SPDX-License-Identifier: GPL-2.0-only
#include "bench/job.hpp"

#include "bench/clocks.hpp"
#include "bench/model.hpp"
#include "bench/process.hpp"
#include "bench/shared.hpp"
#include "bench/work.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

namespace rustland::bench {
namespace {

constexpr std::string_view kMarker = "--internal-job";
constexpr std::size_t kArguments = 9;

std::string_view to_string(JobStage stage) {
    switch (stage) {
    case JobStage::Driver:
        return "cc";
    case JobStage::Compiler:
        return "cc1";
    case JobStage::Assembler:
        return "as";
    }
    return "cc";
}

template <typename T> bool parse_number(std::string_view text, T& value) {
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    return ec == std::errc{} && end == text.data() + text.size();
}

// Computes and counts, in steps of a quarter of a millisecond, so that the counters are right to
// that when somebody looks.
class Worker {
  public:
    Worker(LoadCounter& counter, std::uint64_t iterations_per_ms)
        : counter_(counter), step_(std::max<std::uint64_t>(iterations_per_ms / 4, 1)) {}

    void run(std::uint64_t iterations) {
        while (iterations > 0) {
            const std::uint64_t now = std::min(iterations, step_);
            state_ = spin(state_, now);
            counter_.iterations.fetch_add(now, std::memory_order_relaxed);
            iterations -= now;
        }
    }

  private:
    LoadCounter& counter_;
    std::uint64_t step_;
    std::uint64_t state_ = 1;
};

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

// Reads one whole chunk, or what is left before the end. 0: end of file.
Result<std::size_t> read_chunk(int fd, std::span<char> chunk) {
    std::size_t have = 0;
    while (have < chunk.size()) {
        const ssize_t n = ::read(fd, chunk.data() + have, chunk.size() - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return Error::from_errno("read");
        if (n == 0)
            break;
        have += static_cast<std::size_t>(n);
    }
    return have;
}

// A file without a name: nothing to remove, whatever happens to us.
Result<UniqueFd> temporary_file() {
    const char* directory = std::getenv("TMPDIR");
    UniqueFd fd(::open(directory != nullptr && *directory != '\0' ? directory : "/tmp",
                       O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!fd) // the file system has no unnamed files, or there is no such directory
        fd.reset(::memfd_create("rustland-bench-job", MFD_CLOEXEC));
    if (!fd)
        return Error::from_errno("create a temporary file");
    return fd;
}

using Chunk = std::array<char, kChunkBytes>;

Status run_driver(const JobOrder& order, const JobPlan& plan, Worker& worker) {
    std::array<int, 2> pipe_fds{};
    if (::pipe2(pipe_fds.data(), O_CLOEXEC) != 0)
        return Error::from_errno("pipe");
    UniqueFd read_end(pipe_fds[0]);
    UniqueFd write_end(pipe_fds[1]);
    auto assembly = temporary_file();
    if (!assembly)
        return assembly.error();

    JobOrder next = order;
    next.parent = ::getpid();
    next.stage = JobStage::Compiler;
    const auto compiler = spawn_self(to_arguments(next), read_end.get(), assembly->get());
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

    if (::lseek(assembly->get(), 0, SEEK_SET) != 0)
        return Error::from_errno("rewind");
    auto object = temporary_file();
    if (!object)
        return object.error();
    next.stage = JobStage::Assembler;
    const auto assembler = spawn_self(to_arguments(next), assembly->get(), object->get());
    if (!assembler)
        return assembler.error();
    return wait_for_success(*assembler, "as");
}

// Touches fresh memory a bit at a time while it computes, as a compiler's heap grows.
Status run_compiler(const JobPlan& plan, Worker& worker) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t bytes = std::max<std::size_t>(plan.memory_pages, 1) * page;
    void* heap = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (heap == MAP_FAILED)
        return Error::from_errno("allocate memory");

    // A fifth while parsing, the rest in steps between which the heap grows and the disk is waited
    // for.
    constexpr unsigned kSteps = 16;
    Chunk chunk{};
    for (;;) {
        const auto n = read_chunk(STDIN_FILENO, chunk);
        if (!n)
            return n.error();
        if (*n == 0)
            break;
        worker.run(plan.compile / 5 / plan.source_chunks);
    }
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
    for (unsigned i = 0; i < plan.source_chunks; ++i)
        if (auto status = write_chunk(STDOUT_FILENO, chunk); !status)
            return status;
    return {};
}

Status run_assembler(const JobPlan& plan, Worker& worker) {
    Chunk chunk{};
    for (;;) {
        const auto n = read_chunk(STDIN_FILENO, chunk);
        if (!n)
            return n.error();
        if (*n == 0)
            return {};
        worker.run(plan.assemble / plan.source_chunks);
        if (auto status = write_chunk(STDOUT_FILENO, {chunk.data(), *n / 2}); !status)
            return status;
    }
}

Status run_stage(const JobOrder& order) {
    const auto counters = LoadCounters::open(order.counters_fd, order.slots);
    if (!counters)
        return counters.error();
    Worker worker(counters->slots()[order.slot], order.iterations_per_ms);
    const JobPlan plan = plan_job(order.seed, order.job, order.iterations_per_ms);
    switch (order.stage) {
    case JobStage::Driver:
        return run_driver(order, plan, worker);
    case JobStage::Compiler:
        return run_compiler(plan, worker);
    case JobStage::Assembler:
        return run_assembler(plan, worker);
    }
    return {};
}

} // namespace

std::vector<std::string> to_arguments(const JobOrder& order) {
    return {"rustland-bench",
            std::string(kMarker),
            std::string(to_string(order.stage)),
            std::to_string(order.parent),
            std::to_string(order.counters_fd),
            std::to_string(order.slots),
            std::to_string(order.slot),
            std::to_string(order.seed),
            std::to_string(order.job),
            std::to_string(order.iterations_per_ms)};
}

std::optional<JobOrder> parse_job_order(std::span<char* const> arguments) {
    if (arguments.size() != kArguments || arguments[0] != kMarker)
        return std::nullopt;
    JobOrder order;
    const std::string_view stage = arguments[1];
    bool known = false;
    for (const JobStage candidate :
         {JobStage::Driver, JobStage::Compiler, JobStage::Assembler}) {
        if (stage == to_string(candidate)) {
            order.stage = candidate;
            known = true;
        }
    }
    const bool numbers = parse_number(arguments[2], order.parent) &&
                         parse_number(arguments[3], order.counters_fd) &&
                         parse_number(arguments[4], order.slots) &&
                         parse_number(arguments[5], order.slot) &&
                         parse_number(arguments[6], order.seed) &&
                         parse_number(arguments[7], order.job) &&
                         parse_number(arguments[8], order.iterations_per_ms);
    if (!known || !numbers || order.slot >= order.slots)
        return std::nullopt;
    return order;
}

int run_job(const JobOrder& order) {
    set_comm(fmt::format("bench-{}", to_string(order.stage)).c_str());
    die_with_parent(order.parent);
    if (const auto status = run_stage(order); !status) {
        fmt::print(stderr, "rustland-bench: job {} ({}): {}\n", order.job, to_string(order.stage),
                   status.error().message());
        return 1;
    }
    return 0;
}

} // namespace rustland::bench
