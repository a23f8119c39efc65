// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/load.hpp"

#include "rustland/common/unique_fd.hpp"
#include "supervisor/config/trust.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <pwd.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

constexpr std::size_t kLargestFile = 1U << 20U;

std::vector<std::string> conf_files(const std::string& directory) {
    std::vector<std::string> files;
    // One that cannot be looked into is read itself, which says why and what to do.
    if (!check_in_sight(directory))
        return {directory};
    std::error_code ec;
    for (std::filesystem::directory_iterator it(directory, ec), end; !ec && it != end;
         it.increment(ec)) {
        const std::filesystem::path& path = it->path();
        if (path.extension() == ".conf" && !path.filename().string().starts_with('.'))
            files.push_back(path.string());
    }
    if (ec == std::errc::permission_denied)
        return {directory};
    std::sort(files.begin(), files.end());
    return files;
}

// "mine.conf~", "mine.conf.dpkg-old", "README"
bool kept_beside(const std::string& name) {
    constexpr std::array<std::string_view, 8> marks{"~",     ".swp",    ".bak",     ".old",
                                                    ".orig", ".rpmnew", ".rpmsave", ".new"};
    return name.starts_with('.') || name.starts_with("README") ||
           name.find(".dpkg-") != std::string::npos || name.find(".ucf-") != std::string::npos ||
           std::any_of(marks.begin(), marks.end(),
                       [&](std::string_view mark) { return name.ends_with(mark); });
}

// Also where root reads a file that the daemon, which has no more rights than its owner, cannot.
constexpr const char* kNotReadable = "cannot be read: Permission denied; chmod a+r it";

constexpr const char* kNotListable = "cannot be read: Permission denied; chmod a+rx it";

Status check_file(const struct stat& st) {
    if (!S_ISREG(st.st_mode))
        return Error("is not a regular file");
    if (Status status = check_owner(st); !status)
        return status;
    if ((st.st_mode & S_IRUSR) == 0)
        return Error(kNotReadable);
    if (static_cast<std::size_t>(st.st_size) > kLargestFile)
        return Error("is larger than 1 MiB; this is no configuration");
    return {};
}

} // namespace

std::vector<std::string> find_config_files(const ConfigPaths& paths) {
    std::vector<std::string> files = conf_files(paths.vendor_dir);
    struct stat st = {};
    if (::stat(paths.main_file.c_str(), &st) == 0 || errno != ENOENT)
        files.push_back(paths.main_file);
    const std::vector<std::string> admin = conf_files(paths.admin_dir);
    files.insert(files.end(), admin.begin(), admin.end());
    return files;
}

std::vector<std::string> passed_over_files(const ConfigPaths& paths) {
    std::vector<std::string> files;
    for (const std::string& directory : {paths.vendor_dir, paths.admin_dir}) {
        std::error_code ec;
        for (std::filesystem::directory_iterator it(directory, ec), end; !ec && it != end;
             it.increment(ec)) {
            std::error_code none;
            if (it->path().extension() != ".conf" && it->is_regular_file(none) &&
                !kept_beside(it->path().filename().string()))
                files.push_back(it->path().string());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

Result<std::string> read_trusted_file(const std::string& path) {
    // First, so that root, who sees it, is told the same as the daemon, which does not.
    if (const Status status = check_in_sight(path); !status)
        return status.error();
    // O_NONBLOCK: a FIFO must not hang us before it is refused.
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd && errno == EACCES) {
        std::error_code ec;
        return Error(std::filesystem::is_directory(path, ec) ? kNotListable : kNotReadable, EACCES);
    }
    if (!fd)
        return Error::from_code("cannot be read", errno);
    struct stat st = {};
    if (::fstat(fd.get(), &st) != 0)
        return Error::from_code("cannot be read", errno);
    if (const Status status = check_file(st); !status)
        return status.error();
    if (const Status status = check_folders(path); !status)
        return status.error();
    std::string text;
    std::array<char, 16384> buffer{};
    for (;;) {
        const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return Error::from_code("cannot be read", errno);
        if (n == 0)
            return text;
        text.append(buffer.data(), static_cast<std::size_t>(n));
        if (text.size() > kLargestFile)
            return Error("is larger than 1 MiB; this is no configuration");
    }
}

std::vector<RawFile> read_config_files(const std::vector<std::string>& files) {
    std::vector<RawFile> raw;
    for (const std::string& file : files) {
        const auto text = read_trusted_file(file);
        if (text) {
            raw.push_back(parse_ini(*text, file));
        } else {
            raw.push_back({});
            raw.back().problems.push_back({file, 0, "", "", text.error().message()});
        }
    }
    return raw;
}

std::set<std::string> users_named(const std::vector<RawFile>& files) {
    std::set<std::string> names;
    build_config(files, [&names](const std::string& name) {
        names.insert(name);
        return std::optional<uid_t>(0);
    });
    return names;
}

BuiltConfig load_config(const std::vector<std::string>& files, const UserLookup& lookup,
                        const ProgramLookup& has_program) {
    BuiltConfig built = build_config(read_config_files(files), lookup, has_program);
    built.config.files = files;
    return built;
}

std::optional<uid_t> system_user(const std::string& name) {
    std::array<char, 16384> buffer{};
    struct passwd entry = {};
    struct passwd* found = nullptr;
    if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
        found == nullptr)
        return std::nullopt;
    return entry.pw_uid;
}

ProgramState look_at_program(const std::string& path) {
    struct stat st = {};
    if (::stat(path.c_str(), &st) != 0)
        return errno == ENOENT || errno == ENOTDIR ? ProgramState::Missing : ProgramState::Unknown;
    if (!S_ISREG(st.st_mode))
        return ProgramState::NotAFile;
    return ::access(path.c_str(), X_OK) == 0 ? ProgramState::Ready : ProgramState::NotExecutable;
}

Status system_program(const std::string& path) {
    switch (look_at_program(path)) {
    case ProgramState::Ready:
        return {};
    case ProgramState::Missing:
        return Error(fmt::format("there is no program {}; install it or correct the path", path));
    case ProgramState::NotAFile:
        return Error(fmt::format("{} is not a program; correct the path", path));
    case ProgramState::NotExecutable:
        return Error(fmt::format("{} is not executable; chmod +x it", path));
    case ProgramState::Unknown:
        break;
    }
    return Error::from_errno(fmt::format("cannot look at {}", path));
}

} // namespace rustland::supervisor
