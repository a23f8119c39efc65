// SPDX-License-Identifier: GPL-2.0-only
// Configuration files to a validated Config: the search, the check that nobody but root (or who
// runs this) can write them, and the layers.
#pragma once

#include "supervisor/config/config.hpp"

#include <map>
#include <optional>
#include <set>
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

// The content of exactly these files; each of them must exist.
std::vector<RawFile> read_config_files(const std::vector<std::string>& files);

// The users that they name, to be looked up before build_config() is asked for the whole: a lookup
// may take long.
std::set<std::string> users_named(const std::vector<RawFile>& files);

// Users by their names, as far as that was found out; no uid: there is no such user.
using UserTable = std::map<std::string, std::optional<uid_t>>;

// Both in one, for a program that may wait.
BuiltConfig load_config(const std::vector<std::string>& files, const UserLookup& lookup,
                        const ProgramLookup& has_program = any_program);

// A file's content, provided that it is a regular file of a sensible size that only its trusted
// owner can change. The error says which of these does not hold.
Result<std::string> read_trusted_file(const std::string& path);

// getpwnam as a UserLookup. Waits for the name services, where they are in the network, too.
std::optional<uid_t> system_user(const std::string& name);

// What is where a program is to be.
enum class ProgramState {
    Ready,
    Missing,
    Unknown, // it could not be looked at; errno says why
    NotAFile,
    NotExecutable,
};
ProgramState look_at_program(const std::string& path);

// A file that may be run, as a ProgramLookup.
Status system_program(const std::string& path);

} // namespace rustland::supervisor
