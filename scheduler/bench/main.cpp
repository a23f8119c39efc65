// SPDX-License-Identifier: GPL-2.0-only
#include "bench/compare.hpp"
#include "bench/html/page.hpp"
#include "bench/options.hpp"
#include "bench/report.hpp"
#include "bench/run.hpp"
#include "bench/work.hpp"
#include "rustland/common/file.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <thread>

using namespace rustland;
using namespace rustland::bench;

namespace {

int fail(const Error& error, int status = kExitFailed) {
    fmt::print(stderr, "rustland-bench: {}\n", error.message());
    return status;
}

unsigned cpu_count() { return std::max(1U, std::thread::hardware_concurrency()); }

// Written whole or reported: a result that is silently cut off would be read as another.
Status write_result(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file)
        return Error::from_errno("write " + path);
    return {};
}

int run_all(RunOptions options) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1); // so that every process of the load can be waited for
    if (options.iterations_per_ms == 0) {
        const auto rate = calibrate();
        if (!rate)
            return fail(rate.error());
        options.iterations_per_ms = *rate;
        fmt::print(stderr, "rustland-bench: calibrated to --iterations-per-ms {}\n", *rate);
    }
    const auto signals = SignalWatch::create();
    if (!signals)
        return fail(signals.error());

    utsname name{};
    ::uname(&name);
    Report report{.kernel = name.release,
                  .cpus = cpu_count(),
                  .iterations_per_ms = options.iterations_per_ms,
                  .duration_s = options.duration_s,
                  .warmup_s = options.warmup_s,
                  .vsync = options.vsync,
                  .compositor = options.compositor,
                  .runs = {}};
    bool changed = false;
    for (const Scenario& scenario : options.scenarios) {
        auto run = run_scenario(scenario, options, *signals);
        if (!run) {
            const int code = run.error().code();
            return fail(run.error().with(to_string(scenario)),
                        code < 0 ? kExitSignalBase - code : kExitFailed);
        }
        const bool unexpected = run->scheduler.changed && scenario.fault == Fault::None;
        if (unexpected)
            fmt::print(stderr,
                       "rustland-bench: {}: the scheduler changed or went away during the run: "
                       "these figures are not its own\n",
                       to_string(scenario));
        changed = changed || unexpected;
        report.runs.push_back(*std::move(run));
    }

    fmt::print("{}", options.json ? to_json(report)
                     : options.csv
                         ? to_csv(report)
                         : to_table(report, options.wide ? TableWidth::Wide : TableWidth::Brief));
    if (!options.output.empty())
        if (const auto status = write_result(options.output, to_json(report)); !status)
            return fail(status.error());
    if (!options.page.empty()) {
        const auto recordings = recordings_from(to_json(report), options.page);
        if (!recordings)
            return fail(recordings.error());
        if (const auto status = write_result(options.page, to_html(*recordings)); !status)
            return fail(status.error());
    }
    return changed ? kExitSchedulerChanged : kExitOk;
}

int write_page(const PageOptions& options) {
    const FilesRead read = read_recordings(options.files);
    for (const Error& why : read.left_out)
        fail(why);
    if (read.recordings.empty())
        return fail(Error(options.page + ": not written, because no file holds anything to show"),
                    kExitUsage);
    if (const auto status = write_result(options.page, to_html(read.recordings)); !status)
        return fail(status.error());
    // The page is there; whoever runs this from a script must still know.
    return read.left_out.empty() ? kExitOk : kExitUsage;
}

int compare_files(const CompareOptions& options) {
    std::vector<Report> reports;
    for (const std::string& path : options.files) {
        const auto text = read_file(path);
        if (!text)
            return fail(text.error(), kExitUsage);
        auto report = from_json(*text);
        if (!report)
            return fail(report.error().with(path), kExitUsage);
        reports.push_back(*std::move(report));
    }
    const TableStyle style = options.markdown ? TableStyle::Markdown
                             : options.csv    ? TableStyle::Csv
                                              : TableStyle::Text;
    fmt::print("{}", compare(reports, style,
                             options.wide || style != TableStyle::Text ? TableWidth::Wide
                                                                       : TableWidth::Brief));
    return kExitOk;
}

int print_calibration() {
    const auto rate = calibrate();
    if (!rate)
        return fail(rate.error());
    fmt::print("{}\n", *rate);
    return kExitOk;
}

int print_cells(const ListOptions& options) {
    fmt::print("{}", options.json ? cells_to_json(options.cells, options.cpus)
                                  : cells_to_text(options.cells));
    return kExitOk;
}

} // namespace

int main(int argc, char** argv) {
    const Command command = parse_command_line(argc, argv, cpu_count());
    if (const auto* message = std::get_if<Message>(&command)) {
        fmt::print(message->status == kExitOk ? stdout : stderr, "{}", message->text);
        return message->status;
    }
    if (const auto* options = std::get_if<PageOptions>(&command))
        return write_page(*options);
    if (const auto* options = std::get_if<CompareOptions>(&command))
        return compare_files(*options);
    if (const auto* options = std::get_if<ListOptions>(&command))
        return print_cells(*options);
    if (std::holds_alternative<CalibrateOptions>(command))
        return print_calibration();
    return run_all(std::get<RunOptions>(command));
}
