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

// To reload does what reset-failed does, and has the daemon see a configuration that was corrected.
constexpr const char* kMendFailure =
    "mend that, then: sudo rustlandctl reload (rustlandctl history --dump has more)";

// Failures that keep the scheduler off, and the last one that did not.
void failures(const json& status, std::int64_t now_ms, std::vector<Finding>& findings) {
    const json quarantined = status.value("quarantined", json::array());
    for (const json& entry : quarantined) {
        const auto [reason, advice] = reason_and_advice(field_text(entry, "reason"));
        findings.push_back({Verdict::Bad, "failures",
                            fmt::format("{} is not started any more, failed {}: {}",
                                        field_text(entry, "scheduler"),
                                        ago(field_number(entry, "since_ms"), now_ms), reason),
                            advice.empty() ? kMendFailure : advice});
    }
    if (!quarantined.empty())
        return;
    const json exit = status.value("last_exit", json::object());
    const std::string kind = exit.is_object() ? field_text(exit, "kind") : "";
    // A stop from outside is told as the stop that it is.
    const bool failed = kind != "" && kind != "requested" && kind != "asked-for-restart" &&
                        status.value("stopped_from_outside", json(false)) != true;
    if (!failed) {
        findings.push_back({Verdict::Good, "failures", "none that keep the scheduler off", ""});
        return;
    }
    const auto [text, advice] = reason_and_advice(last_run(status, now_ms));
    // Only root is told what it wrote, so that for others there may be something.
    const bool wrote = !exit.contains("dump") || exit["dump"] != "";
    findings.push_back({Verdict::Note, "last run", text,
                        !advice.empty() ? advice
                        : wrote         ? "what it wrote: sudo rustlandctl history --dump"
                                        : ""});
}

} // namespace

Finding who_runs_finding(const json& runs) {
    const std::string by = field_text(runs, "by");
    if (by == runner_name(WhoRuns::By::Nobody) || by == runner_name(WhoRuns::By::Us))
        return {Verdict::Good, "other scheduler", "none is attached", ""};
    const bool left = by == runner_name(WhoRuns::By::LeftBehind);
    return {Verdict::Note, "other scheduler",
            fmt::format("the kernel runs {}{}", field_text(runs, "text"),
                        left ? "" : ", and rustlandd leaves it alone"),
            field_text(runs, "advice")};
}

Finding unit_finding(bool enabled, const json& runs) {
    if (!enabled)
        return {Verdict::Good, kAlwaysOnUnit, "is not enabled: rustlandd starts it", ""};
    const std::string by = field_text(runs, "by");
    if (by == runner_name(WhoRuns::By::AlwaysOn))
        return {Verdict::Note, kAlwaysOnUnit,
                "is enabled, so that the scheduler is always on, rustlandd leaves it alone, and "
                "games are not put in front",
                "sudo systemctl disable --now rustland, to have it on for games alone; with "
                "default_action = start in rustland.conf it is always on and games are put in "
                "front"};
    const bool ours = by == runner_name(WhoRuns::By::Us);
    return {Verdict::Note, kAlwaysOnUnit,
            fmt::format("is enabled, {}; from the next start of the machine on, the scheduler is "
                        "always on, and games are not put in front",
                        ours ? "and on for now by rustlandd, which stops it as usual and does not "
                               "start an enabled unit again"
                             : "but not on, and rustlandd does not start an enabled unit: no game "
                               "turns the scheduler on"),
            "sudo systemctl disable rustland, to have it on for games; with default_action = start "
            "in rustland.conf it is always on and games are put in front"};
}

void tell_mistakes_once(std::vector<Finding>& findings) {
    const auto bad = [](const char* subject) {
        return [subject](const Finding& f) {
            return f.verdict == Verdict::Bad && f.subject == subject;
        };
    };
    const auto on_disk = std::find_if(findings.begin(), findings.end(), bad("configuration"));
    const auto in_use = std::find_if(findings.begin(), findings.end(), bad("configuration in use"));
    if (on_disk == findings.end() || in_use == findings.end())
        return;
    // What was refused is the first of the mistakes that are still there.
    std::string mistake = on_disk->text.substr(0, on_disk->text.rfind(" (and "));
    mistake.resize(std::min(mistake.size(), mistake.find("; chmod"))); // said as the advice there
    if (in_use->text.ends_with(mistake))
        *in_use = {Verdict::Note, "configuration in use", "is the one from before that mistake",
                   ""};
}

std::vector<Finding> daemon_findings(const json& status, std::int64_t now_ms) {
    std::vector<Finding> findings{detection(status)};
    failures(status, now_ms, findings);
    if (const json refused = status.value("refused_configuration", json()); refused.is_object()) {
        const std::string all = refused.value("text", std::string());
        std::string first = all.substr(0, all.find('\n'));
        std::string advice = "correct it (rustlandctl check)";
        // The text of a file that may not be read has no mistake.
        if (const std::size_t at = first.find("; chmod"); at != std::string::npos) {
            advice = first.substr(at + 2);
            first.resize(at);
        }
        findings.push_back({Verdict::Bad, "configuration in use",
                            fmt::format("is an older one; {} this was refused: {}",
                                        ago(field_number(refused, "time_ms"), now_ms), first),
                            advice + ", then: sudo rustlandctl reload"});
    }
    if (status.value("stopped", json()).is_object() ||
        status.value("stopped_from_outside", json(false)) == true)
        findings.push_back({Verdict::Note, "stop", field_text(status, "why"),
                            "sudo rustlandctl resume, to have games turn it on again"});
    if (const std::string problem = field_text(field_part(status, "stopped"), "problem");
        !problem.empty())
        findings.push_back({Verdict::Note, "stop",
                            "a restart of rustlandd would forget it: " + problem,
                            "mend that, then sudo rustlandctl stop again"});
    if (const std::string problem = field_text(field_part(status, "classes"), "problem");
        !problem.empty())
        findings.push_back({Verdict::Bad, "foreground", problem, kMendClasses});
    const auto tell = [&](Verdict verdict, const char* subject, const std::string& all) {
        const std::size_t at = all.rfind("; ");
        if (!all.empty())
            findings.push_back(
                {verdict, subject, all.substr(0, at),
                 at == std::string::npos ? "why: journalctl -u rustlandd" : all.substr(at + 2)});
    };
    tell(Verdict::Bad, "start", field_text(status, "could_not_start"));
    tell(Verdict::Note, "runner", field_text(status, "runner_note"));
    if (const std::string problem = field_text(field_part(status, "bus"), "problem");
        !problem.empty())
        findings.push_back({Verdict::Note, "message bus", problem,
                            "root's commands work; others cannot be asked for"});
    return findings;
}

} // namespace rustland::supervisor
