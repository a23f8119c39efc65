// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/trace_record.hpp"

#include "rustland/common/file.hpp"
#include "rustland/common/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

Error cannot_make(const std::string& path) {
    if (errno == EEXIST)
        return Error(
            fmt::format("{} is there already: another trace runs, or one was killed (then: "
                        "rmdir {})",
                        path, path),
            EEXIST);
    if (errno == EACCES || errno == EPERM)
        return Error("recording needs root", errno);
    return Error::from_errno(path);
}

} // namespace

Result<TraceInstance> TraceInstance::create(std::uint64_t buffer_kib, const std::string& tracefs) {
    // Others may not even look into it.
    if (::access(tracefs.c_str(), X_OK) != 0 && errno == EACCES)
        return Error("recording needs root", EACCES);
    if (!path_exists(tracefs + "/instances"))
        return Error(fmt::format("no tracing at {0} (mount -t tracefs nodev {0}); the kernel needs "
                                 "CONFIG_FTRACE",
                                 tracefs),
                     ENOENT);
    const std::string path = tracefs + "/instances/rustland";
    if (::mkdir(path.c_str(), 0700) != 0)
        return cannot_make(path);
    TraceInstance instance(path);
    if (auto done = instance.set("tracing_on", "0"); !done)
        return done.error();
    if (auto done = instance.set("trace_clock", "mono"); !done)
        return done.error();
    if (auto done = instance.set("buffer_size_kb", std::to_string(buffer_kib)); !done)
        return done.error().with("not enough memory for the buffers?");
    // The column of flags grows from kernel to kernel, and Perfetto does not know each of its
    // shapes (google/perfetto#500); all entries without that column it reads.
    if (auto done = instance.set("options/irq-info", "0"); !done)
        return done.error();
    for (const char* event : {"sched/sched_switch", "sched/sched_waking"})
        if (auto done = instance.set(fmt::format("events/{}/enable", event), "1"); !done)
            return done.error();
    // What the kernel's part of sched_ext tells, where it does.
    if (path_exists(path + "/events/sched_ext/enable"))
        if (auto done = instance.set("events/sched_ext/enable", "1"); !done)
            return done.error();
    return instance;
}

TraceInstance::~TraceInstance() {
    if (path_.empty())
        return;
    // A buffer that is written to cannot go.
    static_cast<void>(stop());
    ::rmdir(path_.c_str());
}

Status TraceInstance::set(const std::string& name, std::string_view value) const {
    return write_file(path_ + "/" + name, value);
}

Status TraceInstance::start() { return set("tracing_on", "1"); }
Status TraceInstance::stop() { return set("tracing_on", "0"); }

void TraceInstance::counter(std::string_view name, double value) const {
    // The form that Perfetto takes for a counter of a process.
    static_cast<void>(
        set("trace_marker", fmt::format("C|{}|{}|{:.0f}\n", ::getpid(), name, value)));
}

Status TraceInstance::write_to(const std::string& file,
                               const std::function<bool()>& give_up) const {
    return copy_trace(path_ + "/trace", file, give_up);
}

std::uint64_t TraceInstance::lost() const {
    std::uint64_t lost = 0;
    std::error_code failed;
    for (std::filesystem::directory_iterator cpu(path_ + "/per_cpu", failed), end;
         !failed && cpu != end; cpu.increment(failed)) {
        std::ifstream stats(cpu->path() / "stats");
        for (std::string line; std::getline(stats, line);)
            for (const std::string_view key : {"overrun: ", "dropped events: "})
                if (line.starts_with(key)) {
                    std::uint64_t count = 0;
                    std::from_chars(line.data() + key.size(), line.data() + line.size(), count);
                    lost += count;
                }
    }
    return lost;
}

namespace {

// A trace has everybody's programs in it: it is for whoever records it alone, and goes through no
// link that somebody else may have put in its place.
Result<UniqueFd> create_private(const std::string& file) {
    UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd || ::fchmod(fd.get(), 0600) != 0)
        return Error::from_errno(file);
    return fd;
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

} // namespace

Status copy_trace(const std::string& from, const std::string& file,
                  const std::function<bool()>& give_up) {
    std::ifstream in(from, std::ios::binary);
    if (!in)
        return Error::from_errno(from);
    const auto out = create_private(file);
    if (!out)
        return out.error();
    std::array<char, 65536> piece{};
    while (in.good()) {
        if (give_up())
            return Error(file + " is incomplete: its writing was interrupted", EINTR);
        in.read(piece.data(), piece.size());
        if (!write_all(out->get(), {piece.data(), static_cast<std::size_t>(in.gcount())}))
            return Error::from_errno("writing the trace to " + file);
    }
    if (in.bad())
        return Error::from_errno("reading the trace of " + from);
    return {};
}

} // namespace rustland::supervisor
