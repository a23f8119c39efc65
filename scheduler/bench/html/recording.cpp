// SPDX-License-Identifier: GPL-2.0-only
#include "bench/html/recording.hpp"

#include "bench/html/mangohud.hpp"
#include "rustland/common/file.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace rustland::bench {
namespace {

Recording recording_of(const Run& run, const Report& report) {
    Recording r;
    r.scenario = to_string(run.scenario);
    r.label = run.label;
    r.seed = run.seed;
    r.machine = fmt::format("Linux {}, {} CPUs, {:g} s measured{}", report.kernel, report.cpus,
                            report.duration_s, report.vsync ? "" : ", no vsync");
    if (run.frame_ms.empty())
        r.note = "The result holds no frame times: measure with --frames.";
    if (run.scheduler.changed && run.scenario.fault == Fault::None)
        r.note = "The scheduler changed or went away during the run: not its own figures.";
    r.frames = run.frames;
    r.frame_ms = run.frame_ms;
    r.late_percent = metric("audio_late_percent").value(run);
    r.jobs_per_s = metric("jobs_per_s").value(run);
    r.total_miter_per_s = metric("total_miter_per_s").value(run);
    return r;
}

Recording recording_of(MangoHudLog log, const std::string& path) {
    Recording r;
    r.scenario = kGameScenario;
    r.label = std::filesystem::path(path).stem().string();
    r.machine = std::move(log.machine);
    r.frames = frame_stats(log.frame_ms);
    r.frame_ms = std::move(log.frame_ms);
    if (log.one_in > 1)
        r.note = fmt::format("The log holds one frame in about {:.0f}, so it can miss long ones: "
                             "record with log_interval=0.",
                             log.one_in);
    if (log.cut_off)
        r.note += fmt::format("{}The log's last row was cut off and is left out.",
                              r.note.empty() ? "" : " ");
    return r;
}

std::size_t rank(std::vector<std::string>& known, const std::string& name) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found != known.end())
        return static_cast<std::size_t>(found - known.begin());
    known.push_back(name);
    return known.size() - 1;
}

} // namespace

Result<std::vector<Recording>> recordings_from(const std::string& text, const std::string& path) {
    std::vector<Recording> recordings;
    if (const auto first = text.find_first_not_of(" \t\r\n");
        first == std::string::npos || text[first] != '{') {
        auto log = parse_mangohud(text, path);
        if (!log)
            return log.error();
        recordings.push_back(recording_of(*std::move(log), path));
        return recordings;
    }
    const auto report = from_json(text);
    if (!report)
        return report.error().with(path);
    for (const Run& run : report->runs)
        recordings.push_back(recording_of(run, *report));
    return recordings;
}

void add_recordings(std::vector<Recording>& all, std::vector<Recording> more,
                    const std::string& path) {
    for (Recording& r : more) {
        const bool taken = std::any_of(all.begin(), all.end(), [&](const Recording& known) {
            return known.scenario == kGameScenario && known.label == r.label;
        });
        if (r.scenario == kGameScenario && taken)
            r.label = path;
        all.push_back(std::move(r));
    }
}

FilesRead read_recordings(const std::vector<std::string>& paths) {
    FilesRead read;
    for (const std::string& path : paths) {
        const auto text = read_file(path);
        // One alone is no folder's: that it holds no frames must be told.
        if (text && paths.size() > 1 && is_mangohud_summary(*text))
            continue;
        auto recordings =
            text ? recordings_from(*text, path) : Result<std::vector<Recording>>(text.error());
        if (recordings)
            add_recordings(read.recordings, *std::move(recordings), path);
        else
            read.left_out.push_back(recordings.error());
    }
    return read;
}

Figure Group::median_of(Get get) const {
    std::vector<double> values;
    for (const Recording* r : recordings)
        if (const Figure value = get(*r))
            values.push_back(*value);
    return values.empty() ? std::nullopt : Figure(median(std::move(values)));
}

const Recording& Group::typical() const {
    std::vector<const Recording*> sorted = recordings;
    std::stable_sort(sorted.begin(), sorted.end(), [](const Recording* a, const Recording* b) {
        return a->frames.fps < b->frames.fps;
    });
    return *sorted[(sorted.size() - 1) / 2];
}

std::vector<double> Group::all_frames() const {
    std::vector<double> all;
    for (const Recording* r : recordings)
        all.insert(all.end(), r->frame_ms.begin(), r->frame_ms.end());
    return all;
}

std::vector<Group> group_recordings(const std::vector<Recording>& recordings) {
    std::vector<std::string> scenarios;
    std::vector<std::string> labels;
    std::vector<Group> groups;
    for (const Recording& r : recordings) {
        rank(scenarios, r.scenario);
        rank(labels, r.label);
        auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& g) {
            return g.scenario == r.scenario && g.label == r.label;
        });
        if (group == groups.end())
            group = groups.insert(groups.end(), Group{r.scenario, r.label, {}});
        group->recordings.push_back(&r);
    }
    std::stable_sort(groups.begin(), groups.end(), [&](const Group& a, const Group& b) {
        return std::pair(rank(scenarios, a.scenario), rank(labels, a.label)) <
               std::pair(rank(scenarios, b.scenario), rank(labels, b.label));
    });
    return groups;
}

} // namespace rustland::bench
