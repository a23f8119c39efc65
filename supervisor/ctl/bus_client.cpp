// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/bus_client.hpp"

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/bus_service.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <sys/syscall.h>
#include <unistd.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

// A start may take its time, and somebody may look for a password.
constexpr std::uint64_t kCallPatienceUs = 300'000'000;

struct Name {
    std::string_view request;
    const char* method;
};
constexpr std::array<Name, 9> kNames{{{"start", "Start"},
                                      {"stop", "Stop"},
                                      {"restart", "Restart"},
                                      {"switch", "Switch"},
                                      {"hold", "HoldPidfd"},
                                      {"release", "Release"},
                                      {"resume", "Resume"},
                                      {"reload", "Reload"},
                                      {"reset-failed", "ResetFailed"}}};

const Name* find(const json& request) {
    const std::string name = request.value("request", std::string());
    const auto* it = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const Name& n) { return n.request == name; });
    return it == kNames.end() ? nullptr : it;
}

int append_scheduler(sd_bus_message* m, const json& request) {
    const std::string path = request.value("scheduler", std::string());
    const int r = sd_bus_message_append_basic(m, 's', path.c_str());
    return r < 0 ? r : append_strings(m, request.value("arguments", std::vector<std::string>()));
}

int append_arguments(sd_bus_message* m, const Name& name, const json& request) {
    int r = 0;
    if (name.request == "start") {
        r = append_scheduler(m, request);
        const int take_over = request.value("take_over", false) ? 1 : 0;
        return r < 0 ? r : sd_bus_message_append_basic(m, 'b', &take_over);
    }
    if (name.request == "switch")
        return append_scheduler(m, request);
    if (name.request == "release")
        return sd_bus_message_append(m, "t", request.value("cookie", std::uint64_t{0}));
    if (name.request == "hold") {
        const UniqueFd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
        if (!self)
            return -errno;
        r = sd_bus_message_append(m, "hs", self.get(),
                                  request.value("reason", std::string()).c_str());
        return r < 0 ? r : append_scheduler(m, request);
    }
    return 0;
}

Result<json> understand(const Name& name, sd_bus_message* reply) {
    json answer = {{"ok", true}};
    if (name.request != "hold")
        return answer;
    std::uint64_t cookie = 0;
    const char* problem = nullptr;
    if (const int r = sd_bus_message_read(reply, "ts", &cookie, &problem); r < 0)
        return Error::from_code("rustlandd's answer", -r);
    if (*problem != '\0')
        return Error(problem);
    answer["cookie"] = cookie;
    return answer;
}

} // namespace

Error bus_error(const std::string& name, const std::string& message, int code) {
    // One that is coming up, or on its way out, has its name and no object.
    constexpr std::array<std::string_view, 4> gone{
        SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER,
        SD_BUS_ERROR_UNKNOWN_OBJECT};
    const bool ended = std::find(gone.begin(), gone.end(), name) != gone.end();
    // The bus says "no reply" of a time that is over as well.
    if (name == SD_BUS_ERROR_TIMEOUT || code == ETIMEDOUT)
        return Error("rustlandd does not answer (stopped or overloaded?); see systemctl status "
                     "rustlandd",
                     ETIMEDOUT);
    if (ended || code == ECONNRESET || code == ENOTCONN)
        return Error("rustlandd is not there to answer; see systemctl status rustlandd",
                     ECONNRESET);
    return message.empty() ? Error::from_code("rustlandd", code) : Error(message);
}

Result<std::unique_ptr<BusClient>> BusClient::connect(const std::string& address) {
    sd_bus* bus = nullptr;
    int r = 0;
    if (address.empty()) {
        r = sd_bus_open_system(&bus);
    } else {
        r = sd_bus_new(&bus);
        r = r < 0 ? r : sd_bus_set_address(bus, address.c_str());
        r = r < 0 ? r : sd_bus_set_bus_client(bus, 1);
        r = r < 0 ? r : sd_bus_start(bus);
    }
    std::unique_ptr<BusClient> self(new BusClient(bus));
    if (r < 0)
        return Error::from_code("message bus", -r);
    // Asked first, so that nothing is started for a question.
    sd_bus_creds* owner = nullptr;
    r = sd_bus_get_name_creds(bus, kBusName, SD_BUS_CREDS_PID, &owner);
    const std::unique_ptr<sd_bus_creds, decltype(&sd_bus_creds_unref)> owned(owner,
                                                                             sd_bus_creds_unref);
    if (r < 0)
        return Error::from_code("rustlandd is not on the message bus", -r);
    if (pid_t pid = 0; sd_bus_creds_get_pid(owner, &pid) >= 0)
        self->daemon_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    return self;
}

bool BusClient::carries(const json& request) { return find(request) != nullptr; }

Result<json> BusClient::ask(const json& request) {
    const Name* name = find(request);
    if (name == nullptr)
        return Error("not a request for the message bus");
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(bus_.get(), &raw, kBusName, kBusPath, kBusInterface,
                                           name->method);
    const BusMessage message(raw);
    // A script must not hang in a question for a password.
    if (r >= 0)
        r = sd_bus_message_set_allow_interactive_authorization(raw, ::isatty(STDIN_FILENO));
    r = r < 0 ? r : append_arguments(raw, *name, request);
    if (r < 0)
        return Error::from_code("message bus", -r);
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message* reply = nullptr;
    r = sd_bus_call(bus_.get(), raw, kCallPatienceUs, &error, &reply);
    const BusMessage owned(reply);
    const std::string kind = error.name != nullptr ? error.name : "";
    const std::string why = error.message != nullptr ? error.message : "";
    sd_bus_error_free(&error);
    if (r < 0)
        return bus_error(kind, why, -r);
    return understand(*name, reply);
}

} // namespace rustland::supervisor
