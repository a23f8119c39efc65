// SPDX-License-Identifier: GPL-2.0-only
#include "bench/options.hpp"

#include "bench/draw.hpp"
#include "rustland/common/describe.hpp"
#include "rustland/common/number_option.hpp"
#include "rustland/common/usage.hpp"
#include "rustland/common/version.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <sstream>

namespace rustland::bench {
namespace {

constexpr const char* kDescription =
    "Runs a game-like workload beside a build-like load and reports how well the game did\n"
    "(frame rate, frame times, audio) and how much work the machine got done, so that CPU\n"
    "schedulers can be compared.";

// JSON readers keep whole numbers up to here.
constexpr std::uint64_t kMaxSeed = std::uint64_t{1} << 53;

// The braces are filled from the model's own figures.
constexpr const char* kFooter = R"(
The game: {hz} Hz with vsync. Each frame: {logic} ms on the main thread, {workers} workers of {worker} ms in
parallel, {submit} ms on the main thread (each part varies by {spread:.0f} %), then sleep until the vsync.
A frame that is late is shown at the next vsync. Audio: {audio} ms of work each {period:.2f} ms; a period
whose work is not complete when the period ends is late. All threads are of the normal class.

With --cell or --draw game and load are of families, each with parameters of its own:
  games   light, heavy (a heavy main thread), jobs (a job system of up to 16 workers), single
          (one thread), fast (144 Hz), loading (with screens that use all CPUs and do not count)
  loads   compile, naps, storm, hog, naphog, pipe, io, mixed, shader (in the game's process),
          encoder
  setups  one-session, sessions (one each), app-slice (applications of one group), cgroups
A frame counts when a compositor, and a period when a sound server, processes in a session of their
own, have done their part (but with --no-compositor). rustland-bench(1) has all parameters.

The loads of --load and --scenario:
  build   SLOTS compile jobs at a time, as make -j: driver, compiler, assembler as processes,
          pipes, temporary files, memory; {job_min} to {job_max} ms of CPU time each
  hog     SLOTS processes that compute and never sleep
  mixed   half of each, and a few processes that sleep and compute in turn
  none    the game alone

The figures:
  fps          frames shown / time
  1% low       1 / mean time of the slowest 1 % of the frames
  p50, p99     percentiles of the time from one shown frame to the next (nearest rank)
  late         audio periods that were late; p99 is over all periods
  jobs/s       build jobs that were completed
  load, total  iterations of the work loop per second, of the load and of load and game
               together, in millions
  CPU %, MiB   CPU time, in percent of one CPU, and resident memory of the scheduler's process
  us/dec       its CPU time for each decision of its policy, in microseconds
  decided %    tasks that found no idle CPU and that the policy decided; under 90 the policy does
               not run where it should

Times of work are CPU time on a machine whose CPUs are all busy, counted in iterations of a
fixed loop: calibrated at the start, or given with --iterations-per-ms so that runs repeat.
On a machine that counts instructions (QEMU -icount shift=1, 4 CPUs: 8 ns per instruction when
all are busy, 4 instructions per iteration) that is 31250.

Exit status:
  0      done
  1      a run could not be done; what went wrong is on standard error
  2      bad option, or a result that cannot be read
  3      the sched_ext scheduler changed or went away during a run; the result is printed
  128+N  interrupted by signal N

Examples:
  rustland-bench --load build --slots 16
  rustland-bench --scenario build:8 --scenario hog:8 --label EEVDF -o eevdf.json
  rustland-bench --cell heavy/compile:8 --cell heavy,main=4.2/storm:8@cgroups
  rustland-bench --compare eevdf.json rustland.json
  rustland-bench --report page.html eevdf.json rustland.json)";

std::string footer() {
    const auto ms = [](std::int64_t micros) { return static_cast<double>(micros) / 1000.0; };
    return fmt::format(kFooter, fmt::arg("hz", kRefreshHz), fmt::arg("logic", ms(kLogicMicros)),
                       fmt::arg("workers", kWorkers), fmt::arg("worker", ms(kWorkerMicros)),
                       fmt::arg("submit", ms(kSubmitMicros)),
                       fmt::arg("spread", 100.0 * kFrameSpread),
                       fmt::arg("audio", ms(kAudioMicros)),
                       fmt::arg("period", 1000.0 * static_cast<double>(kAudioSamples) /
                                              static_cast<double>(kAudioRateHz)),
                       fmt::arg("job_min", kJobMinMs), fmt::arg("job_max", kJobMaxMs));
}

// One line for the option, then what it does, folded to a terminal's width.
class HelpFormatter : public CLI::Formatter {
  public:
    HelpFormatter() { column_width(kColumn); }
    std::string make_option_opts(const CLI::Option* option) const override {
        return option->get_type_size() == 0 ? "" : " " + option->get_type_name();
    }
    std::string make_option_desc(const CLI::Option* option) const override {
        std::string folded;
        std::size_t used = 0;
        std::istringstream words(option->get_description());
        for (std::string word; words >> word; used += word.size() + 1) {
            if (used > 0 && kColumn + used + word.size() > kWidth) {
                folded += '\n';
                used = 0;
            } else if (used > 0) {
                folded += ' ';
            }
            folded += word;
        }
        return folded;
    }

  private:
    static constexpr std::size_t kColumn = 28;
    static constexpr std::size_t kWidth = 90;
};

struct RawOptions {
    RunOptions run;
    std::string load;
    unsigned slots = 0;
    std::vector<std::string> scenarios;
    std::vector<std::string> cells;
    std::uint64_t draw = 0;
    unsigned draw_cells = 1;
    unsigned cpus = 0; // 0: as many as there are
    bool list = false;
    bool no_compositor = false;
    std::string scheduler_comm;
    bool no_vsync = false;
    bool calibrate = false;
    bool markdown = false;
    std::vector<std::string> compare;
    std::vector<std::string> files;
};

void add_options(CLI::App& app, RawOptions& raw) {
    const char* const workload = "Workload";
    auto* load = app.add_option("-l,--load", raw.load, "build (default), hog, mixed or none")
                     ->type_name("KIND")
                     ->group(workload);
    auto* slots = add_number(app, "-n,--slots", raw.slots, 1, kMaxSlots,
                             "processes of the load at a time (default: a run with twice and one "
                             "with four times the number of CPUs)")
                      ->type_name("N")
                      ->group(workload);
    app.add_option(
           "--scenario", raw.scenarios,
           "load and slots, such as build:8, or none; may be given several times. With :stop "
           "or :kill behind it, that is done to the scheduler's process in the middle of "
           "the measured time")
        ->type_name("KIND:N[:FAULT]")
        ->expected(1)
        ->take_all()
        ->excludes(load)
        ->excludes(slots)
        ->group(workload);
    app.add_option(
           "--cell", raw.cells,
           "a game and a load with parameters of their own, such as heavy/compile:8@cgroups; "
           "may be given several times")
        ->type_name("GAME/LOAD:N[@SETUP]")
        ->expected(1)
        ->take_all()
        ->excludes(load)
        ->excludes(slots)
        ->group(workload);
    auto* draw = add_number(app, "--draw", raw.draw, 0, kMaxSeed,
                            "draw cells by SEED, which is not --seed: the same cells everywhere")
                     ->type_name("SEED")
                     ->excludes(load)
                     ->excludes(slots)
                     ->group(workload);
    add_number(app, "--cells", raw.draw_cells, 1, kDrawnCells,
               fmt::format("how many of the {} drawn ones (default 1)", kDrawnCells))
        ->type_name("N")
        ->needs(draw)
        ->group(workload);
    add_number(app, "--cpus", raw.cpus, 1, 256,
               "CPUs of the machine that cells are drawn for (default: these)")
        ->type_name("N")
        ->needs(draw)
        ->group(workload);
    app.add_flag("--list", raw.list, "print the drawn cells, with all parameters, and run nothing")
        ->needs(draw)
        ->group(workload);
    add_number(app, "-d,--duration", raw.run.duration_s, 0.1, 3600,
               "seconds to measure (default 5)")
        ->type_name("S")
        ->group(workload);
    add_number(app, "--warmup", raw.run.warmup_s, 0, 600, "seconds before that (default 1)")
        ->type_name("S")
        ->group(workload);
    add_number(app, "--seed", raw.run.seed, 0, kMaxSeed,
               "of the load's and the frames' variation (default 1)")
        ->type_name("N")
        ->group(workload);
    add_number(app, "--iterations-per-ms", raw.run.iterations_per_ms, 1000, 100'000'000,
               "work in a millisecond (default: calibrate first)")
        ->type_name("N")
        ->group(workload);
    app.add_flag("--no-vsync", raw.no_vsync, "start the next frame at once")->group(workload);
    app.add_flag(
           "--no-compositor", raw.no_compositor,
           "a frame is on the screen without a compositor, and audio without a sound server, as "
           "in versions before 0.2")
        ->group(workload);
    app.add_flag("--foreground", raw.run.foreground,
                 "tell rustland which process is the game, as its supervisor does (root alone)")
        ->group(workload);
    app.add_option("--game-hook", raw.run.game_hook,
                   "shell command to run before each scenario, with the game's process id in "
                   "$RUSTLAND_GAME_PID")
        ->type_name("COMMAND")
        ->group(workload);

    const char* const report = "Report";
    app.add_option("--label", raw.run.label,
                   "name of the run in results (default: the sched_ext scheduler's name, or "
                   "\"kernel\")")
        ->type_name("NAME")
        ->group(report);
    app.add_option("--scheduler-comm", raw.scheduler_comm,
                   "process whose CPU time and memory are the scheduler's (default: the name in "
                   "/sys/kernel/sched_ext/root/ops); - for none")
        ->type_name("NAME")
        ->group(report);
    app.add_option("--scheduler-socket", raw.run.scheduler_socket,
                   fmt::format("where rustland tells its counters (default {})", kDefaultSocket))
        ->type_name("PATH")
        ->group(report);
    auto* json = app.add_flag("--json", raw.run.json, "print JSON")->group(report);
    app.add_flag("--csv", raw.run.csv, "print comma-separated values")
        ->excludes(json)
        ->group(report);
    app.add_flag("--wide", raw.run.wide,
                 "all figures in the table, also that of --compare; else those that fit into 80 "
                 "columns")
        ->group(report);
    app.add_option("-o,--output", raw.run.output, "write the result as JSON to FILE, too")
        ->type_name("FILE")
        ->group(report);
    app.add_flag("--frames", raw.run.keep_frames, "keep all frame times in the JSON")
        ->group(report);
    app.add_option("--report", raw.run.page,
                   "write a page with plots (HTML) to FILE, too; with files behind it, of these "
                   "instead of a run: results (JSON) and logs of MangoHud (CSV)")
        ->type_name("FILE")
        ->group(report);
    app.add_option("files", raw.files, "with --report: results and logs to show")
        ->type_name("FILE")
        ->group(report);

    const char* const other = "Instead of a run";
    app.add_option("--compare", raw.compare,
                   "print results side by side, with ratios to the first; median and worst where "
                   "several runs carry the same label")
        ->type_name("FILE...")
        ->expected(1, 10000)
        ->group(other);
    app.add_flag("--markdown", raw.markdown, "with --compare: as Markdown tables")->group(other);
    app.add_flag("--calibrate", raw.calibrate, "print this machine's iterations per ms")
        ->group(other);
}

Message usage_error(std::string_view what) {
    return {fmt::format("rustland-bench: {} (see rustland-bench --help)\n", what), kExitUsage};
}

std::vector<Cell> drawn_cells(const RawOptions& raw, unsigned cpus) {
    std::vector<Cell> cells = draw_cells(raw.draw, raw.cpus != 0 ? raw.cpus : cpus);
    cells.resize(raw.draw_cells);
    return cells;
}

// The scenarios that the options ask for.
Result<std::vector<Scenario>> choose_scenarios(const CLI::App& app, const RawOptions& raw,
                                               unsigned cpus) {
    std::vector<Scenario> scenarios;
    for (const std::string& text : raw.scenarios) {
        const auto scenario = parse_scenario(text);
        if (!scenario)
            return scenario.error().with("--scenario");
        scenarios.push_back(*scenario);
    }
    for (const std::string& text : raw.cells) {
        const auto cell = parse_cell(text);
        if (!cell)
            return cell.error().with("--cell");
        scenarios.push_back({.cell = *cell});
    }
    if (app.count("--draw") > 0)
        for (const Cell& cell : drawn_cells(raw, cpus))
            scenarios.push_back({.cell = cell});
    if (!scenarios.empty())
        return scenarios;
    const auto load = parse_load(raw.load.empty() ? "build" : raw.load);
    if (!load)
        return load.error().with("--load");
    if (*load == LoadKind::None) {
        if (raw.slots != 0)
            return Error("--slots: the load none takes no slots");
        return std::vector{Scenario{}};
    }
    if (raw.slots != 0)
        return std::vector{Scenario{*load, raw.slots}};
    return std::vector{Scenario{*load, std::min(2 * cpus, kMaxSlots)},
                       Scenario{*load, std::min(4 * cpus, kMaxSlots)}};
}

Command to_command(const CLI::App& app, RawOptions raw, unsigned cpus) {
    if (!raw.compare.empty()) {
        if (raw.run.json)
            return usage_error("--compare prints a table, --markdown or --csv, not --json");
        if (!raw.run.page.empty())
            return usage_error("choose one of --compare and --report");
        if (raw.markdown && raw.run.csv)
            return usage_error("choose one of --markdown and --csv");
        return CompareOptions{raw.compare, raw.markdown, raw.run.csv, raw.run.wide};
    }
    if (raw.markdown)
        return usage_error("--markdown needs --compare");
    if (raw.calibrate)
        return CalibrateOptions{};
    if (raw.list)
        return ListOptions{drawn_cells(raw, cpus), raw.cpus != 0 ? raw.cpus : cpus, raw.run.json};
    if (!raw.files.empty()) {
        if (raw.run.page.empty())
            return usage_error(fmt::format("unexpected '{}': files belong to --report or --compare",
                                           raw.files[0]));
        return PageOptions{raw.run.page, raw.files};
    }
    auto scenarios = choose_scenarios(app, raw, cpus);
    if (!scenarios)
        return usage_error(scenarios.error().message());
    raw.run.scenarios = *std::move(scenarios);
    raw.run.vsync = !raw.no_vsync;
    raw.run.compositor = !raw.no_compositor;
    raw.run.keep_frames = raw.run.keep_frames || !raw.run.page.empty();
    if (app.count("--scheduler-comm") > 0)
        raw.run.scheduler_comm = raw.scheduler_comm == "-" ? "" : raw.scheduler_comm;
    return raw.run;
}

} // namespace

Command parse_command_line(int argc, const char* const* argv, unsigned cpus) {
    CLI::App app(kDescription, "rustland-bench");
    app.footer(footer());
    app.set_version_flag("-V,--version", std::string("rustland-bench ") + kVersion);
    app.formatter(std::make_shared<HelpFormatter>());
    RawOptions raw;
    add_options(app, raw);
    if (const auto text = description_asked_for(app, argc, argv))
        return Message{*text, kExitOk};
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() != 0)
            return usage_error(usage_mistake(app, e, argc, argv));
        std::ostringstream out;
        app.exit(e, out, out);
        return Message{out.str(), kExitOk};
    }
    return to_command(app, std::move(raw), cpus);
}

} // namespace rustland::bench
