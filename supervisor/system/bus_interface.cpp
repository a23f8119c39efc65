// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/bus_interface.hpp"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <string_view>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

constexpr const char* kManage = "org.rustland1.manage";
constexpr const char* kHold = "org.rustland1.hold";
constexpr const char* kReload = "org.rustland1.reload";

struct Method {
    std::string_view member;
    const char* request;
    const char* action;
};
constexpr std::array<Method, 13> kMethods{{{"Start", "start", kManage},
                                           {"Stop", "stop", kManage},
                                           {"Restart", "restart", kManage},
                                           {"Switch", "switch", kManage},
                                           {"Hold", "hold", kHold},
                                           {"HoldPidfd", "hold", kHold},
                                           {"Release", "release", kHold},
                                           {"Resume", "resume", kManage},
                                           {"GetDump", "dump", kManage},
                                           {"Reload", "reload", kReload},
                                           {"ResetFailed", "reset-failed", kManage},
                                           {"Explain", "explain", nullptr},
                                           {"ListWorkloads", "list", nullptr}}};

Error bad_arguments(int r) { return Error::from_code("the arguments", -r); }

// The program and its arguments; both empty: as configured.
Status read_scheduler(sd_bus_message* m, json& body) {
    const char* path = nullptr;
    if (const int r = sd_bus_message_read_basic(m, 's', &path); r < 0)
        return bad_arguments(r);
    const auto arguments = read_strings(m);
    if (!arguments)
        return arguments.error();
    if (*path != '\0')
        body["scheduler"] = path;
    if (!arguments->empty())
        body["arguments"] = *arguments;
    return {};
}

// Which process a pidfd is for, as the kernel has it.
Result<int> pid_of_pidfd(int fd) {
    std::ifstream info(fmt::format("/proc/self/fdinfo/{}", fd));
    std::string key;
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("Pid:")) {
            const int pid = std::atoi(line.c_str() + 4);
            if (pid > 0)
                return pid;
            return Error("the pidfd's process has ended, or is not visible from here");
        }
    return Error("the descriptor is not a pidfd");
}

Status read_pidfd(sd_bus_message* m, BusRequest& request) {
    int fd = -1;
    if (const int r = sd_bus_message_read_basic(m, 'h', &fd); r < 0)
        return bad_arguments(r);
    // The message's descriptor goes with the message.
    request.pidfd.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!request.pidfd)
        return Error::from_errno("the pidfd");
    const auto pid = pid_of_pidfd(request.pidfd.get());
    if (!pid)
        return pid.error();
    request.body["pid"] = *pid;
    return {};
}

Status read_hold(sd_bus_message* m, BusRequest& request) {
    const char* reason = nullptr;
    if (const int r = sd_bus_message_read_basic(m, 's', &reason); r < 0)
        return bad_arguments(r);
    request.body["reason"] = reason;
    Status status = read_scheduler(m, request.body);
    // Another scheduler than the one that runs by itself; which ones, the daemon judges.
    if (request.body.contains("scheduler") || request.body.contains("arguments"))
        request.action = kManage;
    return status;
}

Status read_arguments(sd_bus_message* m, std::string_view member, BusRequest& request) {
    int r = 0;
    if (member == "Start") {
        if (Status status = read_scheduler(m, request.body); !status)
            return status;
        int take_over = 0;
        r = sd_bus_message_read_basic(m, 'b', &take_over);
        request.body["take_over"] = take_over != 0;
    } else if (member == "Switch") {
        return read_scheduler(m, request.body);
    } else if (member == "HoldPidfd") {
        if (Status status = read_pidfd(m, request); !status)
            return status;
        return read_hold(m, request);
    } else if (member == "Hold") {
        return read_hold(m, request);
    } else if (member == "Release") {
        std::uint64_t cookie = 0;
        r = sd_bus_message_read_basic(m, 't', &cookie);
        request.body["cookie"] = cookie;
    } else if (member == "Explain") {
        std::int32_t pid = 0;
        r = sd_bus_message_read_basic(m, 'i', &pid);
        request.body["pid"] = pid;
    }
    return r < 0 ? Status(bad_arguments(r)) : Status();
}

// A second fence: a bus ends the connection of whoever sends it anything but UTF-8.
std::string text(const json& value) {
    if (value.is_string())
        return CleanBlock(value.get_ref<const std::string&>());
    return value.is_null() ? "" : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<std::string> clean_all(const json& strings) {
    std::vector<std::string> out;
    for (const json& string : strings)
        out.push_back(text(string));
    return out;
}

int append_text(sd_bus_message* m, const json& value) {
    return sd_bus_message_append_basic(m, 's', text(value).c_str());
}

// An array of structures, each written by `write`.
template <typename Write>
int append_all(sd_bus_message* m, const char* type, const json& items, const Write& write) {
    int r = sd_bus_message_open_container(m, 'a', fmt::format("({})", type).c_str());
    for (auto it = items.begin(); r >= 0 && it != items.end(); ++it) {
        r = sd_bus_message_open_container(m, 'r', type);
        r = r < 0 ? r : write(*it);
        r = r < 0 ? r : sd_bus_message_close_container(m);
    }
    return r < 0 ? r : sd_bus_message_close_container(m);
}

int append_workloads(sd_bus_message* m, const json& workloads) {
    return append_all(m, "su", workloads, [m](const json& w) {
        return sd_bus_message_append(m, "su", text(w["rule"]).c_str(),
                                     w["processes"].get<std::uint32_t>());
    });
}

int append_holds(sd_bus_message* m, const json& holds) {
    return append_all(m, "ts", holds, [m](const json& h) {
        return sd_bus_message_append(m, "ts", h["cookie"].get<std::uint64_t>(),
                                     text(h["reason"]).c_str());
    });
}

int append_quarantine(sd_bus_message* m, const json& entries) {
    return append_all(m, "ss", entries, [m](const json& e) {
        return sd_bus_message_append(m, "ss", text(e["scheduler"]).c_str(),
                                     text(e["reason"]).c_str());
    });
}

// Not what it left: a property is for everybody, GetDump is not.
int append_last_exit(sd_bus_message* m, const json& exit) {
    int r = sd_bus_message_open_container(m, 'a', "{sv}");
    if (r >= 0 && exit.is_object())
        r = sd_bus_message_append(
            m, "{sv}{sv}{sv}{sv}{sv}", "kind", "s", text(exit["kind"]).c_str(), "reason", "s",
            text(exit["reason"]).c_str(), "exit_code", "i", exit["exit_code"].get<int>(), "signal",
            "i", exit["signal"].get<int>(), "time_ms", "x", exit["time_ms"].get<std::int64_t>());
    return r < 0 ? r : sd_bus_message_close_container(m);
}

// What each property is made of.
struct Property {
    std::string_view name;
    const char* key;
    int (*append)(sd_bus_message*, const json&);
};
constexpr std::array<Property, 9> kProperties{{{"Version", "version", append_text},
                                               {"State", "state", append_text},
                                               {"Reason", "why", append_text},
                                               {"Scheduler", "scheduler", append_text},
                                               {"Foreign", "foreign", append_text},
                                               {"ActiveWorkloads", "workloads", append_workloads},
                                               {"Holds", "holds", append_holds},
                                               {"LastExit", "last_exit", append_last_exit},
                                               {"Quarantined", "quarantined", append_quarantine}}};

int answer_list(sd_bus_message* call, const json& members) {
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_return(call, &raw);
    const BusMessage reply(raw);
    if (r >= 0)
        r = append_all(raw, "sisbs", members, [raw](const json& w) {
            return sd_bus_message_append(raw, "sisbs", text(w["rule"]).c_str(),
                                         w["pid"].get<std::int32_t>(), text(w["comm"]).c_str(),
                                         static_cast<int>(w["inherited"].get<bool>()),
                                         text(w["class"]).c_str());
        });
    return r < 0 ? r : sd_bus_send(nullptr, raw, nullptr);
}

} // namespace

Result<BusRequest> read_bus_request(sd_bus_message* message) {
    const std::string_view member = sd_bus_message_get_member(message);
    for (const Method& method : kMethods) {
        if (method.member != member)
            continue;
        BusRequest request;
        request.body["request"] = method.request;
        request.action = method.action;
        if (const Status status = read_arguments(message, member, request); !status)
            return status.error();
        return request;
    }
    return Error("no such method");
}

int send_bus_answer(sd_bus_message* call, const json& answer) {
    const std::string_view member = sd_bus_message_get_member(call);
    const std::string error = text(answer.value("error", json()));
    // A hold counts even where the scheduler does not come up.
    if (answer.contains("cookie"))
        return sd_bus_reply_method_return(call, "ts", answer["cookie"].get<std::uint64_t>(),
                                          error.c_str());
    if (answer.value("ok", json(false)) != true)
        return sd_bus_reply_method_errorf(call, kBusFailed, "%s", error.c_str());
    if (member == "Explain")
        return sd_bus_reply_method_return(call, "s", text(answer["explanation"]).c_str());
    if (member == "GetDump")
        return sd_bus_reply_method_return(call, "s", text(answer["dump"]).c_str());
    if (member == "ListWorkloads")
        return answer_list(call, answer["workloads"]);
    return sd_bus_reply_method_return(call, "");
}

int append_property(sd_bus_message* reply, const std::string& name, const json& status) {
    if (name == "Arguments")
        return append_strings(reply, clean_all(status["arguments"]));
    if (name == "KernelState")
        return append_text(reply, status["kernel"]["state"]);
    if (name == "KernelScheduler")
        return append_text(reply, status["kernel"]["ops"]);
    for (const Property& property : kProperties)
        if (property.name == name)
            return property.append(reply, status[property.key]);
    return -ENOENT;
}

std::vector<std::string> changed_properties(const json& before, const json& after) {
    std::vector<std::string> names;
    for (const Property& property : kProperties)
        if (before[property.key] != after[property.key])
            names.emplace_back(property.name);
    if (before["arguments"] != after["arguments"])
        names.emplace_back("Arguments");
    if (before["kernel"]["state"] != after["kernel"]["state"])
        names.emplace_back("KernelState");
    if (before["kernel"]["ops"] != after["kernel"]["ops"])
        names.emplace_back("KernelScheduler");
    return names;
}

} // namespace rustland::supervisor
