// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/open_files.hpp"

#include <array>
#include <cerrno>
#include <dirent.h>
#include <fmt/format.h>
#include <memory>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

constexpr int kMostFiles = 4096;

struct CloseFiles {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

} // namespace

bool for_each_open_file(const std::string& proc_root, Pid pid,
                        const std::function<bool(std::string_view, const std::string&)>& look) {
    const std::string base = fmt::format("{}/{}", proc_root, pid.value);
    const std::unique_ptr<DIR, CloseFiles> dir(::opendir((base + "/fd").c_str()));
    if (!dir)
        return errno != EACCES && errno != EPERM;
    int files = 0;
    while (const dirent* entry = ::readdir(dir.get())) {
        if (++files > kMostFiles)
            return true;
        std::array<char, 64> path{};
        const ssize_t length =
            ::readlinkat(::dirfd(dir.get()), entry->d_name, path.data(), path.size());
        if (length > 0 && !look({path.data(), static_cast<std::size_t>(length)},
                                fmt::format("{}/fdinfo/{}", base, entry->d_name)))
            return true;
    }
    return true;
}

} // namespace rustland::supervisor
