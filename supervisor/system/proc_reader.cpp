// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/proc_reader.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

// Longer command lines are cut: patterns look at the beginning, and one process must not cost us
// megabytes.
constexpr std::size_t kLongestFile = 16384;
constexpr int kMostAncestors = 64;
// PF_KTHREAD of the kernel's task flags.
constexpr std::uint32_t kKernelThread = 0x00200000;

template <typename T> bool to_number(std::string_view text, T& number) {
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    return ec == std::errc{} && end == text.data() + text.size();
}

Result<std::string> read_at(int directory, const char* name) {
    const UniqueFd fd(::openat(directory, name, O_RDONLY | O_CLOEXEC));
    if (!fd)
        return Error::from_errno(name);
    std::string text;
    std::array<char, 4096> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init): hot path
    while (text.size() < kLongestFile) {
        const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return Error::from_errno(name);
        text.append(buffer.data(), static_cast<std::size_t>(n));
        if (static_cast<std::size_t>(n) < buffer.size())
            break; // procfs fills the buffer while there is more
    }
    return text;
}

// One process's directory. What is opened in it is this process's, or an error once it is gone:
// a PID that is used again cannot slip in between.
class ProcDir {
  public:
    ProcDir(const std::string& root, Pid pid)
        : fd_(::open(fmt::format("{}/{}", root, pid.value).c_str(),
                     O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
          pid_(pid) {}
    [[nodiscard]] bool valid() const { return fd_.valid(); }

    [[nodiscard]] Result<ProcStat> stat() const {
        const auto text = read_at(fd_.get(), "stat");
        return text ? parse_proc_stat(*text) : Result<ProcStat>(text.error());
    }
    [[nodiscard]] std::vector<std::string> argv() const {
        const auto text = read_at(fd_.get(), "cmdline");
        return text ? parse_proc_cmdline(*text) : std::vector<std::string>{};
    }
    [[nodiscard]] std::optional<std::string> cgroup() const {
        const auto text = read_at(fd_.get(), "cgroup");
        return text ? parse_proc_cgroup(*text) : std::nullopt;
    }
    [[nodiscard]] std::optional<uid_t> uid() const {
        const auto text = read_at(fd_.get(), "status");
        const auto number = text ? parse_proc_status(*text, "Uid") : std::nullopt;
        return number ? std::optional(static_cast<uid_t>(*number)) : std::nullopt;
    }
    [[nodiscard]] std::optional<std::string> exe() const {
        std::array<char, 4096> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init)
        const ssize_t n = ::readlinkat(fd_.get(), "exe", buffer.data(), buffer.size());
        if (n <= 0)
            return std::nullopt;
        std::string_view path(buffer.data(), static_cast<std::size_t>(n));
        // An update replaces the file of a running game.
        constexpr std::string_view deleted = " (deleted)";
        if (path.ends_with(deleted))
            path.remove_suffix(deleted.size());
        return std::string(path);
    }
    [[nodiscard]] Pid pid() const { return pid_; }

  private:
    UniqueFd fd_;
    Pid pid_;
};

using Entry = AncestorCache::Entry;

std::optional<Entry> read_ancestor(const std::string& root, Pid pid, bool with_argv, Nanos now) {
    const ProcDir dir(root, pid);
    const auto stat = dir.valid() ? dir.stat() : Result<ProcStat>(Error("gone"));
    if (!stat)
        return std::nullopt;
    Entry entry{{{pid, stat->start_time}, stat->comm, {}, std::nullopt}, stat->parent, now};
    if (with_argv) {
        const std::vector<std::string> argv = dir.argv();
        entry.ancestor.programs = program_names(argv, stat->comm);
        entry.ancestor.steam_appid = steam_appid_from_argv(argv);
    }
    return entry;
}

// From the cache, which may be null, or read and put there.
std::optional<Entry> find_ancestor(const std::string& root, Pid pid, bool with_argv,
                                   AncestorCache* cache, Nanos now) {
    if (cache == nullptr)
        return read_ancestor(root, pid, with_argv, now);
    const auto known = cache->entries.find(pid);
    if (known != cache->entries.end() && now < known->second.read + AncestorCache::kGoodFor)
        return known->second;
    auto entry = read_ancestor(root, pid, with_argv, now);
    if (entry)
        cache->entries.insert_or_assign(pid, *entry);
    else
        cache->entries.erase(pid);
    return entry;
}

void read_ancestors(const std::string& root, ProcessInfo& info, bool with_argv, int deepest,
                    AncestorCache* cache, Nanos now) {
    Pid next = info.parent;
    std::uint64_t younger = info.key.start_time;
    for (int i = 0; i < deepest && next.value > 1; ++i) {
        auto entry = find_ancestor(root, next, with_argv, cache, now);
        // A parent is never younger than its child: a younger one has only the number.
        if (!entry || entry->ancestor.key.start_time > younger)
            return;
        younger = entry->ancestor.key.start_time;
        next = entry->parent;
        info.ancestors.push_back(std::move(entry->ancestor));
    }
}

struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

std::vector<Pid> numbered_entries(const std::string& path) {
    std::vector<Pid> pids;
    const std::unique_ptr<DIR, CloseDir> dir(::opendir(path.c_str()));
    while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
        std::int32_t number = 0;
        if (to_number(std::string_view(entry->d_name), number) && number > 0)
            pids.push_back(Pid{number});
    }
    return pids;
}

} // namespace

Result<ProcStat> parse_proc_stat(std::string_view text) {
    const std::size_t open = text.find('(');
    const std::size_t close = text.rfind(')');
    const Error bad("stat: not understood");
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
        return bad;
    ProcStat stat;
    stat.comm = text.substr(open + 1, close - open - 1);
    // After the name: state is field 3, ppid 4, flags 9, starttime 22.
    std::string_view rest = text.substr(close + 1);
    bool parent = false;
    for (int field = 2; !rest.empty(); ++field) {
        const std::size_t space = rest.find_first_of(" \n");
        const std::string_view word = rest.substr(0, space);
        if (field == 4)
            parent = to_number(word, stat.parent.value);
        std::uint32_t flags = 0;
        if (field == 9 && to_number(word, flags))
            stat.kernel_thread = (flags & kKernelThread) != 0;
        if (field == 22)
            return parent && to_number(word, stat.start_time) ? Result<ProcStat>(stat) : bad;
        if (space == std::string_view::npos)
            break;
        rest.remove_prefix(space + 1);
    }
    return bad;
}

std::vector<std::string> parse_proc_cmdline(std::string_view text) {
    std::vector<std::string> argv;
    while (!text.empty()) {
        const std::size_t end = text.find('\0');
        argv.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    // What rewrote its title pads the rest with NULs.
    while (!argv.empty() && argv.back().empty())
        argv.pop_back();
    return argv;
}

std::optional<std::string> parse_proc_cgroup(std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        if (line.starts_with("0::/"))
            return std::string(line.substr(3));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return std::nullopt;
}

std::optional<std::int64_t> parse_proc_status(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':')
            continue;
        line.remove_prefix(key.size() + 1);
        const std::size_t begin = line.find_first_not_of(" \t");
        if (begin == std::string_view::npos)
            return std::nullopt;
        line.remove_prefix(begin);
        std::int64_t number = 0;
        if (!to_number(line.substr(0, line.find_first_of(" \t")), number))
            return std::nullopt;
        return number;
    }
    return std::nullopt;
}

Result<std::vector<Pid>> ProcReader::list() const {
    std::vector<Pid> pids = numbered_entries(root_);
    if (pids.empty())
        return Error(fmt::format("{}: no processes to be seen; is procfs mounted?", root_));
    return pids;
}

Result<ProcessKey> ProcReader::key(Pid pid) const {
    const ProcDir dir(root_, pid);
    const auto stat = dir.valid() ? dir.stat() : Result<ProcStat>(Error("gone", ESRCH));
    if (!stat)
        return stat.error();
    return ProcessKey{pid, stat->start_time};
}

Result<ProcessInfo> ProcReader::read(Pid pid, const Needs& needs, bool ancestors) const {
    return read_with(pid, needs, ancestors, nullptr, {});
}

Result<ProcessInfo> ProcReader::read_program(Pid pid, const Needs& needs, bool ancestors,
                                             AncestorCache& cache, Nanos now) const {
    return read_with(pid, needs, ancestors, &cache, now);
}

Result<ProcessInfo> ProcReader::read_with(Pid pid, const Needs& needs, bool ancestors,
                                          AncestorCache* cache, Nanos now) const {
    const ProcDir dir(root_, pid);
    if (!dir.valid())
        return Error(fmt::format("there is no process {}", pid.value), ESRCH);
    const auto stat = dir.stat();
    if (!stat)
        return stat.error();
    if (cache != nullptr && stat->kernel_thread)
        return Error("a kernel thread");
    ProcessInfo info;
    info.key = {pid, stat->start_time};
    info.parent = stat->parent;
    info.comm = stat->comm;
    if (needs.argv || needs.steam_appid)
        info.argv = dir.argv();
    if (needs.cgroup || needs.steam_appid)
        info.cgroup = dir.cgroup();
    if (needs.exe)
        info.exe = dir.exe();
    if (needs.uid)
        info.uid = dir.uid();
    if (needs.steam_appid) {
        info.steam_appid = steam_appid_from_argv(info.argv);
        if (!info.steam_appid && info.cgroup)
            info.steam_appid = steam_appid_from_cgroup(*info.cgroup);
    }
    const bool whole_chain = needs.ancestors || needs.steam_appid || ancestors;
    if (whole_chain || needs.parent)
        read_ancestors(root_, info, needs.ancestors || needs.parent || needs.steam_appid,
                       whole_chain ? kMostAncestors : 1, cache, now);
    return info;
}

std::vector<Pid> ProcReader::children(Pid pid) const {
    std::vector<Pid> out;
    const std::string tasks = fmt::format("{}/{}/task", root_, pid.value);
    for (const Pid tid : numbered_entries(tasks)) {
        const UniqueFd dir(::open(fmt::format("{}/{}", tasks, tid.value).c_str(),
                                  O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        const auto text = dir ? read_at(dir.get(), "children") : Result<std::string>(Error("gone"));
        if (!text)
            continue;
        std::string_view rest = *text;
        while (!rest.empty()) {
            const std::size_t space = rest.find(' ');
            std::int32_t number = 0;
            if (to_number(rest.substr(0, space), number) && number > 0)
                out.push_back(Pid{number});
            rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
        }
    }
    return out;
}

std::optional<uid_t> ProcReader::user(Pid pid) const { return ProcDir(root_, pid).uid(); }

Result<Pid> ProcReader::thread_group(Pid tid) const {
    const ProcDir dir(root_, tid);
    if (!dir.valid())
        return Error(fmt::format("there is no process {}", tid.value), ESRCH);
    const UniqueFd fd(
        ::open(fmt::format("{}/{}", root_, tid.value).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto text = fd ? read_at(fd.get(), "status") : Result<std::string>(Error("gone", ESRCH));
    if (!text)
        return text.error();
    const auto tgid = parse_proc_status(*text, "Tgid");
    if (!tgid || *tgid <= 0)
        return Error(fmt::format("{}/{}/status: no Tgid", root_, tid.value));
    return Pid{static_cast<std::int32_t>(*tgid)};
}

Result<UniqueFd> open_pidfd(Pid pid) {
    UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid.value, 0)));
    if (!fd)
        return Error::from_errno(fmt::format("watch process {}", pid.value));
    return fd;
}

} // namespace rustland::supervisor
