// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/own_unit.hpp"

#include "supervisor/system/unit.hpp"

#include <string_view>

namespace rustland::supervisor {
namespace {

// A stop waits for this.
constexpr Nanos kSystemdPatience = seconds(2);

BusMessage get_property(Bus& bus, const char* path, const char* interface, const char* name) {
    BusMessage m = bus.method(kSystemd, path, "org.freedesktop.DBus.Properties", "Get");
    if (m)
        sd_bus_message_append(m.get(), "ss", interface, name);
    return m;
}

} // namespace

void ask_whether_restarting(Bus& bus, const std::shared_ptr<void>& owner, pid_t pid,
                            const std::function<void(bool)>& answer) {
    using Failure = Bus::Failure;
    const auto type_known = [answer](sd_bus_message* reply, const Failure* failure) {
        const char* type = nullptr;
        // While a restart stops the unit its job is still called that; it becomes a start later.
        answer(failure == nullptr && sd_bus_message_read(reply, "v", "s", &type) >= 0 &&
               std::string_view(type) == "restart");
    };
    const auto job_known = [&bus, owner, answer, type_known](sd_bus_message* reply,
                                                             const Failure* failure) {
        std::uint32_t id = 0;
        const char* job = nullptr;
        if (failure != nullptr || sd_bus_message_read(reply, "v", "(uo)", &id, &job) < 0 || id == 0)
            return answer(false); // somebody sent a signal
        bus.call(get_property(bus, job, "org.freedesktop.systemd1.Job", "JobType"), owner,
                 type_known, kSystemdPatience);
    };
    BusMessage m = bus.method(kSystemd, kSystemdPath, kSystemdManager, "GetUnitByPID");
    if (m)
        sd_bus_message_append(m.get(), "u", static_cast<std::uint32_t>(pid));
    bus.call(
        std::move(m), owner,
        [&bus, owner, answer, job_known](sd_bus_message* reply, const Failure* failure) {
            const char* unit = nullptr;
            if (failure != nullptr || sd_bus_message_read_basic(reply, 'o', &unit) < 0)
                return answer(false);
            bus.call(get_property(bus, unit, "org.freedesktop.systemd1.Unit", "Job"), owner,
                     job_known, kSystemdPatience);
        },
        kSystemdPatience);
}

} // namespace rustland::supervisor
