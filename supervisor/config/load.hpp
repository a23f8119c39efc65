// SPDX-License-Identifier: GPL-2.0-only
// Configuration files to a validated Config: the search, the check that nobody but root (or who
// runs this) can write them, and the layers.
#pragma once

#include "supervisor/config/config.hpp"

#include <string>
#include <vector>

namespace rustland::supervisor {

struct ConfigPaths {
    std::string vendor_dir = "/usr/lib/rustland/rustland.conf.d";
    std::string main_file = "/etc/rustland/rustland.conf";
    std::string admin_dir = "/etc/rustland/rustland.conf.d";
};

// The files that exist, in the order in which they are laid over each other.
std::vector<std::string> find_config_files(const ConfigPaths& paths);

// Files in the folders that are not read because of their names, though somebody may think so: not
// those that an editor or a packaging system keeps beside others.
std::vector<std::string> passed_over_files(const ConfigPaths& paths);

// Reads exactly these files; each of them must exist.
BuiltConfig load_config(const std::vector<std::string>& files, const UserLookup& lookup,
                        const ProgramLookup& has_program = any_program);

// A file's content, provided that it is a regular file of a sensible size that only its trusted
// owner can change. The error says which of these does not hold.
Result<std::string> read_trusted_file(const std::string& path);

// getpwnam as a UserLookup.
std::optional<uid_t> system_user(const std::string& name);

// A file that may be run, as a ProgramLookup.
bool system_program(const std::string& path);

} // namespace rustland::supervisor
