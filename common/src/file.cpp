// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/file.hpp"

#include "rustland/common/unique_fd.hpp"

#include <array>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>

namespace rustland {

Result<std::string> read_file(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd)
        return Error::from_errno(path);
    std::string text;
    std::array<char, 4096> buffer{};
    for (;;) {
        const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return Error::from_errno(path);
        if (n == 0)
            return text;
        text.append(buffer.data(), static_cast<std::size_t>(n));
    }
}

bool path_exists(const std::string& path) {
    struct stat entry {};
    return ::lstat(path.c_str(), &entry) == 0;
}

Result<std::string> read_line(const std::string& path) {
    auto text = read_file(path);
    if (text) {
        const auto end = text->find_last_not_of(" \t\r\n");
        text->resize(end == std::string::npos ? 0 : end + 1);
    }
    return text;
}

Status write_file(const std::string& path, std::string_view text) {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd)
        return Error::from_errno(path);
    const ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0)
        return Error::from_errno(path);
    // One write is one value to the kernel: a part of it is another one.
    if (n != static_cast<ssize_t>(text.size()))
        return Error(path + ": only a part of the value was taken", EIO);
    return {};
}

Status replace_file(const std::string& path, std::string_view text, mode_t mode) {
    // In the same folder, as a rename stays within a file system; not a name that another writer or
    // a reader of the folder takes for a finished file.
    const std::string fresh = path + "." + std::to_string(::getpid()) + ".new";
    ::unlink(fresh.c_str()); // of a process that was killed at this, and had the same number
    UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!fd)
        return Error::from_errno(path);
    const auto fail = [&] {
        Error error = Error::from_errno(path);
        ::unlink(fresh.c_str());
        return error;
    };
    while (!text.empty()) {
        const ssize_t n = ::write(fd.get(), text.data(), text.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail();
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::fchmod(fd.get(), mode) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0)
        return fail();
    return {};
}

} // namespace rustland
