// SPDX-License-Identifier: GPL-2.0-only
// Whether others could have put something of theirs in a file's place.
#pragma once

#include "rustland/common/result.hpp"

#include <string>
#include <sys/stat.h>

namespace rustland::supervisor {

// Root, or whoever runs this.
bool trusted_owner(uid_t uid);

// An error where the file belongs to anybody else or can be written by others.
Status check_owner(const struct stat& st);

// An error that says what to do where a folder on the way to the file at `path` (also by way of
// links), or a link itself, belongs to anybody else or can be written by others. A folder with the
// sticky bit may be: there nobody can replace what is not his. The file itself is not looked at.
Status check_folders(const std::string& path);

// An error that says what to do where links on the way to the file lead into a home folder, which
// rustlandd does not see as a service, though whoever runs this may. Neither the file nor what is
// in the home need be there.
Status check_in_sight(const std::string& path);

// The same for the folders and the file.
Status check_trusted(const std::string& path);

} // namespace rustland::supervisor
