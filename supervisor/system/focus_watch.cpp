// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/focus_watch.hpp"

#include <array>
#include <charconv>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/xattr.h>
#include <system_error>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

constexpr const char* kAttribute = "user.xdg.inactive-since";

} // namespace

bool says_inactive(std::string_view attribute) {
    std::uint64_t since = 0;
    const char* end = attribute.data() + attribute.size();
    const auto parsed = std::from_chars(attribute.data(), end, since);
    return parsed.ec == std::errc{} && parsed.ptr == end;
}

Result<std::unique_ptr<FocusWatch>> FocusWatch::create(Loop& loop, std::string cgroup_root,
                                                       std::function<void()> on_change) {
    std::unique_ptr<FocusWatch> self(new FocusWatch(std::move(cgroup_root), std::move(on_change)));
    self->inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!self->inotify_)
        return Error::from_errno("watch the focus of applications");
    auto source = loop.io(self->inotify_.get(), EPOLLIN,
                          [watch = self.get()](std::uint32_t) { watch->drain(); });
    if (!source)
        return source.error();
    self->source_ = *std::move(source);
    return self;
}

bool FocusWatch::inactive(const std::string& cgroup) {
    std::string path = cgroup;
    while (path.size() > 1) {
        const std::string folder = root_ + path;
        std::array<char, 64> text{};
        // Watched first, so that no change is missed in between. A folder that is gone ends its
        // watch by itself, and one that is watched already is not watched twice.
        ::inotify_add_watch(inotify_.get(), folder.c_str(), IN_ATTRIB | IN_ONLYDIR);
        const ssize_t length = ::getxattr(folder.c_str(), kAttribute, text.data(), text.size());
        if (length >= 0)
            return says_inactive({text.data(), static_cast<std::size_t>(length)});
        // Above the user's own applications nothing is an application.
        if (path.ends_with("/app.slice") || path.ends_with(".service"))
            return false;
        path.resize(path.rfind('/'));
    }
    return false;
}

void FocusWatch::drain() {
    alignas(inotify_event) std::array<char, 4096> buffer{};
    bool changed = false;
    while (::read(inotify_.get(), buffer.data(), buffer.size()) > 0)
        changed = true;
    if (changed)
        on_change_();
}

} // namespace rustland::supervisor
