// SPDX-License-Identifier: GPL-2.0-only
// Plays org.freedesktop.systemd1: units with real processes, jobs, properties and signals.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/loop.hpp"
#include "support/private_bus.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace rustland::test {

class FakeSystemd {
  public:
    FakeSystemd(supervisor::Loop& loop, const std::string& address);
    ~FakeSystemd();
    FakeSystemd(const FakeSystemd&) = delete;
    FakeSystemd& operator=(const FakeSystemd&) = delete;
    FakeSystemd(FakeSystemd&&) = delete;
    FakeSystemd& operator=(FakeSystemd&&) = delete;

    struct Unit {
        bool loaded = true;
        bool masked = false;
        std::string active = "inactive";
        std::string sub = "dead";
        std::string file_state = "disabled";
        std::string environment_file; // whose RUSTLAND_ARGS are its arguments
        std::vector<std::string> argv;
        std::map<std::string, std::string> properties; // of a transient unit: "s" and "b" ones
        bool restarts = false;                         // has Restart=always
        bool transient = false;
        bool to_start = false; // the second half of a restart is to come
        unsigned automatic_restarts = 0;
        int pid = 0;
        int code = 0;
        int status = 0;
        int references = 0;
        int starts = 0;
        UniqueFd pidfd;
        supervisor::Source ended;
    };
    Unit& unit(const std::string& name) { return units_[name]; }
    [[nodiscard]] bool has(const std::string& name) const { return units_.count(name) > 0; }
    // As an administrator would.
    void start(const std::string& name);
    void stop(const std::string& name);
    void restart(const std::string& name);

    bool silent = false;                // answers nothing
    std::optional<std::string> refuse;  // the error for the next starts
    std::optional<std::string> own_job; // type of the job of the caller's own unit
    Nanos restart_delay = millis(2);    // between its two halves
    std::vector<std::string> calls;     // "StartUnit rustland.service" …

  private:
    int handle(sd_bus_message* m);
    int start_transient(sd_bus_message* m);
    int reply_job(sd_bus_message* m);
    int get_all(sd_bus_message* m, const std::string& name);
    int get(sd_bus_message* m);
    void process_ended(const std::string& name);
    void changed(const std::string& name);
    void finish_jobs();

    supervisor::Loop& loop_;
    std::map<std::string, Unit> units_;
    std::vector<std::string> jobs_;
    int next_job_ = 1;
    supervisor::Source job_timer_;
    FakeService service_;
};

// What systemd makes of the variable in an EnvironmentFile= and then of the word $RUSTLAND_ARGS.
std::vector<std::string> arguments_from(const std::string& path);

} // namespace rustland::test
