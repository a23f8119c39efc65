// SPDX-License-Identifier: GPL-2.0-only
// rustlandctl add and exclude: one rule of one's own, in a file of its own.
#include "supervisor/ctl/add.hpp"
#include "rustland/common/file.hpp"
#include "supervisor/config/values.hpp"
#include "supervisor/ctl/client.hpp"
#include "supervisor/ctl/print.hpp"
#include "supervisor/ctl/process_choice.hpp"
#include "supervisor/ctl/program_search.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fmt/format.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

struct Target {
    Recognition recognition;
    ProcessInfo process; // as the rules that are there see it
    bool runs = false;   // a process of this machine
};

Result<Target> target_of(const CtlOptions& options, const AddOptions& add) {
    const ProcReader proc(options.proc);
    Target target;
    std::vector<Pid> called;
    if (process_number(add.what)) {
        auto chosen = choose_process(proc, add.what, ::geteuid());
        if (!chosen)
            return chosen.error();
        called = {chosen->pid};
    } else {
        called = processes_called(proc, add.what, ::geteuid());
    }
    if (!called.empty()) {
        auto process = proc.read(called.front(), Needs::everything(), true);
        if (process) {
            target.process = *std::move(process);
            target.runs = true;
        } else if (process_number(add.what)) {
            return process.error();
        }
    }
    const bool by_name = !process_number(add.what);
    auto recognition =
        by_name ? recognize(add.what, add.kind) : recognize(target.process, add.kind);
    if (!recognition)
        return recognition.error();
    target.recognition = *std::move(recognition);
    if (!target.runs) {
        target.process.argv = {add.what};
        target.process.comm = target.recognition.program.substr(0, kCommLength);
    }
    return target;
}

bool is_taken(const Config& config, const std::string& folder, const std::string& name) {
    const std::string path = folder + "/" + name + ".conf";
    return config.find_rule(name) != nullptr || path_exists(path);
}

// The name that was asked for, or a free one.
Result<std::string> rule_name(const Config& config, const std::string& folder,
                              const AddOptions& add, const Recognition& recognition) {
    if (add.name.empty())
        return free_rule_name(config, folder, recognition, add.kind);
    if (const Status status = check_rule_name(add.name); !status)
        return status.error();
    if (const Rule* rule = config.find_rule(add.name))
        return Error(fmt::format("there is a rule {} already, in {}; take another --name", add.name,
                                 Place{rule->file, rule->line}.text()));
    if (is_taken(config, folder, add.name))
        return Error(fmt::format("there is a file {}/{}.conf already; take another --name", folder,
                                 add.name));
    return add.name;
}

// What the rules that are there make of it: "…" where nothing is left to do, an error where a new
// rule would not help.
Result<std::string> settled(const Config& config, const Target& target, const AddOptions& add) {
    const Matcher matcher(config.rules);
    const Rule* rule = matcher.match(target.process);
    if (rule == nullptr)
        return std::string();
    const std::string place = Place{rule->file, rule->line}.text();
    const bool game = add.kind == AdditionKind::Game;
    if (rule->deny != game)
        return fmt::format("{} {} already, by the rule {} ({})", target.recognition.program,
                           game ? "counts as a game" : "is kept out", rule->name, place);
    if (rule->deny)
        return Error(fmt::format(
            "{} is kept out by the rule {} ({}); {}", target.recognition.program, rule->name, place,
            made_by_exclude(rule->file)
                ? fmt::format("to take that back: {}", undo_exclude(rule->file))
                : "change it there, then: sudo rustlandctl reload"));
    return std::string();
}

// The command that does the same as root.
std::string as_root(const AddOptions& add) {
    std::vector<std::string> words{"sudo", "rustlandctl",
                                   add.kind == AdditionKind::Game ? "add" : "exclude", add.what};
    if (!add.name.empty())
        words.insert(words.end(), {"--name", add.name});
    return join_arguments(words);
}

Status write_drop_in(const std::string& folder, const std::string& path, const std::string& text,
                     const AddOptions& add) {
    const auto failed = [&](int code) {
        if (code == EACCES || code == EPERM)
            return Error(
                fmt::format("only root may write to {}; this does it: {}", folder, as_root(add)));
        return Error::from_code(fmt::format("cannot write {}", path), code);
    };
    if (::mkdir(folder.c_str(), 0755) == 0)
        ::chmod(folder.c_str(), 0755); // whatever the umask: users look at it, too
    else if (errno != EEXIST)
        return failed(errno);
    const Status status = replace_file(path, text);
    return status ? status : failed(status.error().code());
}

// The configuration with the file, as the daemon will read it.
Status check_with(const std::vector<std::string>& files, const std::string& path,
                  const std::string& text) {
    std::vector<RawFile> raw;
    for (const std::string& file : files)
        if (const auto there = read_trusted_file(file))
            raw.push_back(parse_ini(*there, file));
    raw.push_back(parse_ini(text, path));
    const BuiltConfig built = build_config(raw, system_user);
    return built.problems.empty() ? Status{} : Error(built.problems.front().message());
}

struct Outcome {
    bool reloaded = false;
    std::string text; // for people
};

// The daemon reads the configuration, and says what the process counts as then.
Outcome tell_daemon(const CtlOptions& options, const Target& target, const AddOptions& add,
                    const std::string& rule) {
    if (const auto daemon = Client::connect(options.socket, std::chrono::seconds(5)); !daemon)
        return {false,
                fmt::format("written, and read once rustlandd runs: {}", daemon.error().message())};
    const auto reloaded = ask_daemon(options, {{"request", "reload"}});
    if (!reloaded)
        return {false, fmt::format("written, but rustlandd has not read it: {}",
                                   reloaded.error().message())};
    if (!target.runs)
        return {true, "written, and rustlandd has read it"};
    const auto answer =
        ask_daemon(options, {{"request", "explain"}, {"pid", target.process.key.pid.value}});
    const json explanation = answer ? answer->value("explanation", json::object()) : json::object();
    const json member = explanation.value("member_of", json());
    const std::string who =
        fmt::format("{} (process {})", target.recognition.program, target.process.key.pid.value);
    const bool game = add.kind == AdditionKind::Game;
    if (game ? member == rule : member.is_null())
        return {true, fmt::format("written, and rustlandd has read it: {} {} now", who,
                                  game ? "counts as a game" : "is no game")};
    return {true, fmt::format("written, and rustlandd has read it, but {} {}; rustlandctl explain "
                              "{} says why",
                              who,
                              game ? "does not count as a game yet"
                                   : "counts as one until it "
                                     "ends",
                              target.process.key.pid.value)};
}

} // namespace

int add_rule(const CtlOptions& options, const AddOptions& add) {
    const auto target = target_of(options, add);
    if (!target)
        return complain(options, target.error(), kFailed);
    const std::vector<std::string> files = find_config_files(options.config);
    const BuiltConfig built = load_config(files, system_user);
    if (!built.problems.empty())
        return complain(options,
                        Error(fmt::format("the configuration has mistakes, which come first: {} "
                                          "(rustlandctl check shows all)",
                                          built.problems.front().message())),
                        kFailed);
    const auto done = settled(built.config, *target, add);
    if (!done)
        return complain(options, done.error(), kFailed);
    if (!done->empty()) {
        if (options.json)
            print_json({{"ok", true}, {"written", false}, {"text", *done}});
        else
            fmt::print("{}\n", safe(*done));
        return kDone;
    }
    const std::string& folder = options.config.admin_dir;
    const auto name = rule_name(built.config, folder, add, target->recognition);
    if (!name)
        return complain(options, name.error(), kFailed);
    const std::string path = folder + "/" + *name + ".conf";
    const std::string text = drop_in_text(target->recognition, *name, add.kind);
    if (const Status status = check_with(files, path, text); !status)
        return complain(options, status.error(), kFailed);
    if (!options.json)
        print_drop_in(path, text);
    if (const Status status = write_drop_in(folder, path, text, add); !status)
        return complain(options, status.error(), kFailed);
    const Outcome outcome = tell_daemon(options, *target, add, *name);
    const auto unknown =
        target->runs ? std::nullopt : note_on_unknown(ProcReader(options.proc), add.what);
    if (options.json)
        print_json({{"ok", true},
                    {"written", true},
                    {"reloaded", outcome.reloaded},
                    {"rule", *name},
                    {"file", path},
                    {"text", outcome.text},
                    {"note", unknown ? json(*unknown) : json()}});
    else
        fmt::print("{}\n", safe(outcome.text));
    if (unknown && !options.json)
        fmt::print("{}: {}\n", coloured("note", Colour::Note), safe(*unknown));
    return kDone;
}

std::string free_rule_name(const Config& config, const std::string& folder,
                           const Recognition& recognition, AdditionKind kind) {
    const std::string plain = rule_name_for(recognition, kind);
    std::string name = plain;
    for (int number = 2; is_taken(config, folder, name); ++number)
        name = fmt::format("{}-{}", plain, number);
    return name;
}

void print_drop_in(const std::string& path, const std::string& text) {
    fmt::print("{}:\n", safe(path));
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        fmt::print("    {}\n", safe(rest.substr(0, end)));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
}

} // namespace rustland::supervisor
