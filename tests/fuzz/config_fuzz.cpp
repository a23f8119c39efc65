// SPDX-License-Identifier: GPL-2.0-only
// Configuration text, as one file or, cut at the first NUL, as two that are laid over each other;
// what is accepted is used on a process.
#include "check.hpp"
#include "supervisor/config/config.hpp"
#include "supervisor/match/matcher.hpp"

#include <cstdint>
#include <string_view>

using namespace rustland;
using namespace rustland::supervisor;

namespace {

ProcessInfo sample_process() {
    ProcessInfo process;
    process.key = {Pid{42}, 1000};
    process.parent = Pid{41};
    process.comm = "Game.exe";
    process.argv = {"Z:\\games\\Game.exe", "-window", "caf\xc3\xa9"};
    process.exe = "/usr/bin/wine64-preloader";
    process.cgroup = "/user.slice/app-steam-app570-41.scope";
    process.uid = 1000;
    process.steam_appid = 570;
    process.ancestors.push_back({{Pid{41}, 900}, "reaper", {"reaper"}, 570});
    return process;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    std::vector<RawFile> files{parse_ini(text.substr(0, text.find('\0')), "first")};
    if (const std::size_t cut = text.find('\0'); cut != std::string_view::npos)
        files.push_back(parse_ini(text.substr(cut + 1), "second"));
    const auto users = [](const std::string& name) {
        return name == "root" ? std::optional<uid_t>(0) : std::nullopt;
    };
    const BuiltConfig built = build_config(files, users);
    for (const Problem& problem : built.problems)
        FUZZ_CHECK(!problem.message().empty() && !problem.text.empty());
    for (const Problem& note : built.notes)
        FUZZ_CHECK(!note.message().empty() && !note.text.empty());
    if (!built.problems.empty())
        return 0;
    const Settings& settings = built.config.settings;
    FUZZ_CHECK(settings.scheduler.path.starts_with('/'));
    FUZZ_CHECK(settings.linger.value >= 0 && settings.min_dwell.value >= 0);
    FUZZ_CHECK(settings.scan_interval.value > 0 && settings.start_timeout.value > 0);
    FUZZ_CHECK(settings.crash_limit.count > 0 && settings.switch_limit.count > 0);
    FUZZ_CHECK(settings.restart_jitter >= 0 && settings.restart_factor >= 1);

    static const ProcessInfo process = sample_process();
    const Matcher matcher(built.config.rules);
    const Rule* rule = matcher.match(process);
    const Explanation explanation = matcher.explain(process);
    FUZZ_CHECK((rule != nullptr) == explanation.decided_by.has_value());
    if (rule != nullptr) {
        FUZZ_CHECK(rule->name == *explanation.decided_by && rule->deny == explanation.denied);
        FUZZ_CHECK(built.config.spec_for(*rule).path.starts_with('/'));
    }
    return 0;
}
