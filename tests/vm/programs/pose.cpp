// SPDX-License-Identifier: GPL-2.0-only
// A process that looks like another program: to the kernel by its name, to the supervisor by its
// whole command line.
#include "commands.hpp"
#include "support.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace rustland::vm {
namespace {

constexpr const char* kComm = "VM_TASKS_POSE_COMM";
constexpr const char* kOpen = "VM_TASKS_POSE_OPEN";

} // namespace

// The command line is the other program's from here on, so that only the environment tells.
void pose_if_told() {
    const char* comm = std::getenv(kComm);
    if (comm == nullptr)
        return;
    ::prctl(PR_SET_NAME, comm);
    if (const char* file = std::getenv(kOpen))
        if (::open(file, O_RDWR | O_CLOEXEC) < 0)
            die(file, errno);
    for (;;)
        ::pause();
}

int pose(const PoseOptions& options) {
    std::vector<char*> arguments;
    for (const std::string& word : options.command)
        arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::setenv(kComm, options.comm.c_str(), 1);
    if (!options.open.empty())
        ::setenv(kOpen, options.open.c_str(), 1);
    ::execv("/proc/self/exe", arguments.data());
    die("exec", errno);
}

} // namespace rustland::vm
