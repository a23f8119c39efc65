// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"

#include <string>
#include <string_view>
#include <sys/types.h>

namespace rustland {

// The whole of a small file (sysfs, procfs, configuration). Errors carry the path and errno.
Result<std::string> read_file(const std::string& path);

// As read_file, without trailing white space: one value out of sysfs.
Result<std::string> read_line(const std::string& path);

// Whether something is there, be it a link that points nowhere: a unit that is enabled is a link.
// False where it cannot be told.
bool path_exists(const std::string& path);

// Writes text to an existing file (sysfs, sysctl).
Status write_file(const std::string& path, std::string_view text);

// Makes the file, or replaces it: readers see the old text or the new one, never a part. On an
// error (a full file system) the old one stays and nothing else is left. For everybody to read,
// unless `mode` says otherwise.
Status replace_file(const std::string& path, std::string_view text, mode_t mode = 0644);

} // namespace rustland
