// SPDX-License-Identifier: GPL-2.0-only
// A message bus of the test's own, where anybody may do anything, and whoever plays a service on
// it.
#pragma once

#include "support/temp_dir.hpp"

#include <csignal>
#include <functional>
#include <spawn.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace rustland::test {

inline pid_t spawn(const std::vector<std::string>& command, int output = -1) {
    std::vector<char*> argv;
    for (const std::string& word : command)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files{};
    ::posix_spawn_file_actions_init(&files);
    if (output >= 0) {
        ::posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
    }
    sigset_t none;
    ::sigemptyset(&none);
    posix_spawnattr_t attributes{};
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    pid_t pid = -1;
    if (::posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), environ) != 0)
        pid = -1;
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
    return pid;
}

class PrivateBus {
  public:
    // `more`: policy that goes before the one that allows everything.
    explicit PrivateBus(const std::string& more = "") {
        // Other users' clients must get to the socket.
        ::chmod(dir_.root().c_str(), 0755);
        dir_.write(
            "bus.conf",
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\""
            " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
            "<busconfig><type>system</type><listen>unix:path=" +
                dir_.path("socket") +
                "</listen><auth>EXTERNAL</auth><policy context=\"default\">"
                "<allow user=\"*\"/><allow own=\"*\"/><allow send_type=\"method_call\"/>"
                "<allow send_type=\"signal\"/><allow send_requested_reply=\"true\"/>"
                "<allow receive_type=\"method_call\"/><allow receive_type=\"signal\"/>"
                "<allow receive_requested_reply=\"true\"/>" +
                more + "</policy></busconfig>\n");
        start();
    }
    PrivateBus(const PrivateBus&) = delete;
    PrivateBus& operator=(const PrivateBus&) = delete;
    PrivateBus(PrivateBus&&) = delete;
    PrivateBus& operator=(PrivateBus&&) = delete;
    ~PrivateBus() { stop(); }

    [[nodiscard]] std::string address() const { return "unix:path=" + dir_.path("socket"); }
    [[nodiscard]] bool ready() const { return pid_ > 0; }

    // Returns once it takes connections.
    void start() {
        int ends[2] = {-1, -1};
        if (::pipe(ends) != 0)
            return;
        pid_ = spawn({"dbus-daemon", "--config-file=" + dir_.path("bus.conf"), "--nofork",
                      "--nopidfile", "--print-address"},
                     ends[1]);
        ::close(ends[1]);
        char line = 0;
        if (pid_ > 0 && ::read(ends[0], &line, 1) != 1)
            stop();
        // Kept open, or what it logs would end it.
        output_ = ends[0];
    }
    void stop() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
        pid_ = -1;
        if (output_ >= 0)
            ::close(std::exchange(output_, -1));
        std::filesystem::remove(dir_.path("socket"));
    }

    // Takes connections and messages as far as the sockets' buffers go, and does nothing with them.
    void pause() const { ::kill(pid_, SIGSTOP); }
    void resume() const { ::kill(pid_, SIGCONT); }

  private:
    TempDir dir_;
    pid_t pid_ = -1;
    int output_ = -1;
};

// A service played by the test: each method call that arrives goes to one function.
class FakeService {
  public:
    using Handler = std::function<int(sd_bus_message*)>;
    FakeService(const std::string& address, sd_event* event, const char* name, Handler handler)
        : handler_(std::move(handler)) {
        sd_bus_new(&bus_);
        sd_bus_set_address(bus_, address.c_str());
        sd_bus_set_bus_client(bus_, 1);
        sd_bus_start(bus_);
        sd_bus_add_filter(bus_, nullptr, on_message, this);
        sd_bus_request_name(bus_, name, 0);
        sd_bus_attach_event(bus_, event, SD_EVENT_PRIORITY_NORMAL);
    }
    FakeService(const FakeService&) = delete;
    FakeService& operator=(const FakeService&) = delete;
    FakeService(FakeService&&) = delete;
    FakeService& operator=(FakeService&&) = delete;
    ~FakeService() { sd_bus_close_unref(bus_); }
    [[nodiscard]] sd_bus* bus() const { return bus_; }

  private:
    static int on_message(sd_bus_message* message, void* data, sd_bus_error*) {
        if (sd_bus_message_is_method_call(message, nullptr, nullptr) <= 0)
            return 0;
        const int r = static_cast<FakeService*>(data)->handler_(message);
        return r < 0 ? sd_bus_reply_method_errno(message, r, nullptr) : 1;
    }
    Handler handler_;
    sd_bus* bus_ = nullptr;
};

} // namespace rustland::test
