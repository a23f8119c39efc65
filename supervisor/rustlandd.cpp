// SPDX-License-Identifier: GPL-2.0-only
// rustlandd: turns the scheduler on when a workload starts and off when it ends.
#include "rustland/common/describe.hpp"
#include "rustland/common/log.hpp"
#include "rustland/common/version.hpp"
#include "supervisor/system/child_runner.hpp"
#include "supervisor/system/daemon.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

using namespace rustland;
using namespace rustland::supervisor;

namespace {

constexpr int kBadConfiguration = 78; // EX_CONFIG

struct Options {
    DaemonOptions daemon;
    std::string config_file;
    std::string log_level;
};

Result<std::unique_ptr<SchedulerRunner>> make_runner(Loop& loop, const DaemonOptions& options,
                                                     RunnerKind kind) {
    if (kind == RunnerKind::Systemd)
        return Error("runner = systemd is not available in this build; use child");
    ChildRunnerOptions child;
    child.log_path = options.run_dir + "/scheduler.log";
    child.sysrq_path = options.detector.proc_root + "/sysrq-trigger";
    auto runner =
        ChildRunner::create(loop, SchedExtReader(options.sysfs_root + "/kernel/sched_ext"),
                            ProcReader(options.detector.proc_root), child);
    if (!runner)
        return runner.error();
    return std::unique_ptr<SchedulerRunner>(*std::move(runner));
}

// Blocks until the loop ends.
Result<int> serve(Loop& loop, Daemon& daemon) {
    auto stop = [&daemon] {
        ::sd_notify(0, "STOPPING=1");
        daemon.shutdown(false);
    };
    auto on_term = loop.signal(SIGTERM, stop);
    auto on_int = loop.signal(SIGINT, stop);
    auto on_hup = loop.signal(SIGHUP, [&daemon] {
        ::sd_notify(0, "RELOADING=1");
        if (const Status status = daemon.reload(); !status)
            spdlog::error("the old configuration stays:\n{}", status.error().message());
        ::sd_notify(0, "READY=1");
    });
    // An upgrade: the next daemon takes the scheduler over.
    auto on_usr2 = loop.signal(SIGUSR2, [&daemon] { daemon.shutdown(true); });
    for (const auto* source : {&on_term, &on_int, &on_hup, &on_usr2})
        if (!*source)
            return source->error();
    daemon.on_change([&daemon, last = std::string()]() mutable {
        std::string line = daemon.status_line();
        if (line == last)
            return;
        ::sd_notifyf(0, "STATUS=%s", line.c_str());
        last = std::move(line);
    });
    sd_event_set_watchdog(loop.raw(), 1);
    ::sd_notify(0, "READY=1");
    return loop.run();
}

int run(const Options& options) {
    auto loop = Loop::create();
    if (!loop) {
        spdlog::error("{}", loop.error().message());
        return 1;
    }
    DaemonOptions daemon_options = options.daemon;
    if (!options.config_file.empty())
        daemon_options.config_file = options.config_file;
    daemon_options.make_runner = [&options](Loop& l, RunnerKind kind) {
        return make_runner(l, options.daemon, kind);
    };
    auto daemon = Daemon::create(**loop, daemon_options);
    if (!daemon) {
        spdlog::error("{}", daemon.error().message());
        return kBadConfiguration;
    }
    const auto code = serve(**loop, **daemon);
    if (!code) {
        spdlog::error("{}", code.error().message());
        return 1;
    }
    return *code;
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Starts and stops the CPU scheduler as workloads come and go.", "rustlandd");
    app.set_version_flag("--version", std::string("rustlandd ") + kVersion);
    app.add_option("-c,--config", options.config_file, "Read this file alone")->type_name("FILE");
    app.add_option("--run-dir", options.daemon.run_dir, "Sockets and state")->type_name("DIR");
    app.add_option("--log-level", options.log_level, "error, warning, info or debug")
        ->check(CLI::IsMember({"error", "warning", "info", "debug"}))
        ->type_name("LEVEL");
    // For tests on trees of their own.
    app.add_option("--proc-root", options.daemon.detector.proc_root)->group("");
    app.add_option("--sysfs-root", options.daemon.sysfs_root)->group("");
    app.add_option("--cgroup-root", options.daemon.detector.cgroup_root)->group("");
    if (const auto text = description_asked_for(app, argc, argv)) {
        fmt::print("{}", *text);
        return 0;
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : 2;
    }
    LogLevel level = LogLevel::Info;
    if (options.log_level == "error")
        level = LogLevel::Error;
    else if (options.log_level == "warning")
        level = LogLevel::Warning;
    else if (options.log_level == "debug")
        level = LogLevel::Debug;
    setup_logging("rustlandd", level);
    options.daemon.scheduler_socket = options.daemon.run_dir + "/scheduler.sock";
    return run(options);
}
