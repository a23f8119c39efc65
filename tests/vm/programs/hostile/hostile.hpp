// SPDX-License-Identifier: GPL-2.0-only
// What ordinary users do to the sockets of the daemons, and what root sees meanwhile. Nothing here
// harms: bytes on sockets that anybody may connect to, and small processes with odd names.
#pragma once

#include "rustland/common/types.hpp"
#include "rustland/common/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace rustland::vm {

// One of the two sockets and what its protocol looks like.
struct Target {
    std::string name; // for people
    std::string path;
    std::string question; // what root asks, with its line feed
    std::string expected; // what a good answer holds
    // Requests that an ordinary user has no right to, that make no sense, or that cost much.
    std::vector<std::string> pieces;
};

Target control_socket(const std::string& path);
Target scheduler_socket(const std::string& path);

// A connection whose reads and writes give up after `patience`; invalid where there is none to be
// had.
UniqueFd connect_to(const std::string& path, Nanos patience);

// Starts everybody who is hostile to these, each in a process of its own, which ends with this one.
// `programs`: a folder for programs with odd names that are run, or empty for none.
std::vector<pid_t> start_hostile(const std::vector<Target>& targets, const std::string& programs);
void end_hostile(const std::vector<pid_t>& children);

// What those programs do: next to nothing. They are this one, called with this option.
inline constexpr const char* kNapOption = "--nap";
void nap();

struct Answers {
    int asked = 0;
    Nanos longest;
    std::string refusal; // the first answer that was none, or empty
};

// Root asks all of them in turn, ten times a second, for so long; one result for each. With
// `without_waits`, the time that the machine had no CPU for the two sides does not count.
std::vector<Answers> ask_all(const std::vector<Target>& targets, Nanos span, bool without_waits);

} // namespace rustland::vm
