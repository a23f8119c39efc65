// SPDX-License-Identifier: GPL-2.0-only
// rustlandctl stop: done only where nothing is left on.
#include "supervisor/core/who_runs.hpp"
#include "supervisor/ctl/commands.hpp"
#include "supervisor/ctl/print.hpp"
#include "supervisor/ctl/status_view.hpp"

#include <cstdio>
#include <fmt/format.h>

namespace rustland::supervisor {

using nlohmann::json;

std::optional<std::string> still_on(const json& status) {
    const json runs = status.value("runs", json::object());
    const std::string by = field_text(runs, "by");
    if (by.empty() || by == runner_name(WhoRuns::By::Nobody) || by == runner_name(WhoRuns::By::Us))
        return std::nullopt;
    // To take over makes it ours, which is no way to have it off.
    std::string advice = field_text(runs, "advice");
    if (by == kAlwaysOnUnit)
        advice = fmt::format("sudo systemctl disable --now {}", kAlwaysOnUnit);
    else
        advice += ", then sudo rustlandctl stop";
    return fmt::format("rustlandd has nothing on and starts nothing until rustlandctl resume or "
                       "start, but the kernel still runs {}; {}",
                       field_text(runs, "text"), advice);
}

std::string stop_answer(const json& status) {
    if (const std::string problem = field_text(field_part(status, "stopped"), "problem");
        !problem.empty())
        return fmt::format("stopped; it stays off only as long as this rustlandd runs, because "
                           "that could not be saved ({}); mend that, then rustlandctl stop again",
                           problem);
    return "stopped; it stays off until rustlandctl resume or start";
}

int stop(const CtlOptions& options) {
    if (const auto answer = ask_daemon(options, {{"request", "stop"}}); !answer)
        return complain(options, answer.error(),
                        answer.error().code() == ECONNREFUSED ? kNoDaemon : kFailed);
    const auto after = ask_daemon(options, {{"request", "status"}});
    const json status = after ? after->value("status", json::object()) : json::object();
    const auto other = still_on(status);
    if (options.json) {
        json out = {{"ok", !other}, {"status", status}};
        if (other)
            out["error"] = *other;
        print_json(out);
    } else if (other) {
        fmt::print(stderr, "rustlandctl: {}\n", *other);
    } else {
        fmt::print("{}\n", stop_answer(status));
    }
    return other ? kFailed : kDone;
}

} // namespace rustland::supervisor
