// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/cgroup_watch.hpp"

#include "rustland/common/file.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <system_error>

namespace rustland::supervisor {
namespace {

constexpr std::string_view kEvents = "/cgroup.events";
// A desktop has some hundred cgroups; a machine full of containers must not cost more.
constexpr std::size_t kMostWatches = 4096;
// A user may make as many empty groups below his own as he likes.
constexpr std::size_t kMostOfOneOwner = 1024;
constexpr int kDeepestGroup = 12;

// "user-1000.slice" of what is below that; empty for what is no user's.
std::string owner_of(const std::string& path) {
    constexpr std::string_view mark = "/user.slice/user-";
    if (!path.starts_with(mark))
        return "";
    const std::size_t from = mark.find("user-");
    return path.substr(from, path.find('/', mark.size()) - from);
}

} // namespace

std::vector<Pid> cgroup_processes(const std::string& root, const std::string& path) {
    std::vector<Pid> pids;
    const auto text = read_file(root + path + "/cgroup.procs");
    std::string_view rest = text ? std::string_view(*text) : std::string_view{};
    while (!rest.empty()) {
        std::int32_t number = 0;
        const auto [end, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
        // 0 stands for a process outside this PID namespace.
        if (ec == std::errc{} && number > 0)
            pids.push_back(Pid{number});
        const std::size_t newline = rest.find('\n');
        rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
    }
    return pids;
}

Result<std::unique_ptr<CgroupWatch>>
CgroupWatch::create(Loop& loop, std::string root, std::function<bool(const std::string&)> wanted,
                    std::function<void(const std::string&)> appeared) {
    std::error_code ec;
    // Where v1 and v2 are mixed, v2 is mounted below.
    if (!std::filesystem::exists(root + "/cgroup.procs", ec) &&
        std::filesystem::exists(root + "/unified/cgroup.procs", ec))
        root += "/unified";
    if (!std::filesystem::exists(root + "/cgroup.procs", ec))
        return Error(root + ": no cgroup v2 hierarchy");
    std::unique_ptr<CgroupWatch> self(
        new CgroupWatch(std::move(root), std::move(wanted), std::move(appeared)));
    self->fd_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!self->fd_)
        return Error::from_errno("watch cgroups");
    CgroupWatch* raw = self.get();
    auto source = loop.io(self->fd_.get(), EPOLLIN, [raw](std::uint32_t) { raw->read(); });
    if (!source)
        return source.error();
    self->source_ = *std::move(source);
    self->add("", 0);
    return self;
}

void CgroupWatch::add(const std::string& path, int depth) {
    std::size_t& of_owner = watches_of_[owner_of(path)];
    if (depth > kDeepestGroup || paths_.size() >= kMostWatches || of_owner >= kMostOfOneOwner)
        return;
    // First the watch, then the listing: what is made in between is seen twice rather than never.
    const int watch =
        ::inotify_add_watch(fd_.get(), (root_ + path).c_str(), IN_CREATE | IN_ONLYDIR);
    if (watch < 0)
        return;
    if (paths_.insert_or_assign(watch, path).second)
        ++of_owner;
    if (!path.empty() && wanted_(path)) {
        const std::string file = path + std::string(kEvents);
        const int events = ::inotify_add_watch(fd_.get(), (root_ + file).c_str(), IN_MODIFY);
        if (events >= 0 && paths_.insert_or_assign(events, file).second)
            ++of_owner;
        appeared_(path);
    }
    std::error_code ec;
    for (std::filesystem::directory_iterator it(root_ + path, ec), end; !ec && it != end;
         it.increment(ec)) {
        // A group that has just gone is no reason to leave its neighbours out.
        std::error_code gone;
        if (it->is_directory(gone))
            add(path + "/" + it->path().filename().string(), depth + 1);
    }
}

void CgroupWatch::forget(std::map<int, std::string>::iterator watch) {
    const auto owner = watches_of_.find(owner_of(watch->second));
    if (owner != watches_of_.end() && --owner->second == 0)
        watches_of_.erase(owner);
    paths_.erase(watch);
}

void CgroupWatch::read() {
    alignas(inotify_event) std::array<char, 16384> buffer; // NOLINT
    for (;;) {
        const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
        if (n <= 0)
            return;
        for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(n);) {
            inotify_event event{};
            std::memcpy(&event, buffer.data() + at, sizeof(event));
            const char* name = buffer.data() + at + sizeof(event);
            at += sizeof(event) + event.len;
            if ((event.mask & IN_Q_OVERFLOW) != 0) {
                add("", 0);
                continue;
            }
            const auto it = paths_.find(event.wd);
            if (it == paths_.end())
                continue;
            const std::string path = it->second;
            if ((event.mask & IN_IGNORED) != 0)
                forget(it);
            else if ((event.mask & IN_CREATE) != 0 && event.len > 0)
                add(path + "/" + name, 0);
            else if ((event.mask & IN_MODIFY) != 0 && path.ends_with(kEvents))
                appeared_(path.substr(0, path.size() - kEvents.size()));
        }
    }
}

} // namespace rustland::supervisor
