// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/kernel/cgroup_limits.hpp"

#include "rustland/common/file.hpp"

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>

namespace rustland {
namespace {

namespace fs = std::filesystem;

// cgroups come and go under our eyes: what cannot be read any more is passed over.
void scan(const fs::path& root, const fs::path& dir, std::vector<std::string>& limited) {
    const auto limit = read_line(dir / "cpu.max");
    if (limit && !limit->empty() && limit->rfind("max", 0) != 0)
        limited.push_back(dir.lexically_relative(root).string());
    std::error_code error;
    fs::directory_iterator entry(dir, fs::directory_options::skip_permission_denied, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        std::error_code gone;
        if (entry->is_directory(gone) && !entry->is_symlink(gone))
            scan(root, entry->path(), limited);
    }
}

} // namespace

std::vector<std::string> cgroups_with_cpu_max(const std::string& root) {
    std::vector<std::string> limited;
    scan(root, root, limited);
    std::sort(limited.begin(), limited.end());
    return limited;
}

Result<std::uint64_t> cgroup_id(const std::string& path, const std::string& root) {
    struct stat info = {};
    if (::stat((root + path).c_str(), &info) != 0)
        return Error::from_errno("cgroup " + path);
    return info.st_ino;
}

} // namespace rustland
