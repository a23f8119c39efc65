// SPDX-License-Identifier: GPL-2.0-only
// What the daemon itself knows to be wrong, as findings of rustlandctl doctor.
#include "supervisor/core/who_runs.hpp"
#include "supervisor/ctl/doctor.hpp"
#include "supervisor/ctl/status_view.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

using Verdict = Finding::Verdict;

Finding detection(const json& status) {
    const std::string source = field_text(field_part(status, "detection"), "source");
    if (source.starts_with("process events"))
        return {Verdict::Good, "rustlandd", "runs; " + source, ""};
    return {Verdict::Note, "rustlandd", "runs; " + source,
            "games are found late; run rustlandd outside containers"};
}

// Failures that keep the scheduler off, and the last one that did not.
void failures(const json& status, std::int64_t now_ms, std::vector<Finding>& findings) {
    const json quarantined = status.value("quarantined", json::array());
    for (const json& entry : quarantined)
        findings.push_back(
            {Verdict::Bad, "failures",
             fmt::format("{} is not started any more, failed {}: {}",
                         field_text(entry, "scheduler"),
                         ago(field_number(entry, "since_ms"), now_ms), field_text(entry, "reason")),
             "mend that, then: sudo rustlandctl reset-failed (rustlandctl history --dump has "
             "more)"});
    if (!quarantined.empty())
        return;
    const std::string kind = field_text(status.value("last_exit", json::object()), "kind");
    const bool failed = kind != "" && kind != "requested" && kind != "asked-for-restart";
    if (failed)
        findings.push_back({Verdict::Note, "last run", last_run(status, now_ms),
                            "sudo rustlandctl history --dump has what it wrote"});
    else
        findings.push_back({Verdict::Good, "failures", "none that keep the scheduler off", ""});
}

} // namespace

Finding who_runs_finding(const json& runs) {
    const std::string by = field_text(runs, "by");
    if (by == runner_name(WhoRuns::By::Nobody) || by == runner_name(WhoRuns::By::Us))
        return {Verdict::Good, "other scheduler", "none is attached", ""};
    return {
        Verdict::Note, "other scheduler",
        fmt::format("the kernel runs {}, and rustlandd leaves it alone", field_text(runs, "text")),
        field_text(runs, "advice")};
}

std::vector<Finding> daemon_findings(const json& status, std::int64_t now_ms) {
    std::vector<Finding> findings{detection(status)};
    failures(status, now_ms, findings);
    if (const json refused = status.value("refused_configuration", json()); refused.is_object()) {
        const std::string all = refused.value("text", std::string());
        findings.push_back({Verdict::Bad, "configuration in use",
                            fmt::format("is an older one; {} this was refused: {}",
                                        ago(field_number(refused, "time_ms"), now_ms),
                                        all.substr(0, all.find('\n'))),
                            "correct it (rustlandctl check), then: sudo rustlandctl reload"});
    }
    if (status.value("stopped", json()).is_object() ||
        status.value("stopped_from_outside", json(false)) == true)
        findings.push_back({Verdict::Note, "stop", field_text(status, "why"),
                            "sudo rustlandctl resume, to have games turn it on again"});
    if (const std::string problem = field_text(field_part(status, "stopped"), "problem");
        !problem.empty())
        findings.push_back({Verdict::Note, "stop",
                            "a restart of rustlandd would forget it: " + problem,
                            "mend that, then rustlandctl stop again"});
    if (const std::string problem = field_text(field_part(status, "classes"), "problem");
        !problem.empty())
        findings.push_back({Verdict::Bad, "foreground", problem,
                            "games are not put in front: sudo rustlandctl restart"});
    if (const std::string problem = field_text(field_part(status, "bus"), "problem");
        !problem.empty())
        findings.push_back({Verdict::Note, "message bus", problem,
                            "root's commands work; others cannot be asked for"});
    return findings;
}

} // namespace rustland::supervisor
