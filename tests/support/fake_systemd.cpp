// SPDX-License-Identifier: GPL-2.0-only
#include "support/fake_systemd.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/file.hpp"
#include "supervisor/system/unit.hpp"

#include <csignal>
#include <sys/epoll.h>
#include <sys/syscall.h>

namespace rustland::test {

using supervisor::kSystemdManager;
using supervisor::kSystemdPath;

FakeSystemd::FakeSystemd(supervisor::Loop& loop, const std::string& address)
    : loop_(loop), service_(address, loop.raw(), supervisor::kSystemd,
                            [this](sd_bus_message* m) { return handle(m); }) {
    auto timer = loop.timer([this] { finish_jobs(); });
    job_timer_ = *std::move(timer);
}

FakeSystemd::~FakeSystemd() {
    for (auto& [name, unit] : units_)
        if (unit.pid > 0) {
            ::kill(unit.pid, SIGKILL);
            ::waitpid(unit.pid, nullptr, 0);
        }
}

int FakeSystemd::handle(sd_bus_message* m) {
    if (silent)
        return 1;
    const std::string member = sd_bus_message_get_member(m);
    if (member == "GetAll") {
        for (const auto& [name, unit] : units_)
            if (supervisor::unit_path(name) == sd_bus_message_get_path(m))
                return get_all(m, name);
        return get_all(m, "");
    }
    if (member == "Get")
        return get(m);
    if (member == "Subscribe")
        return sd_bus_reply_method_return(m, "");
    if (member == "GetUnitByPID")
        return sd_bus_reply_method_return(m, "o", "/org/freedesktop/systemd1/unit/self");
    const char* text = nullptr;
    if (member == "StartTransientUnit")
        return start_transient(m);
    if (const int r = sd_bus_message_read_basic(m, 's', &text); r < 0)
        return r;
    const std::string name = text;
    calls.push_back(member + " " + name);
    if (units_.count(name) == 0)
        return sd_bus_reply_method_errorf(m, "org.freedesktop.systemd1.NoSuchUnit",
                                          "Unit %s not loaded.", text);
    if (member == "RefUnit" || member == "UnrefUnit") {
        units_[name].references += member == "RefUnit" ? 1 : -1;
        return sd_bus_reply_method_return(m, "");
    }
    if (member == "ResetFailedUnit")
        return sd_bus_reply_method_return(m, "");
    if (member == "KillUnit") {
        const char* who = nullptr;
        int signal = 0;
        sd_bus_message_read(m, "si", &who, &signal);
        calls.back() += " " + std::to_string(signal);
        if (units_[name].pid > 0)
            ::kill(units_[name].pid, signal);
        return sd_bus_reply_method_return(m, "");
    }
    if (member == "StartUnit" && refuse)
        return sd_bus_reply_method_errorf(m, "org.freedesktop.systemd1.UnitMasked", "%s",
                                          refuse->c_str());
    const int r = reply_job(m);
    member == "StartUnit" ? start(name) : stop(name);
    return r;
}

// The job ends a little later, as a real one does.
int FakeSystemd::reply_job(sd_bus_message* m) {
    jobs_.push_back("/org/freedesktop/systemd1/job/" + std::to_string(next_job_++));
    job_timer_.arm(monotonic_now() + millis(2));
    return sd_bus_reply_method_return(m, "o", jobs_.back().c_str());
}

void FakeSystemd::finish_jobs() {
    for (const std::string& job : std::exchange(jobs_, {}))
        sd_bus_emit_signal(service_.bus(), kSystemdPath, kSystemdManager, "JobRemoved", "uoss", 1U,
                           job.c_str(), "some.service", "done");
    for (auto& [name, unit] : units_)
        if (unit.to_start && unit.pid == 0) {
            unit.to_start = false;
            start(name);
        }
}

int FakeSystemd::start_transient(sd_bus_message* m) {
    const char* text = nullptr;
    const char* mode = nullptr;
    if (const int r = sd_bus_message_read(m, "ss", &text, &mode); r < 0)
        return r;
    const std::string name = text;
    calls.push_back("StartTransientUnit " + name);
    if (refuse)
        return sd_bus_reply_method_errorf(m, "org.freedesktop.systemd1.UnitExists", "%s",
                                          refuse->c_str());
    Unit& unit = units_[name];
    unit = Unit{};
    unit.transient = true;
    int r = sd_bus_message_enter_container(m, 'a', "(sv)");
    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sv")) > 0) {
        const char* key = nullptr;
        const char* type = nullptr;
        sd_bus_message_read_basic(m, 's', &key);
        sd_bus_message_peek_type(m, nullptr, &type);
        if (std::string(key) == "ExecStart") {
            sd_bus_message_enter_container(m, 'v', type);
            sd_bus_message_enter_container(m, 'a', "(sasb)");
            sd_bus_message_enter_container(m, 'r', "sasb");
            sd_bus_message_read_basic(m, 's', nullptr);
            unit.argv = *supervisor::read_strings(m);
            sd_bus_message_skip(m, "b");
            for (int level = 0; level < 3; ++level)
                sd_bus_message_exit_container(m);
        } else if (std::string(type) == "s") {
            const char* value = nullptr;
            sd_bus_message_read(m, "v", "s", &value);
            unit.properties[key] = value;
        } else {
            sd_bus_message_skip(m, "v");
        }
        r = sd_bus_message_exit_container(m);
    }
    r = r < 0 ? r : sd_bus_message_exit_container(m);
    r = r < 0 ? r : sd_bus_message_skip(m, "a(sa(sv))");
    if (r < 0)
        return r;
    ++unit.references;
    // Variables, as systemd puts them in.
    for (std::string& word : unit.argv)
        for (std::size_t at = 0; (at = word.find("$$", at)) != std::string::npos; ++at)
            word.erase(at, 1);
    r = reply_job(m);
    start(name);
    return r;
}

void FakeSystemd::start(const std::string& name) {
    Unit& unit = units_[name];
    if (unit.pid > 0)
        return;
    std::vector<std::string> argv = unit.argv;
    if (!unit.environment_file.empty())
        for (const std::string& argument : arguments_from(unit.environment_file))
            argv.push_back(argument);
    ++unit.starts;
    unit.code = unit.status = 0;
    unit.pid = spawn(argv);
    unit.active = "active";
    unit.sub = "running";
    unit.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, unit.pid, 0)));
    auto source =
        loop_.io(unit.pidfd.get(), EPOLLIN, [this, name](std::uint32_t) { process_ended(name); });
    unit.ended = *std::move(source);
    changed(name);
}

void FakeSystemd::stop(const std::string& name) {
    Unit& unit = units_[name];
    unit.restarts = false;
    if (unit.pid > 0) {
        unit.active = "deactivating";
        ::kill(unit.pid, SIGINT);
    } else {
        unit.active = "inactive";
        unit.sub = "dead";
    }
    changed(name);
}

void FakeSystemd::restart(const std::string& name) {
    units_[name].to_start = true;
    stop(name);
}

void FakeSystemd::process_ended(const std::string& name) {
    Unit& unit = units_[name];
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(unit.pid), &info, WEXITED);
    unit.pid = 0;
    unit.code = info.si_code;
    unit.status = info.si_status;
    unit.ended.reset();
    unit.pidfd.reset();
    const bool clean = info.si_code == CLD_EXITED && info.si_status == 0;
    unit.active = unit.restarts ? "activating" : clean ? "inactive" : "failed";
    unit.sub = unit.restarts ? "auto-restart" : clean ? "dead" : "failed";
    changed(name);
    if (unit.to_start) // its job is there as long as finish_jobs() has not started it
        job_timer_.arm(monotonic_now() + restart_delay);
}

void FakeSystemd::changed(const std::string& name) {
    sd_bus_emit_signal(service_.bus(), supervisor::unit_path(name).c_str(),
                       "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as",
                       "org.freedesktop.systemd1.Unit", 0, 0);
}

int FakeSystemd::get_all(sd_bus_message* m, const std::string& name) {
    static Unit missing;
    missing.loaded = false;
    const Unit& unit = name.empty() ? missing : units_[name];
    sd_bus_message* reply = nullptr;
    sd_bus_message_new_method_return(m, &reply);
    sd_bus_message_open_container(reply, 'a', "{sv}");
    sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "LoadState", "s",
                          unit.masked   ? "masked"
                          : unit.loaded ? "loaded"
                                        : "not-found",
                          "ActiveState", "s", unit.active.c_str(), "SubState", "s",
                          unit.sub.c_str(), "UnitFileState", "s", unit.file_state.c_str(), "Id",
                          "s", name.c_str(), "MainPID", "u", static_cast<unsigned>(unit.pid),
                          "ExecMainCode", "i", unit.code, "ExecMainStatus", "i", unit.status);
    sd_bus_message_append(reply, "{sv}{sv}", "NRestarts", "u", unit.automatic_restarts, "Job",
                          "(uo)", unit.to_start ? 9U : 0U,
                          unit.to_start ? "/org/freedesktop/systemd1/job/9" : "/");
    if (!unit.argv.empty())
        sd_bus_message_append(reply, "{sv}", "ExecStart", "a(sasbttttuii)", 1, unit.argv[0].c_str(),
                              1, unit.argv[0].c_str(), 0, 0ULL, 0ULL, 0ULL, 0ULL, 0U, 0, 0);
    const unsigned char id[] = {0xab, 0x01};
    sd_bus_message_append(reply, "{sv}", "InvocationID", "ay", 2, id[0], id[1]);
    sd_bus_message_close_container(reply);
    const int r = sd_bus_send(nullptr, reply, nullptr);
    sd_bus_message_unref(reply);
    return r;
}

// The caller's own unit and its job; the manager's version.
int FakeSystemd::get(sd_bus_message* m) {
    const char* interface = nullptr;
    const char* property = nullptr;
    sd_bus_message_read(m, "ss", &interface, &property);
    const std::string name = property;
    if (name == "Job")
        return sd_bus_reply_method_return(m, "v", "(uo)", own_job ? 7U : 0U,
                                          own_job ? "/org/freedesktop/systemd1/job/7" : "/");
    if (name == "JobType")
        return sd_bus_reply_method_return(m, "v", "s", own_job.value_or("").c_str());
    return sd_bus_reply_method_return(m, "v", "s", "252");
}

std::vector<std::string> arguments_from(const std::string& path) {
    const auto file = read_file(path);
    const std::string text = file ? *file : "";
    const std::size_t at = text.find("RUSTLAND_ARGS=\"");
    std::string value;
    if (at == std::string::npos)
        return {};
    for (std::size_t i = at + 15; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && std::string("\"\\`$").find(text[i + 1]) != std::string::npos)
            ++i;
        value += text[i];
    }
    std::vector<std::string> words;
    bool quoted = false;
    bool word = false;
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == ' ' && !quoted) {
            word = false;
            continue;
        }
        if (!std::exchange(word, true))
            words.emplace_back();
        if (value[i] == '"')
            quoted = !quoted;
        else
            words.back() += value[i] == '\\' ? value[++i] : value[i];
    }
    return words;
}

} // namespace rustland::test
