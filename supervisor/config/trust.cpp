// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/trust.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <filesystem>
#include <fmt/format.h>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

constexpr int kMostLinks = 40; // as the kernel follows

using Parts = std::deque<std::string>;

// What ProtectHome= in rustlandd.service hides.
bool in_home(const std::string& path) {
    constexpr std::array<std::string_view, 3> homes{"/home", "/root", "/run/user"};
    return std::any_of(homes.begin(), homes.end(), [&](std::string_view home) {
        return path.starts_with(home) && (path.size() == home.size() || path[home.size()] == '/');
    });
}

Parts split(std::string_view path) {
    Parts parts;
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        if (!part.empty() && part != ".")
            parts.emplace_back(part);
        path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    }
    return parts;
}

Status check_folder(const std::string& path, const struct stat& st) {
    const bool writable = (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st.st_mode & S_ISVTX) == 0;
    if (writable || !trusted_owner(st.st_uid))
        return Error(fmt::format("its directory {} can be written by others; chmod go-w and "
                                 "chown root it",
                                 path));
    return {};
}

} // namespace

Status check_owner(const struct stat& st) {
    if (!trusted_owner(st.st_uid))
        return Error(fmt::format("belongs to uid {}; chown root it", st.st_uid));
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return Error("can be written by others; chmod go-w it");
    return {};
}

namespace {

// Walks the path as the kernel does, and looks at each step. Nothing is opened: what is checked
// here can only be changed by those who are trusted.
class Walk {
  public:
    explicit Walk(const std::string& path, bool sight_alone = false)
        : path_(path), rest_(split(path)), sight_alone_(sight_alone) {}

    Status run(bool file_too) {
        if (Status status = look("/"); !status && !sight_alone_)
            return status;
        while (!rest_.empty()) {
            const std::string part = rest_.front();
            rest_.pop_front();
            if (part == "..") {
                at_ = std::filesystem::path(at_).parent_path().string();
                continue;
            }
            Status status = step(fmt::format("{}/{}", at_ == "/" ? "" : at_, part), file_too);
            if (!status)
                return status;
        }
        return {};
    }

  private:
    Status look(const std::string& path) {
        struct stat st = {};
        if (::lstat(path.c_str(), &st) != 0)
            return Error::from_errno(path);
        return check_folder(path, st);
    }
    Status step(const std::string& next, bool file_too) {
        if (sight_alone_ && in_home(next))
            return out_of_sight();
        struct stat st = {};
        if (::lstat(next.c_str(), &st) != 0)
            return sight_alone_ ? end() : Error::from_errno(next);
        if (S_ISLNK(st.st_mode))
            return follow(next, st);
        at_ = next;
        if (sight_alone_)
            return {};
        if (S_ISDIR(st.st_mode))
            return check_folder(next, st);
        return file_too && rest_.empty() ? check_owner(st) : Status{};
    }
    // A link's target is its owner's to choose.
    Status follow(const std::string& link, const struct stat& st) {
        std::array<char, 4096> target{};
        const ssize_t n = ::readlink(link.c_str(), target.data(), target.size());
        if (n <= 0)
            return Error::from_errno(link);
        if (++links_ > kMostLinks)
            return Error::from_code(link, ELOOP);
        if (!sight_alone_ && !trusted_owner(st.st_uid))
            return Error(
                fmt::format("the link {} belongs to uid {}; chown -h root it", link, st.st_uid));
        const std::string_view text(target.data(), static_cast<std::size_t>(n));
        link_ = link;
        target_ = (std::filesystem::path(at_) / text).lexically_normal().string();
        // Not at_ = "/", of which GCC 12 thinks that it overlaps itself (-Wrestrict).
        if (text.starts_with('/'))
            at_.assign(1, '/');
        Parts parts = split(text);
        rest_.insert(rest_.begin(), parts.begin(), parts.end());
        return {};
    }

    Status out_of_sight() {
        // By its own name it is where whoever gave it wants it: to try it, for instance.
        if (link_.empty())
            return end();
        return Error(fmt::format("{2}leads to {1}, in a home folder, which rustlandd does not see; "
                                 "put a copy in its place: sudo rm {0} && sudo cp -r {1} {0}",
                                 link_, target_, link_ == path_ ? "" : link_ + " "));
    }
    // Nothing more is looked at.
    Status end() {
        rest_.clear();
        return {};
    }

    std::string path_;
    std::string at_ = "/";
    Parts rest_;
    int links_ = 0;
    bool sight_alone_ = false;
    std::string link_; // the last one that was followed, and where it leads
    std::string target_;
};

Status walk(const std::string& path, bool file_too, bool sight_alone = false) {
    std::error_code ec;
    const std::string whole = std::filesystem::absolute(path, ec).string();
    return ec ? Status(Error::from_code(path, ec.value())) : Walk(whole, sight_alone).run(file_too);
}

} // namespace

bool trusted_owner(uid_t uid) { return uid == 0 || uid == ::geteuid(); }

Status check_in_sight(const std::string& path) { return walk(path, false, true); }

Status check_folders(const std::string& path) { return walk(path, false); }

Status check_trusted(const std::string& path) { return walk(path, true); }

} // namespace rustland::supervisor
