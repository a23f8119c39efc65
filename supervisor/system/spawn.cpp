// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/spawn.hpp"

#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <string_view>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

// Our environment less what systemd meant for us alone.
std::vector<char*> child_environment() {
    std::vector<char*> out;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        if (!text.starts_with("NOTIFY_SOCKET=") && !text.starts_with("WATCHDOG_") &&
            !text.starts_with("LISTEN_") && !text.starts_with("JOURNAL_STREAM="))
            out.push_back(*entry);
    }
    out.push_back(nullptr);
    return out;
}

// posix_spawn's settings, freed whatever happens.
struct SpawnSettings {
    posix_spawn_file_actions_t files{};
    posix_spawnattr_t attributes{};
    SpawnSettings() {
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawnattr_init(&attributes);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    SpawnSettings(SpawnSettings&&) = delete;
    SpawnSettings& operator=(SpawnSettings&&) = delete;
    ~SpawnSettings() {
        ::posix_spawn_file_actions_destroy(&files);
        ::posix_spawnattr_destroy(&attributes);
    }
    void connect(int own, int given) {
        if (given >= 0)
            ::posix_spawn_file_actions_adddup2(&files, given, own);
        else
            ::posix_spawn_file_actions_addopen(&files, own, "/dev/null", O_RDWR, 0);
    }
};

} // namespace

Result<Pid> spawn_program(const Program& program) {
    SpawnSettings settings;
    settings.connect(STDIN_FILENO, -1);
    settings.connect(STDOUT_FILENO, program.output);
    settings.connect(STDERR_FILENO, program.errors);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&settings.attributes, &none);
    ::posix_spawnattr_setsigdefault(&settings.attributes, &all);
    const int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                      (program.own_session ? POSIX_SPAWN_SETSID : 0);
    ::posix_spawnattr_setflags(&settings.attributes, static_cast<short>(flags));
    std::vector<char*> argv;
    for (const std::string& argument : program.command)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    std::vector<char*> environment = child_environment();
    pid_t pid = 0;
    const int r = ::posix_spawnp(&pid, argv.front(), &settings.files, &settings.attributes,
                                 argv.data(), environment.data());
    if (r != 0)
        return Error::from_code(program.command.front(), r);
    return Pid{pid};
}

} // namespace rustland::supervisor
