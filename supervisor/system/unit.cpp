// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/unit.hpp"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fmt/format.h>

namespace rustland::supervisor {
namespace {

constexpr std::uint64_t kMemoryLimit = 1ULL << 30U;

bool plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool read_text(sd_bus_message* m, std::string& out) {
    const char* text = nullptr;
    if (sd_bus_message_read(m, "v", "s", &text) < 0)
        return false;
    out = text;
    return true;
}

bool read_pid(sd_bus_message* m, Pid& out) {
    std::uint32_t pid = 0;
    if (sd_bus_message_read(m, "v", "u", &pid) < 0)
        return false;
    out = Pid{static_cast<std::int32_t>(pid)};
    return true;
}

bool read_number(sd_bus_message* m, int& out) {
    std::int32_t number = 0;
    if (sd_bus_message_read(m, "v", "i", &number) < 0)
        return false;
    out = number;
    return true;
}

bool read_count(sd_bus_message* m, unsigned& out) {
    std::uint32_t number = 0;
    if (sd_bus_message_read(m, "v", "u", &number) < 0)
        return false;
    out = number;
    return true;
}

bool read_job(sd_bus_message* m, bool& out) {
    std::uint32_t id = 0;
    if (sd_bus_message_read(m, "v", "(uo)", &id, nullptr) < 0)
        return false;
    out = id != 0;
    return true;
}

bool read_id(sd_bus_message* m, std::string& out) {
    const void* bytes = nullptr;
    std::size_t size = 0;
    if (sd_bus_message_enter_container(m, 'v', "ay") < 0 ||
        sd_bus_message_read_array(m, 'y', &bytes, &size) < 0)
        return false;
    const auto* byte = static_cast<const unsigned char*>(bytes);
    out.clear();
    for (std::size_t i = 0; i < size; ++i)
        out += fmt::format("{:02x}", byte[i]);
    return sd_bus_message_exit_container(m) >= 0;
}

// Only the path of the first command.
bool read_program(sd_bus_message* m, std::string& out) {
    constexpr const char* type = "(sasbttttuii)";
    if (sd_bus_message_enter_container(m, 'v', "a(sasbttttuii)") < 0 ||
        sd_bus_message_enter_container(m, 'a', type) < 0)
        return false;
    for (bool first = true;; first = false) {
        const int r = sd_bus_message_enter_container(m, 'r', "sasbttttuii");
        if (r < 0)
            return false;
        if (r == 0)
            break;
        const char* path = nullptr;
        if (sd_bus_message_read_basic(m, 's', &path) < 0 ||
            sd_bus_message_skip(m, "asbttttuii") < 0 || sd_bus_message_exit_container(m) < 0)
            return false;
        if (first)
            out = path;
    }
    if (sd_bus_message_exit_container(m) < 0)
        return false;
    return sd_bus_message_exit_container(m) >= 0;
}

bool read_property(sd_bus_message* m, std::string_view name, UnitState& unit) {
    if (name == "LoadState")
        return read_text(m, unit.load_state);
    if (name == "ActiveState")
        return read_text(m, unit.active_state);
    if (name == "SubState")
        return read_text(m, unit.sub_state);
    if (name == "UnitFileState")
        return read_text(m, unit.unit_file_state);
    if (name == "Result")
        return read_text(m, unit.result);
    if (name == "MainPID")
        return read_pid(m, unit.main_pid);
    if (name == "ExecMainCode")
        return read_number(m, unit.exit_code_kind);
    if (name == "ExecMainStatus")
        return read_number(m, unit.exit_status);
    if (name == "NRestarts")
        return read_count(m, unit.restarts);
    if (name == "Job")
        return read_job(m, unit.job);
    if (name == "InvocationID")
        return read_id(m, unit.invocation);
    if (name == "ExecStart")
        return read_program(m, unit.program);
    return sd_bus_message_skip(m, "v") >= 0;
}

} // namespace

ProcessEnd UnitState::end() const {
    ProcessEnd end;
    end.known = exit_code_kind != 0;
    (exit_code_kind == CLD_EXITED ? end.exit_code : end.signal) = exit_status;
    return end;
}

Result<UnitState> read_unit_state(sd_bus_message* reply) {
    const Error bad("systemd's answer about a unit is not understood");
    UnitState unit;
    if (sd_bus_message_enter_container(reply, 'a', "{sv}") < 0)
        return bad;
    for (;;) {
        const int r = sd_bus_message_enter_container(reply, 'e', "sv");
        if (r == 0)
            return unit;
        const char* name = nullptr;
        if (r < 0 || sd_bus_message_read_basic(reply, 's', &name) < 0 ||
            !read_property(reply, name, unit) || sd_bus_message_exit_container(reply) < 0)
            return bad;
    }
}

std::string unit_path(std::string_view unit) {
    std::string out = fmt::format("{}/unit/", kSystemdPath);
    for (std::size_t i = 0; i < unit.size(); ++i) {
        const char c = unit[i];
        // A digit at the start would not be an element of a path.
        if (plain(c) && !(i == 0 && c >= '0' && c <= '9'))
            out += c;
        else
            out += fmt::format("_{:02x}", static_cast<unsigned char>(c));
    }
    return out;
}

std::string transient_unit_name(const std::string& scheduler_path) {
    std::string name = scheduler_path.substr(scheduler_path.rfind('/') + 1);
    std::replace_if(
        name.begin(), name.end(),
        [](char c) { return !plain(c) && c != '_' && c != '-' && c != '.'; }, '_');
    constexpr std::size_t longest = 200; // a unit's name has at most 255 characters
    return "rustland-scheduler-" + name.substr(0, longest) + ".service";
}

Result<std::string> environment_file(const std::vector<std::string>& arguments) {
    // systemd splits the variable's value into words as a shell would: each is quoted for that …
    std::string value;
    for (const std::string& argument : arguments) {
        const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
        if (std::any_of(argument.begin(), argument.end(), control))
            return Error(
                fmt::format("the scheduler's argument \"{}\" has a control character", argument));
        value += value.empty() ? "\"" : " \"";
        for (const char c : argument)
            value += c == '"' || c == '\\' ? fmt::format("\\{}", c) : std::string(1, c);
        value += '"';
    }
    // … and the whole of it again for the file.
    std::string line = "# Written by rustlandd for each start.\nRUSTLAND_ARGS=\"";
    for (const char c : value)
        line += c == '"' || c == '\\' || c == '`' || c == '$' ? fmt::format("\\{}", c)
                                                              : std::string(1, c);
    return line + "\"\n";
}

std::string without_variables(const std::string& argument) {
    std::string out;
    for (const char c : argument)
        out += c == '$' ? std::string("$$") : std::string(1, c);
    return out;
}

// Failures end up in `r`, where the last one counts as much as the first.
int append_command(sd_bus_message* m, const SchedulerSpec& spec) {
    std::vector<std::string> argv{without_variables(spec.path)};
    for (const std::string& argument : spec.args)
        argv.push_back(without_variables(argument));
    int r = sd_bus_message_open_container(m, 'r', "sv");
    r = r < 0 ? r : sd_bus_message_append(m, "s", "ExecStart");
    r = r < 0 ? r : sd_bus_message_open_container(m, 'v', "a(sasb)");
    r = r < 0 ? r : sd_bus_message_open_container(m, 'a', "(sasb)");
    r = r < 0 ? r : sd_bus_message_open_container(m, 'r', "sasb");
    r = r < 0 ? r : sd_bus_message_append(m, "s", spec.path.c_str());
    r = r < 0 ? r : append_strings(m, argv);
    r = r < 0 ? r : sd_bus_message_append(m, "b", 0);
    for (int level = 0; level < 4 && r >= 0; ++level)
        r = sd_bus_message_close_container(m);
    return r;
}

int append_transient(sd_bus_message* m, const std::string& unit, const SchedulerSpec& spec) {
    const std::string description = fmt::format("CPU scheduler {} (rustlandd)", spec.path);
    int r = sd_bus_message_append(m, "ss", unit.c_str(), "fail");
    r = r < 0 ? r : sd_bus_message_open_container(m, 'a', "(sv)");
    r = r < 0 ? r
              : sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)", "Description",
                                      "s", description.c_str(), "Type", "s", "exec", "Restart", "s",
                                      "no", "KillSignal", "i", SIGINT, "CollectMode", "s",
                                      "inactive-or-failed", "AddRef", "b", 1, "NoNewPrivileges",
                                      "b", 1, "ProtectHome", "s", "read-only", "MemoryMax", "t",
                                      kMemoryLimit, "LimitMEMLOCK", "t", UINT64_MAX);
    r = r < 0 ? r : append_command(m, spec);
    r = r < 0 ? r : sd_bus_message_close_container(m);
    return r < 0 ? r : sd_bus_message_append(m, "a(sa(sv))", 0);
}

} // namespace rustland::supervisor
