// SPDX-License-Identifier: GPL-2.0-only
// What systemd says about a unit, and texts in the forms that it wants.
#pragma once

#include "rustland/common/types.hpp"
#include "supervisor/config/config.hpp"
#include "supervisor/system/bus.hpp"
#include "supervisor/system/exit_status.hpp"

#include <string>
#include <string_view>

namespace rustland::supervisor {

inline constexpr const char* kSystemd = "org.freedesktop.systemd1";
inline constexpr const char* kSystemdPath = "/org/freedesktop/systemd1";
inline constexpr const char* kSystemdManager = "org.freedesktop.systemd1.Manager";
// The unit of our own scheduler, as it is shipped.
inline constexpr const char* kOurUnit = "rustland.service";

struct UnitState {
    std::string load_state;      // "loaded", "not-found", "masked" …
    std::string active_state;    // "active", "activating", "deactivating", "inactive", "failed"
    std::string sub_state;       // "running", "auto-restart" …
    std::string unit_file_state; // "enabled", "disabled" …
    std::string result;          // "success", "oom-kill" …
    std::string program;         // of its first ExecStart=
    std::string invocation;      // in hexadecimal, as the journal has it
    Pid main_pid;
    int exit_code_kind = 0; // CLD_EXITED, CLD_KILLED, CLD_DUMPED, or 0 while it runs
    int exit_status = 0;
    unsigned restarts = 0; // by itself (Restart=), since it was last started
    bool job = false;      // something is to be done with it

    [[nodiscard]] bool loaded() const { return load_state == "loaded"; }
    [[nodiscard]] bool down() const {
        return active_state == "inactive" || active_state == "failed";
    }
    [[nodiscard]] ProcessEnd end() const;
};

// Reads the answer to Properties.GetAll(""). Properties of another type are passed over.
Result<UnitState> read_unit_state(sd_bus_message* reply);

// The path of a unit's object.
std::string unit_path(std::string_view unit);

// The name of the transient unit for a scheduler that is not ours.
std::string transient_unit_name(const std::string& scheduler_path);

// The content of the file from which rustland.service has its arguments. An argument that systemd
// could not give back as it is is an error.
Result<std::string> environment_file(const std::vector<std::string>& arguments);

// For ExecStart= over the bus, where systemd would put variables in.
std::string without_variables(const std::string& argument);

// The property ExecStart of a unit to be made: this one command. Negative: -errno.
int append_command(sd_bus_message* m, const SchedulerSpec& spec);

// The arguments of StartTransientUnit for a scheduler of others. It needs what it needs: only
// limits that none of them runs into. Negative: -errno.
int append_transient(sd_bus_message* m, const std::string& unit, const SchedulerSpec& spec);

} // namespace rustland::supervisor
