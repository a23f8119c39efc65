// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/commands.hpp"

#include "rustland/common/clock.hpp"
#include "supervisor/config/load.hpp"
#include "supervisor/ctl/bus_client.hpp"
#include "supervisor/ctl/client.hpp"
#include "supervisor/ctl/doctor.hpp"
#include "supervisor/ctl/print.hpp"
#include "supervisor/ctl/status_view.hpp"
#include "supervisor/ctl/workload_line.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <unistd.h>

namespace rustland::supervisor {

using nlohmann::json;

int complain(const CtlOptions& options, const Error& error, int code) {
    if (options.json)
        print_json({{"ok", false}, {"error", error.message()}});
    else
        fmt::print(stderr, "rustlandctl: {}\n", error.message());
    return code;
}

namespace {

using namespace std::chrono_literals;

// What is answered at once, and what waits for a scheduler to start or stop: that has deadlines of
// its own, which the configuration may have made long.
constexpr std::chrono::seconds kQuick = 5s;
constexpr std::chrono::seconds kSlow = 10min;

std::chrono::seconds patience_for(const json& request) {
    for (const char* slow : {"start", "switch", "stop", "restart", "hold"})
        if (request["request"] == slow)
            return kSlow;
    return kQuick;
}

// One request; `use` prints the answer where --json does not.
template <typename Use> int ask(const CtlOptions& options, const json& request, const Use& use) {
    const auto reached = reach_daemon(options, request);
    if (!reached)
        return complain(options, reached.error(), kNoDaemon);
    auto answer = reached->connection->ask(request);
    if (!answer)
        return complain(options, answer.error(), kFailed);
    // The bus does not send it along.
    if (!answer->contains("status") && BusClient::carries(request))
        if (auto socket = Client::connect(options.socket, kQuick))
            if (const auto status = socket->ask({{"request", "status"}}))
                (*answer)["status"] = (*status).value("status", json());
    if (options.json)
        print_json(*answer);
    else
        use(*answer);
    return kDone;
}

void print_lines(const std::vector<std::string>& lines) {
    for (const std::string& line : lines)
        fmt::print("{}\n", line);
}

void print_status(const json& status) {
    print_lines(scheduler_lines(status, wall_clock_ms()));
    for (const json& workload : status["workloads"])
        fmt::print("{}\n", workload_line(workload));
    // A daemon that was not restarted yet may not know them.
    for (const json& companion : status.value("companions", json::array()))
        fmt::print("companion:  {} ({} processes)\n", field_text(companion, "companion"),
                   field_text(companion, "processes"));
    for (const json& hold : status["holds"])
        fmt::print("hold {}:     {}\n", field_text(hold, "cookie"), field_text(hold, "reason"));
    print_lines(trouble_lines(status, wall_clock_ms()));
}

} // namespace

// Root speaks to the socket, which needs no bus; for others polkit decides what they may change, so
// that goes over the bus where there is one.
Result<ReachedDaemon> reach_daemon(const CtlOptions& options, const json& request) {
    const bool over_the_bus = ::geteuid() != 0 && BusClient::carries(request);
    if (over_the_bus)
        if (auto bus = BusClient::connect(options.bus_address))
            return ReachedDaemon{*std::move(bus), false};
    auto socket = Client::connect(options.socket, patience_for(request));
    if (!socket)
        return socket.error();
    return ReachedDaemon{std::make_unique<Client>(*std::move(socket)), over_the_bus};
}

Result<json> ask_daemon(const CtlOptions& options, const json& request) {
    const auto reached = reach_daemon(options, request);
    if (!reached)
        return reached.error();
    return reached->connection->ask(request);
}

json start_request(const StartOptions& start, const std::string& verb) {
    json request = {{"request", verb}};
    if (!start.scheduler.empty())
        request["scheduler"] = start.scheduler;
    if (start.with_arguments)
        request["arguments"] = start.arguments;
    if (start.take_over)
        request["take_over"] = true;
    return request;
}

int show_status(const CtlOptions& options) {
    return ask(options, {{"request", "status"}},
               [](const json& answer) { print_status(answer["status"]); });
}

int show_list(const CtlOptions& options) {
    return ask(options, {{"request", "list"}}, [&options](const json& answer) {
        std::vector<std::vector<std::string>> rows;
        if (on_terminal())
            rows.push_back({"RULE", "PID", "NAME", "CLASS", "BY"});
        for (const json& w : answer["workloads"])
            rows.push_back({field_text(w, "rule"), field_text(w, "pid"),
                            field_text(w, w.contains("name") ? "name" : "comm"),
                            field_text(w, "class"),
                            w.contains("by")         ? field_text(w, "by")
                            : w["inherited"] == true ? "parent"
                                                     : "rule"});
        if (!answer["workloads"].empty())
            print_table(rows);
        // Not among the lines that a script reads.
        std::fflush(stdout);
        const auto status = ask_daemon(options, {{"request", "status"}});
        const std::vector<std::string> others =
            lines_of_others(status ? field_part(*status, "status") : json::object());
        for (const std::string& other : others)
            fmt::print(stderr, "{}\n", other);
        if (others.empty() || !answer["workloads"].empty())
            for (const std::string& note : list_notes(answer["workloads"]))
                fmt::print(stderr, "{}\n", note);
    });
}

int show_history(const CtlOptions& options, bool dumps) {
    return ask(options, {{"request", "history"}}, [dumps](const json& answer) {
        for (const json& entry : answer["history"]) {
            fmt::print("{}  {:<9} {}\n", local_time(entry.value("time_ms", std::int64_t{0})),
                       field_text(entry, "event"), field_text(entry, "text"));
            if (dumps && entry.contains("dump"))
                fmt::print("{}\n", entry["dump"].get<std::string>());
        }
    });
}

int start(const CtlOptions& options, const StartOptions& start, const std::string& verb) {
    return ask(options, start_request(start, verb), [](const json& answer) {
        const auto status = answer.find("status");
        fmt::print("attached{}\n", status == answer.end() ? "" : ": " + scheduler_command(*status));
    });
}

int simple(const CtlOptions& options, const std::string& request, const std::string& done) {
    return ask(options, {{"request", request}}, [&](const json&) { fmt::print("{}\n", done); });
}

int reload(const CtlOptions& options) {
    return ask(options, {{"request", "reload"}}, [](const json& answer) {
        fmt::print("reloaded\n");
        constexpr std::size_t kMostNotes = 5;
        const json notes = field_part(answer, "status").value("configuration_notes", json::array());
        for (std::size_t i = 0; i < std::min(notes.size(), kMostNotes); ++i)
            fmt::print("{}: {}\n", coloured("note", Colour::Note),
                       safe(notes[i].get<std::string>()));
        if (notes.size() > kMostNotes)
            fmt::print("{} notes more: rustlandctl check\n", notes.size() - kMostNotes);
    });
}

int release(const CtlOptions& options, std::uint64_t cookie) {
    return ask(options, {{"request", "release"}, {"cookie", cookie}},
               [](const json&) { fmt::print("released\n"); });
}

int monitor(const CtlOptions& options) {
    auto client = Client::connect(options.socket, 0s);
    if (!client)
        return complain(options, client.error(), kNoDaemon);
    if (const Status status = client->send({{"request", "monitor"}}); !status)
        return complain(options, status.error(), kFailed);
    for (;;) {
        const auto line = client->receive();
        if (!line)
            return complain(options, line.error(), kFailed);
        if (options.json)
            fmt::print("{}\n", line->dump(-1, ' ', false, json::error_handler_t::replace));
        else if (line->contains("time_ms"))
            fmt::print("{}  {:<9} {}\n", local_time(line->value("time_ms", std::int64_t{0})),
                       field_text(*line, "event"), field_text(*line, "text"));
        else
            fmt::print("now: {}\n", field_text(*line, "text"));
        std::fflush(stdout);
    }
}

int doctor(const CtlOptions& options) {
    DoctorOptions what;
    what.socket = options.socket;
    const BuiltConfig built = load_config(find_config_files(options.config), system_user);
    if (built.problems.empty())
        what.scheduler = built.config.settings.scheduler.path;
    const std::vector<Finding> findings = examine(what);
    bool bad = false;
    json out = json::array();
    for (const Finding& f : findings) {
        bad = bad || f.verdict == Finding::Verdict::Bad;
        const char* verdict = f.verdict == Finding::Verdict::Good   ? "good"
                              : f.verdict == Finding::Verdict::Note ? "note"
                                                                    : "bad";
        const Colour colour = f.verdict == Finding::Verdict::Good   ? Colour::Good
                              : f.verdict == Finding::Verdict::Note ? Colour::Note
                                                                    : Colour::Bad;
        out.push_back(
            {{"verdict", verdict}, {"subject", f.subject}, {"text", f.text}, {"advice", f.advice}});
        if (options.json)
            continue;
        fmt::print("{}  {}: {}\n", coloured(fmt::format("{:<4}", verdict), colour), f.subject,
                   safe(f.text));
        if (!f.advice.empty())
            fmt::print("      -> {}\n", f.advice);
    }
    if (options.json)
        print_json({{"ok", !bad}, {"findings", out}});
    return bad ? kFailed : kDone;
}

int import_rules(const CtlOptions& options, const Result<ImportedRules>& imported,
                 const std::string& output) {
    if (!imported)
        return complain(options, imported.error(), kFailed);
    for (const std::string& problem : imported->problems)
        fmt::print(stderr, "rustlandctl: {}; left out\n", problem);
    if (output.empty()) {
        fmt::print("{}", imported->text);
        return kDone;
    }
    std::ofstream file(output);
    file << imported->text;
    file.close();
    if (!file)
        return complain(options, Error(output + ": cannot be written"), kFailed);
    if (options.json)
        print_json({{"ok", true}, {"names", imported->names}, {"file", output}});
    else
        fmt::print("{} games written to {}\n", imported->names, output);
    return kDone;
}

} // namespace rustland::supervisor
