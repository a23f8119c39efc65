// SPDX-License-Identifier: GPL-2.0-only
// rustlandctl: asks and commands the supervisor.
#include "rustland/common/describe.hpp"
#include "rustland/common/number_option.hpp"
#include "rustland/common/usage.hpp"
#include "rustland/common/version.hpp"
#include "supervisor/ctl/add.hpp"
#include "supervisor/ctl/commands.hpp"
#include "supervisor/ctl/held_command.hpp"
#include "supervisor/ctl/import_ananicy.hpp"
#include "supervisor/ctl/import_others.hpp"
#include "supervisor/ctl/seeing.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <functional>
#include <limits>
#include <optional>
#include <string>

using namespace rustland;
using namespace rustland::supervisor;

namespace {

// What the command line asked for, as a function to run once it is all read.
struct Request {
    CtlOptions options;
    StartOptions start;
    std::string reason;
    std::vector<std::string> command;
    std::vector<std::string> files;
    std::string source; // what an import reads
    std::string output;
    std::string topic; // the command that help is asked for
    std::uint64_t cookie = 0;
    std::string process; // a number or a name
    bool all = false;
    bool show = false;
    AddOptions addition;
    bool dumps = false;
    MetricsOptions metrics;
    TopOptions top;
    TraceOptions trace;
    std::function<int()> run;
};

CLI::App* add(CLI::App& app, Request& request, const char* name, const char* help,
              std::function<int()> run) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->add_flag("--json", request.options.json, "Print JSON");
    sub->callback([&request, run = std::move(run)] { request.run = run; });
    return sub;
}

void add_scheduler_options(CLI::App* sub, Request& r) {
    sub->add_option("-s,--scheduler", r.start.scheduler, "Program to run instead of the configured")
        ->type_name("PATH")
        ->check([](const std::string& path) {
            return path.starts_with('/')
                       ? ""
                       : fmt::format("'{}' is not an absolute path, such as /usr/sbin/rustland",
                                     path);
        });
}

void add_start(CLI::App& app, Request& r, const char* name, const char* help) {
    CLI::App* sub = add(app, r, name, help, [&r, verb = std::string(name)] {
        r.start.with_arguments = !r.start.arguments.empty();
        return start(r.options, r.start, verb);
    });
    add_scheduler_options(sub, r);
    sub->add_flag("--take-over", r.start.take_over, "Even from a scheduler that is not ours");
    sub->add_option("arguments", r.start.arguments, "Arguments for the scheduler, after --")
        ->type_name("ARG");
}

void add_held(CLI::App& app, Request& r, const char* name, const char* help) {
    CLI::App* sub =
        add(app, r, name, help, [&r] { return run_held(r.options, r.start, r.reason, r.command); });
    add_scheduler_options(sub, r);
    sub->add_option("-r,--reason", r.reason, "Shown in the status")->type_name("TEXT");
    sub->add_option("command", r.command, "The command, after --")->required()->type_name("CMD");
    sub->positionals_at_end();
}

void add_scheduler_socket(CLI::App* sub, std::string& path) {
    sub->add_option("--scheduler-socket", path, "The scheduler's socket")->type_name("PATH");
}

// What shows the scheduler at work.
void add_seeing(CLI::App& app, Request& r) {
    CLI::App* view = add(app, r, "top", "The games, their waits, and the scheduler at work",
                         [&r] { return top(r.options, r.top); });
    add_number(*view, "-d,--interval", r.top.interval, 0.1, 60,
               "Seconds between two views (default 1)")
        ->type_name("S");
    view->add_flag("--once", r.top.once, "One view after one interval, and end");
    add_scheduler_socket(view, r.top.scheduler_socket);
    CLI::App* record =
        add(app, r, "trace", "Record what the CPUs do, and say who waited for whom", [&r] {
            r.trace.command = r.command;
            return trace(r.options, r.trace);
        });
    add_number(*record, "--seconds", r.trace.seconds, 0.1, 3600,
               "How long (default 10, or as the command)")
        ->type_name("S");
    record->add_option("-o,--output", r.trace.output, "File to write (default rustland.trace)")
        ->type_name("FILE");
    add_number(*record, "--buffer", r.trace.buffer_kib, 64, 1 << 20,
               "KiB for each CPU (default 8192)")
        ->type_name("KIB");
    CLI::Option* read =
        record->add_option("--read", r.trace.read, "Summarise this trace, record none")
            ->type_name("FILE");
    add_scheduler_socket(record, r.trace.scheduler_socket);
    record->add_option("command", r.command, "The command to watch, after --")
        ->type_name("CMD")
        ->excludes(read);
    record->positionals_at_end();
    CLI::App* metrics =
        add(app, r, "metrics", "The figures of scheduler and supervisor, for monitoring",
            [&r] { return print_metrics(r.options, r.metrics); });
    metrics->add_option("-o,--output", r.metrics.output, "File to write, for node_exporter to read")
        ->type_name("FILE");
    metrics->add_option("--format", r.metrics.format, "openmetrics or prometheus")
        ->type_name("NAME")
        ->check(CLI::IsMember({"openmetrics", "prometheus"}));
    metrics->get_option("--json")->excludes("--output")->excludes("--format");
    add_scheduler_socket(metrics, r.metrics.scheduler_socket);
}

// Commands that read another program's list of games.
void add_import(CLI::App& app, Request& r, const char* name, const char* help, const char* source,
                Result<ImportedRules> (*read)(const std::string&)) {
    CLI::App* sub = add(app, r, name, help,
                        [&r, read] { return import_rules(r.options, read(r.source), r.output); });
    sub->add_option(read == import_gamemode ? "file" : "directory", r.source, source)
        ->type_name("TEXT")
        ->required();
    sub->add_option("-o,--output", r.output, "File to write")->type_name("FILE");
}

void add_addition(CLI::App& app, Request& r, const char* name, const char* help,
                  AdditionKind kind) {
    CLI::App* sub = add(app, r, name, help, [&r, kind] {
        r.addition.kind = kind;
        return add_rule(r.options, r.addition);
    });
    sub->add_option("process", r.addition.what, "Its number, or the program's name or path")
        ->type_name("PID|NAME")
        ->required();
    sub->add_option("--name", r.addition.name, "Name of the rule and its file")->type_name("NAME");
}

// What counts as a game, and why.
void add_rules(CLI::App& app, Request& r) {
    CLI::App* why = add(app, r, "explain", "Whether a process counts as a game, and why",
                        [&r] { return explain(r.options, r.process, r.all); });
    why->add_option("process", r.process, "Its number or name")->type_name("PID|NAME")->required();
    why->add_flag("--all", r.all, "Every rule, and lists at full length");
    add_addition(app, r, "add", "Have a program count as a game from now on", AdditionKind::Game);
    add_addition(app, r, "exclude", "Have a program never count as a game",
                 AdditionKind::Exclusion);
    CLI::App* look = add(app, r, "check", "Look for mistakes in configuration files",
                         [&r] { return check(r.options, r.files, r.show); });
    look->add_flag("--show", r.show, "What all files together say, and where each key is from");
    look->add_option("files", r.files, "Instead of the installed ones")->type_name("FILE");
}

void add_commands(CLI::App& app, Request& r) {
    add(app, r, "status", "What runs, and why", [&r] { return show_status(r.options); });
    add(app, r, "list", "The processes that count as games, and what is held",
        [&r] { return show_list(r.options); });
    add_start(app, r, "start", "Start the scheduler and wait until it is attached");
    add_start(app, r, "switch", "Change to another scheduler or other arguments");
    add(app, r, "stop", "Stop the scheduler, until resume or start",
        [&r] { return stop(r.options); });
    add(app, r, "resume", "Let games turn the scheduler on again after a stop",
        [&r] { return simple(r.options, "resume", "games turn the scheduler on again"); });
    add(app, r, "restart", "Stop the scheduler and start it again",
        [&r] { return simple(r.options, "restart", "restarted"); });
    add_held(app, r, "run", "Run a game, or any command, with the scheduler on until it ends");
    add_held(app, r, "hold", "Another name of run");
    add_number(*add(app, r, "release", "End a hold", [&r] { return release(r.options, r.cookie); }),
               "hold", r.cookie, 1, std::numeric_limits<std::uint64_t>::max(),
               "Its number, as status shows it")
        ->type_name("NUMBER")
        ->required();
    add(app, r, "reload", "Read the configuration again", [&r] { return reload(r.options); });
    add(app, r, "reset-failed", "Forget failures and end quarantines",
        [&r] { return simple(r.options, "reset-failed", "failures forgotten"); });
    add_rules(app, r);
    add(app, r, "doctor", "Whether this machine can run the scheduler",
        [&r] { return doctor(r.options); });
    add(app, r, "monitor", "Print what happens, as it happens",
        [&r] { return monitor(r.options); });
    add(app, r, "history", "What happened lately", [&r] {
        return show_history(r.options, r.dumps);
    })->add_flag("--dump", r.dumps, "With what failed schedulers wrote");
    add_seeing(app, r);
    add_import(app, r, "import-ananicy", "Make rules of ananicy's lists of games",
               "With .rules files", import_ananicy);
    add_import(app, r, "import-falcond", "Make rules of falcond's profiles",
               "With profiles (.conf)", import_falcond);
    add_import(app, r, "import-gamemode", "Make rules of GameMode's filter", "A gamemode.ini",
               import_gamemode);
}

// The help of one command, or of all.
int help(const CLI::App& app, const std::string& topic, bool json) {
    const CLI::App* const about = topic.empty() ? &app : usage::find_command(app, topic);
    if (about == nullptr) {
        fmt::print(stderr, "rustlandctl: there is no command '{}'{} (see rustlandctl --help)\n",
                   topic, proposal(topic, usage::command_names(app)));
        return kUsage;
    }
    if (json)
        fmt::print("{}\n", describe(*about).dump(2));
    else // app.help() would be that of the command it was given: help
        fmt::print("{}", about->get_formatter()->make_help(about, usage::full_name(*about),
                                                           CLI::AppFormatMode::Normal));
    return kDone;
}

void add_help(CLI::App& app, Request& r) {
    add(app, r, "help", "Explain a command",
        [&app, &r] { return help(app, r.topic, r.options.json); })
        ->add_option("command", r.topic, "The command; all of them without it")
        ->type_name("CMD");
}

// The help lists what a player needs first.
void put_in_order(CLI::App& app) {
    constexpr std::pair<const char*, const char*> groups[] = {
        {"run", "Play"},
        {"status", "Look"},
        {"list", "Look"},
        {"top", "Look"},
        {"monitor", "Look"},
        {"history", "Look"},
        {"doctor", "Find out what is wrong"},
        {"explain", "Find out what is wrong"},
        {"check", "Find out what is wrong"},
        {"trace", "Find out what is wrong"},
        {"add", "Choose what counts as a game (root)"},
        {"exclude", "Choose what counts as a game (root)"},
        {"start", "Command (root, or with an administrator's password)"},
        {"stop", "Command (root, or with an administrator's password)"},
        {"resume", "Command (root, or with an administrator's password)"},
        {"restart", "Command (root, or with an administrator's password)"},
        {"switch", "Command (root, or with an administrator's password)"},
        {"reload", "Command (root, or with an administrator's password)"},
        {"reset-failed", "Command (root, or with an administrator's password)"},
    };
    // The help has them in the order in which they were added.
    const auto put_last = [&app](const std::string& name, const char* group) {
        const CLI::App_p command = app.get_subcommand_ptr(name);
        command->group(group);
        app.remove_subcommand(command.get());
        app.add_subcommand(command);
    };
    std::vector<std::string> others = usage::command_names(app);
    for (const auto& [name, group] : groups) {
        put_last(name, group);
        std::erase(others, name);
    }
    for (const std::string& name : others)
        put_last(name, "More");
    app.footer("The manual has more: man rustlandctl.");
}

// An option of the scheduler that stands where rustlandctl's own do.
std::optional<std::string> for_the_scheduler(const CLI::App& app, int argc, char** argv) {
    const usage::Reading reading = usage::read_names(app, usage::words_of(argc, argv));
    const std::string name = reading.app->get_name();
    if (!reading.unknown_option || (name != "start" && name != "switch") ||
        !closest_words(*reading.unknown_option, usage::option_names(*reading.app)).empty())
        return std::nullopt;
    const std::string full = usage::full_name(*reading.app);
    return fmt::format("{0}: there is no option '{1}'; the scheduler's own options stand behind "
                       "--: {0} -- {1} (see {0} --help)",
                       full, *reading.unknown_option);
}

} // namespace

int main(int argc, char** argv) {
    Request request;
    CLI::App app("Asks and commands rustlandd, the supervisor of the CPU scheduler.",
                 "rustlandctl");
    app.set_version_flag("-V,--version", std::string("rustlandctl ") + kVersion);
    app.add_option("--socket", request.options.socket, "The daemon's socket")->type_name("PATH");
    // For tests.
    app.add_option("--bus-address", request.options.bus_address)->group("");
    app.add_option("--config", request.options.config.main_file)->group("");
    app.add_option("--config-dir", request.options.config.admin_dir)->group("");
    app.add_option("--proc", request.options.proc)->group("");
    app.require_subcommand(1);
    add_commands(app, request);
    add_help(app, request);
    if (const auto text = description_asked_for(app, argc, argv)) {
        fmt::print("{}", *text);
        return kDone;
    }
    put_in_order(app);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        if (const auto sentence = for_the_scheduler(app, argc, argv)) {
            fmt::print(stderr, "{}\n", *sentence);
            return kUsage;
        }
        return report_parse_error(app, e, argc, argv);
    }
    return request.run();
}
