// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/authority.hpp"

#include <fmt/format.h>
#include <string_view>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

constexpr Nanos kPolkitPatience = seconds(30);
constexpr Nanos kUserPatience = seconds(180); // somebody looks for a password

bool read_credentials(sd_bus_message* m, Sender& sender) {
    bool uid_known = false;
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");
    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        const char* key = nullptr;
        std::uint32_t number = 0;
        r = sd_bus_message_read_basic(m, 's', &key);
        if (r < 0)
            break;
        const std::string_view name(key);
        if (name == "UnixUserID" || name == "ProcessID") {
            r = sd_bus_message_read(m, "v", "u", &number);
            if (r >= 0 && name == "UnixUserID") {
                sender.uid = number;
                uid_known = true;
            } else {
                sender.pid = Pid{static_cast<std::int32_t>(number)};
            }
        } else {
            r = sd_bus_message_skip(m, "v");
        }
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r >= 0 && uid_known;
}

// No polkit on this machine, as opposed to a polkit that fails.
bool absent(const Bus::Failure& failure) {
    return failure.name == SD_BUS_ERROR_SERVICE_UNKNOWN ||
           failure.name == SD_BUS_ERROR_NAME_HAS_NO_OWNER ||
           failure.name.str().starts_with("org.freedesktop.DBus.Error.Spawn");
}

void append_question(sd_bus_message* m, const Sender& sender, const Authority::Question& question) {
    const std::uint32_t flags = question.interactive ? 1 : 0;
    if (question.program.empty())
        sd_bus_message_append(m, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                              sender.name.c_str(), question.action.c_str(), 0, flags, "");
    else
        sd_bus_message_append(m, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                              sender.name.c_str(), question.action.c_str(), 1, "program",
                              question.program.c_str(), flags, "");
}

// What is said where polkit does not let a user do it. With sudo a held game would run as root, so
// that it is named for other requests alone.
std::string refusal(const Authority::Question& question, const std::string& why) {
    if (question.action == kHoldAction && question.request == "release")
        return fmt::format("a hold is released by the user who sits at the machine, and {}; log in "
                           "there, or as root: rustlandctl release",
                           why);
    if (question.action == kHoldAction)
        return fmt::format(
            "the scheduler is held on for the user who sits at the machine, and {}; "
            "log in there, or have an administrator make a rule with session = any for "
            "this game (rustland.conf(5))",
            why);
    if (question.request == "hold")
        return fmt::format("another scheduler than the configured one is for administrators to "
                           "choose, and {}; hold the configured one",
                           why);
    const std::string command = question.request == "dump" ? "history --dump" : question.request;
    return fmt::format("{} is for administrators, and {}: sudo rustlandctl {}", command, why,
                       command);
}

} // namespace

void Authority::identify(const std::string& bus_name, Identified answer) {
    BusMessage m = bus_.method("org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus", "GetConnectionCredentials");
    if (m)
        sd_bus_message_append(m.get(), "s", bus_name.c_str());
    bus_.call(
        std::move(m), life_,
        [bus_name, answer = std::move(answer)](sd_bus_message* reply, const Bus::Failure* failure) {
            Sender sender{bus_name, 0, {}};
            if (failure != nullptr)
                answer(Error("the caller is not known: " + failure->message.str()));
            else if (!read_credentials(reply, sender))
                answer(Error("the caller is not known"));
            else
                answer(sender);
        });
}

void Authority::check(const Sender& sender, const Question& question, Checked answer) {
    // Whoever runs this daemon could do all of it without it.
    if (sender.uid == 0 || sender.uid == ::geteuid())
        return answer({});
    BusMessage m =
        bus_.method("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                    "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
    if (m)
        append_question(m.get(), sender, question);
    bus_.call(
        std::move(m), life_,
        [answer = std::move(answer), question](sd_bus_message* reply, const Bus::Failure* failure) {
            int authorized = 0;
            int challenge = 0;
            if (failure != nullptr && absent(*failure))
                return answer(Error(refusal(question, "there is no polkit to ask")));
            if (failure != nullptr)
                return answer(Error("polkit does not answer: " + failure->message.str()));
            if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
                sd_bus_message_read(reply, "bb", &authorized, &challenge) < 0)
                return answer(Error("polkit's answer is not understood"));
            if (authorized != 0)
                return answer({});
            answer(
                Error(refusal(question, challenge != 0 ? "nobody could be asked for a password"
                                                       : "polkit does not allow it to this user")));
        },
        question.interactive ? kUserPatience : kPolkitPatience);
}

} // namespace rustland::supervisor
