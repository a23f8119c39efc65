// SPDX-License-Identifier: GPL-2.0-only
// rustlandctl explain: the daemon's answer, or that of the configuration where no daemon runs.
#include "supervisor/ctl/add.hpp"
#include "supervisor/ctl/client.hpp"
#include "supervisor/ctl/explain.hpp"
#include "supervisor/ctl/explain_view.hpp"
#include "supervisor/ctl/print.hpp"
#include "supervisor/ctl/process_choice.hpp"
#include "supervisor/ctl/status_view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

// A name that add or exclude would refuse, as that of a shell that runs a script, gives way to the
// number of the process.
std::string name_to_give(const std::string& called, Pid pid, AdditionKind kind) {
    return process_number(called) || recognize(called, kind) ? called : std::to_string(pid.value);
}

// What to write to have the process counted, or what to do instead.
void print_proposal(const CtlOptions& options, Pid pid, const std::string& called) {
    const auto process = ProcReader(options.proc).read(pid, Needs::everything(), true);
    if (!process)
        return;
    const auto recognition = recognize(*process, AdditionKind::Game);
    if (!recognition) {
        fmt::print("\nTo count it: {}\n", safe(recognition.error().message()));
        return;
    }
    const BuiltConfig built = load_config(find_config_files(options.config), system_user);
    const std::string name =
        free_rule_name(built.config, options.config.admin_dir, *recognition, AdditionKind::Game);
    fmt::print("\nTo count it as a game from now on:  sudo rustlandctl add {}\n"
               "or put this into a file and run sudo rustlandctl reload:\n",
               safe(name_to_give(called, pid, AdditionKind::Game)));
    print_drop_in(options.config.admin_dir + "/" + name + ".conf",
                  rule_text(*recognition, name, AdditionKind::Game));
    fmt::print("Or for once:  rustlandctl run -- COMMAND\n");
}

// Out of the rule that keeps it out, where somebody has made it by exclude.
void print_way_back(const json& explanation) {
    for (const json& rule : explanation["rules"])
        if (field_text(rule, "rule") == field_text(explanation, "decided_by") &&
            made_by_exclude(field_text(rule, "file")))
            fmt::print("  to count it again:  {}\n", safe(undo_exclude(field_text(rule, "file"))));
}

struct Shown {
    Pid pid;
    std::string called; // as the person wrote it
    bool by_daemon = true;
    bool all = false;
};

void show(const CtlOptions& options, const json& explanation, const Shown& what) {
    const ExplainView view{options.config.admin_dir, what.by_daemon, what.all};
    for (const std::string& line : explain_lines(explanation, view))
        fmt::print("{}\n", line);
    if (is_unclaimed(explanation))
        print_proposal(options, what.pid, what.called);
    else if (explanation.value("denied", json()) == true)
        print_way_back(explanation);
    else if (const json* rule = rule_for_the_seated(explanation))
        fmt::print("  to count it all the same:  session = any in [workload {}], and sudo "
                   "rustlandctl reload\n",
                   field_text(*rule, "rule"));
    else
        fmt::print("  to keep it out:  sudo rustlandctl exclude {}\n",
                   safe(name_to_give(what.called, what.pid, AdditionKind::Exclusion)));
}

// Without the daemon the same rules can be read and tried here. What is told then is which rule
// would take the process, not what a daemon counts it as.
int explain_here(const CtlOptions& options, const Shown& what, const Error& why) {
    const std::vector<std::string> files = find_config_files(options.config);
    const BuiltConfig built = load_config(files, system_user);
    if (!built.problems.empty())
        return complain(
            options,
            Error(fmt::format("{}, and the configuration has mistakes, the first in {}; "
                              "see rustlandctl check",
                              why.message(), built.problems.front().message())),
            kFailed);
    const auto explanation = explain_by_itself(built.config, what.pid.value, options.proc);
    if (!explanation)
        return complain(options, explanation.error(), kFailed);
    if (options.json) {
        print_json({{"ok", true},
                    {"explanation", *explanation},
                    {"by", "configuration"},
                    {"files", files}});
        return kDone;
    }
    show(options, *explanation, what);
    fmt::print("This is by the configuration as it is now, in {} file{}, because {}\n",
               files.size(), files.size() == 1 ? "" : "s", why.message());
    return kDone;
}

void print_others(const std::string& name, const std::vector<Pid>& others) {
    if (others.empty())
        return;
    std::vector<std::int32_t> numbers;
    for (const Pid pid : others)
        if (numbers.size() < 5)
            numbers.push_back(pid.value);
    fmt::print("{} more {} called {}: {}{}\n", others.size(),
               others.size() == 1 ? "process is" : "processes are", safe(name),
               fmt::join(numbers, ", "), others.size() > numbers.size() ? ", …" : "");
}

} // namespace

int explain(const CtlOptions& options, const std::string& process, bool all) {
    // A number goes to the daemon as it is; names are looked up here.
    ChosenProcess chosen;
    if (const auto number = process_number(process)) {
        chosen.pid = *number;
    } else {
        auto found = choose_process(ProcReader(options.proc), process, ::geteuid());
        if (!found)
            return complain(options, found.error(), kFailed);
        chosen = *std::move(found);
    }
    if (const auto daemon = Client::connect(options.socket, std::chrono::seconds(5)); !daemon) {
        const int code = explain_here(options, {chosen.pid, process, false, all}, daemon.error());
        if (!options.json && code == kDone)
            print_others(process, chosen.others);
        return code;
    }
    const auto answer = ask_daemon(options, {{"request", "explain"}, {"pid", chosen.pid.value}});
    if (!answer)
        return complain(options, answer.error(), kFailed);
    if (options.json) {
        print_json(*answer);
        return kDone;
    }
    show(options, (*answer)["explanation"], {chosen.pid, process, true, all});
    print_others(process, chosen.others);
    return kDone;
}

} // namespace rustland::supervisor
