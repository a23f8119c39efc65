// SPDX-License-Identifier: GPL-2.0-only
#include "bench/report.hpp"

#include "bench/bound.hpp"
#include "bench/metrics.hpp"
#include "bench/text_table.hpp"
#include "rustland/common/version.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace rustland::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchema = 1;

Json optional_to_json(const std::optional<double>& value) {
    return value ? Json(*value) : Json(nullptr);
}

std::optional<double> optional_from_json(const Json& j) {
    return j.is_null() ? std::nullopt : std::optional<double>(j.get<double>());
}

// "name" holds all parameters and is what is read back; the rest is derived from it for readers.
Json cell_to_json(const Cell& cell, unsigned cpus) {
    return {{"name", to_string(cell)},
            {"short", short_name(cell)},
            {"game", to_string(cell.game.family)},
            {"load", to_string(cell.load.family)},
            {"setup", to_string(cell.setup)},
            {"hz", cell.game.hz},
            {"equal_share_fps", equal_share_fps(cell, cpus)}};
}

Json run_to_json(const Run& run, unsigned cpus) {
    Json j;
    j["label"] = run.label;
    j["seed"] = run.seed;
    j["scenario"] = {{"name", to_string(run.scenario)},
                     {"load", to_string(run.scenario.load)},
                     {"slots", run.scenario.slots},
                     {"fault", to_string(run.scenario.fault)}};
    if (run.scenario.cell)
        j["scenario"]["cell"] = cell_to_json(*run.scenario.cell, cpus);
    j["frames"] = {{"count", run.frames.count},       {"fps", run.frames.fps},
                   {"low1_fps", run.frames.low1_fps}, {"p50_ms", run.frames.p50_ms},
                   {"p99_ms", run.frames.p99_ms},     {"max_ms", run.frames.max_ms}};
    if (!run.frame_ms.empty())
        j["frames"]["times_ms"] = run.frame_ms;
    j["audio"] = {{"periods", run.audio.periods},
                  {"late", run.audio.late},
                  {"late_percent", run.audio.late_percent},
                  {"p99_late_ms", run.audio.p99_late_ms},
                  {"max_late_ms", run.audio.max_late_ms}};
    j["work"] = {{"seconds", run.load.seconds},
                 {"jobs", run.load.jobs},
                 {"failed_jobs", run.load.failed_jobs},
                 {"jobs_per_s", run.load.jobs_per_s},
                 {"load_iterations_per_s", run.load.load_per_s},
                 {"game_iterations_per_s", run.load.game_per_s},
                 {"total_iterations_per_s", run.load.total_per_s}};
    j["scheduler"] = {{"ops", run.scheduler.ops},
                      {"comm", run.scheduler.comm},
                      {"pid", run.scheduler.pid},
                      {"cpu_percent", run.scheduler.cpu_percent},
                      {"cpu_seconds", run.scheduler.cpu_seconds},
                      {"rss_mib", run.scheduler.rss_mib},
                      {"peak_rss_mib", run.scheduler.peak_rss_mib},
                      {"decisions_per_s", optional_to_json(run.scheduler.decisions_per_s)},
                      {"decided_percent", optional_to_json(run.scheduler.decided_percent)},
                      {"cpu_us_per_decision", optional_to_json(run.scheduler.cpu_us_per_decision)},
                      {"changed", run.scheduler.changed}};
    j["switches"] = {{"game_voluntary_per_s", run.switches.game_voluntary_per_s},
                     {"game_involuntary_per_s", run.switches.game_involuntary_per_s},
                     {"system_per_s", run.switches.system_per_s}};
    return j;
}

Scenario scenario_from_json(const Json& j) {
    if (j.contains("cell")) {
        const auto cell = parse_cell(j.at("cell").at("name").get<std::string>());
        if (!cell)
            throw std::invalid_argument(cell.error().message());
        return {.cell = *cell};
    }
    const auto kind = parse_load(j.at("load").get<std::string>());
    if (!kind)
        throw std::invalid_argument(kind.error().message());
    const auto fault = parse_fault(j.at("fault").get<std::string>());
    if (!fault)
        throw std::invalid_argument(fault.error().message());
    return {.load = *kind, .slots = j.at("slots").get<unsigned>(), .fault = *fault};
}

Run run_from_json(const Json& j) {
    Run run;
    j.at("label").get_to(run.label);
    j.at("seed").get_to(run.seed);
    run.scenario = scenario_from_json(j.at("scenario"));
    const Json& frames = j.at("frames");
    frames.at("count").get_to(run.frames.count);
    frames.at("fps").get_to(run.frames.fps);
    frames.at("low1_fps").get_to(run.frames.low1_fps);
    frames.at("p50_ms").get_to(run.frames.p50_ms);
    frames.at("p99_ms").get_to(run.frames.p99_ms);
    frames.at("max_ms").get_to(run.frames.max_ms);
    if (frames.contains("times_ms"))
        frames.at("times_ms").get_to(run.frame_ms);
    const Json& audio = j.at("audio");
    audio.at("periods").get_to(run.audio.periods);
    audio.at("late").get_to(run.audio.late);
    audio.at("late_percent").get_to(run.audio.late_percent);
    audio.at("p99_late_ms").get_to(run.audio.p99_late_ms);
    audio.at("max_late_ms").get_to(run.audio.max_late_ms);
    const Json& work = j.at("work");
    work.at("seconds").get_to(run.load.seconds);
    work.at("jobs").get_to(run.load.jobs);
    work.at("failed_jobs").get_to(run.load.failed_jobs);
    work.at("jobs_per_s").get_to(run.load.jobs_per_s);
    work.at("load_iterations_per_s").get_to(run.load.load_per_s);
    work.at("game_iterations_per_s").get_to(run.load.game_per_s);
    work.at("total_iterations_per_s").get_to(run.load.total_per_s);
    const Json& scheduler = j.at("scheduler");
    scheduler.at("ops").get_to(run.scheduler.ops);
    scheduler.at("comm").get_to(run.scheduler.comm);
    scheduler.at("pid").get_to(run.scheduler.pid);
    scheduler.at("cpu_percent").get_to(run.scheduler.cpu_percent);
    scheduler.at("cpu_seconds").get_to(run.scheduler.cpu_seconds);
    scheduler.at("rss_mib").get_to(run.scheduler.rss_mib);
    scheduler.at("peak_rss_mib").get_to(run.scheduler.peak_rss_mib);
    run.scheduler.decisions_per_s = optional_from_json(scheduler.at("decisions_per_s"));
    run.scheduler.decided_percent = optional_from_json(scheduler.at("decided_percent"));
    run.scheduler.cpu_us_per_decision = optional_from_json(scheduler.at("cpu_us_per_decision"));
    scheduler.at("changed").get_to(run.scheduler.changed);
    const Json& switches = j.at("switches");
    switches.at("game_voluntary_per_s").get_to(run.switches.game_voluntary_per_s);
    switches.at("game_involuntary_per_s").get_to(run.switches.game_involuntary_per_s);
    switches.at("system_per_s").get_to(run.switches.system_per_s);
    return run;
}

} // namespace

std::string to_json(const Report& report) {
    Json j;
    j["program"] = "rustland-bench";
    j["version"] = kVersion;
    j["schema"] = kSchema;
    j["machine"] = {{"kernel", report.kernel}, {"cpus", report.cpus}};
    j["config"] = {{"iterations_per_ms", report.iterations_per_ms},
                   {"duration_s", report.duration_s},
                   {"warmup_s", report.warmup_s},
                   {"vsync", report.vsync},
                   {"compositor", report.compositor}};
    j["runs"] = Json::array();
    for (const Run& run : report.runs)
        j["runs"].push_back(run_to_json(run, report.cpus));
    return j.dump(1) + "\n";
}

Result<Report> from_json(const std::string& text) {
    try {
        const Json j = Json::parse(text);
        if (!j.is_object() || j.value("program", "") != "rustland-bench")
            return Error("not a result of rustland-bench --json");
        if (j.value("schema", 0) != kSchema)
            return Error(fmt::format("written by another version of rustland-bench (schema {}, "
                                     "this one reads {})",
                                     j.value("schema", 0), kSchema));
        Report report;
        j.at("machine").at("kernel").get_to(report.kernel);
        j.at("machine").at("cpus").get_to(report.cpus);
        const Json& config = j.at("config");
        config.at("iterations_per_ms").get_to(report.iterations_per_ms);
        config.at("duration_s").get_to(report.duration_s);
        config.at("warmup_s").get_to(report.warmup_s);
        config.at("vsync").get_to(report.vsync);
        report.compositor = config.value("compositor", false); // results of before had none
        for (const Json& run : j.at("runs"))
            report.runs.push_back(run_from_json(run));
        return report;
    } catch (const Json::exception& e) {
        return Error(e.what());
    } catch (const std::invalid_argument& e) {
        return Error(e.what());
    }
}

std::string cells_to_text(const std::vector<Cell>& cells) {
    std::string text;
    for (const Cell& cell : cells)
        text += to_string(cell) + "\n";
    return text;
}

std::string cells_to_json(const std::vector<Cell>& cells, unsigned cpus) {
    Json j = Json::array();
    for (const Cell& cell : cells)
        j.push_back(cell_to_json(cell, cpus));
    return j.dump(1) + "\n";
}

std::string to_table(const Report& report, TableWidth width) {
    const bool wide = width == TableWidth::Wide;
    Cells cells{{"scenario", "scheduler", "seed"}};
    for (const Metric& m : metrics())
        if (wide || m.in_brief)
            cells[0].emplace_back(m.title);
    for (const Run& run : report.runs) {
        std::vector<std::string> row{wide ? to_string(run.scenario) : brief_name(run.scenario),
                                     run.label, std::to_string(run.seed)};
        for (const Metric& m : metrics())
            if (wide || m.in_brief)
                row.push_back(to_text(m, m.value(run)));
        cells.push_back(std::move(row));
    }
    return aligned(cells, 2);
}

std::string to_csv(const Report& report) {
    Cells cells{{"scenario", "label", "seed", "kernel", "cpus"}};
    for (const Metric& m : metrics())
        cells[0].emplace_back(m.key);
    for (const Run& run : report.runs) {
        std::vector<std::string> row{to_string(run.scenario), run.label, std::to_string(run.seed),
                                     report.kernel, std::to_string(report.cpus)};
        for (const Metric& m : metrics())
            row.push_back(to_csv_field(m.value(run)));
        cells.push_back(std::move(row));
    }
    return csv(cells);
}

} // namespace rustland::bench
