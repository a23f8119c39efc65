// SPDX-License-Identifier: GPL-2.0-only
// rustlandd: turns the scheduler on when a workload starts and off when it ends.
#include "rustland/common/clock.hpp"
#include "rustland/common/describe.hpp"
#include "rustland/common/log.hpp"
#include "rustland/common/usage.hpp"
#include "rustland/common/version.hpp"
#include "supervisor/system/bus_service.hpp"
#include "supervisor/system/child_runner.hpp"
#include "supervisor/system/daemon.hpp"
#include "supervisor/system/event_journal.hpp"
#include "supervisor/system/journal.hpp"
#include "supervisor/system/notifier.hpp"
#include "supervisor/system/own_unit.hpp"
#include "supervisor/system/runner_choice.hpp"
#include "supervisor/system/sleep_watch.hpp"
#include "supervisor/system/systemd_runner.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

using namespace rustland;
using namespace rustland::supervisor;

namespace {

constexpr int kBadConfiguration = 78; // EX_CONFIG

struct Options {
    DaemonOptions daemon;
    std::string config_file;
    std::string log_level;
    std::string bus_address;
};

template <typename Runner>
Result<std::unique_ptr<SchedulerRunner>> as_runner(Result<std::unique_ptr<Runner>> made) {
    if (!made)
        return made.error();
    return std::unique_ptr<SchedulerRunner>(*std::move(made));
}

Result<std::unique_ptr<SchedulerRunner>>
make_runner(Loop& loop, Bus& bus, const DaemonOptions& options, RunnerKind kind) {
    const SchedExtReader kernel(options.sysfs_root + "/kernel/sched_ext");
    const ProcReader proc(options.detector.proc_root);
    const std::string sysrq = options.detector.proc_root + "/sysrq-trigger";
    RunnerFacts facts;
    facts.systemd_machine = ::sd_booted() > 0;
    // It waits for our READY=1: who started us is systemd.
    facts.service = std::getenv("NOTIFY_SOCKET") != nullptr;
    facts.may_have_children = may_have_children();
    facts.answers = [&bus] { return systemd_answers(bus); };
    const auto choice = choose_runner(kind, facts);
    if (!choice)
        return choice.error();
    if (kind == RunnerKind::Child && *choice != kind)
        log::warn("runner = child is not done: {}; systemd runs the scheduler", kChildRunnerNeeds);
    if (*choice == RunnerKind::Systemd) {
        SystemdRunnerOptions units;
        units.sysrq_path = sysrq;
        units.environment_path = options.run_dir + "/rustland.env";
        units.output = [journal = std::make_shared<JournalReader>(loop)](
                           const auto& unit, const auto& invocation, const auto& deliver) {
            journal->read(unit, invocation, deliver);
        };
        return as_runner(SystemdRunner::create(loop, bus, kernel, proc, units));
    }
    ChildRunnerOptions child;
    child.sysrq_path = sysrq;
    child.log_path = options.run_dir + "/scheduler.log";
    return as_runner(ChildRunner::create(loop, kernel, proc, child));
}

// A stop takes the scheduler with it. A restart (an upgrade, too) leaves it to the next daemon,
// where it runs as a unit of its own; a child would go with our control group.
void stop(Bus& bus, Daemon& daemon, Notifier& manager, const std::shared_ptr<int>& life) {
    manager.tell("STOPPING=1");
    if (std::string_view(daemon.backend()) != "systemd")
        return daemon.shutdown(false);
    ask_whether_restarting(bus, life, ::getpid(), [&daemon](bool restarting) {
        if (restarting)
            log::info("to be started again: the scheduler is left as it is");
        daemon.shutdown(restarting);
    });
}

// How often the service manager wants to hear from us; zero: never.
Nanos watchdog_span() {
    std::uint64_t micros = 0;
    return ::sd_watchdog_enabled(0, &micros) > 0 ? Nanos{static_cast<std::int64_t>(micros) * 1000}
                                                 : Nanos{};
}

// Blocks until the loop ends.
Result<int> serve(const Options& options, Loop& loop, Bus& bus, Daemon& daemon) {
    const auto life = std::make_shared<int>();
    const char* address = std::getenv("NOTIFY_SOCKET");
    const auto notifier = Notifier::create(loop, address != nullptr ? address : "");
    if (!notifier)
        return notifier.error();
    Notifier& manager = **notifier;
    const auto end = [&bus, &daemon, &manager, life] { stop(bus, daemon, manager, life); };
    auto on_term = loop.signal(SIGTERM, end);
    auto on_int = loop.signal(SIGINT, end);
    auto on_hup = loop.signal(SIGHUP, [&daemon, &manager] {
        // The time is what Type=notify-reload wants to see.
        manager.tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_now().value / 1000));
        daemon.reload([&manager](const Status& status) {
            if (!status)
                log::error("the old configuration stays:\n{}", status.error().message());
            manager.tell("READY=1");
        });
    });
    // An upgrade: the next daemon takes the scheduler over.
    auto on_usr2 = loop.signal(SIGUSR2, [&daemon] { daemon.shutdown(true); });
    for (const auto* source : {&on_term, &on_int, &on_hup, &on_usr2})
        if (!*source)
            return source->error();
    // What the command line says goes before the configuration.
    if (options.log_level.empty()) {
        set_log_level(daemon.settings().log_level);
        daemon.on_event([&daemon](const HistoryEntry& entry) {
            if (entry.kind == "config")
                set_log_level(daemon.settings().log_level);
        });
    }
    daemon.on_change([&daemon, &manager, last = CleanLine()]() mutable {
        // One line of the message, whatever is in it: each further one would be another assignment.
        CleanLine line = daemon.status_line();
        if (line == last)
            return;
        manager.tell("STATUS=" + line.str());
        last = std::move(line);
    });
    const auto sleep = SleepWatch::create(bus, [&daemon](bool asleep) { daemon.sleep(asleep); });
    daemon.on_change([&daemon, &sleep] {
        sleep->delay_sleep(daemon.core().phase() != Phase::Off &&
                           daemon.settings().sleep_action == SleepAction::Stop);
    });
    bool name_taken = false;
    BusServiceOptions on_the_bus;
    on_the_bus.name_taken = [&daemon, &name_taken] {
        name_taken = true;
        daemon.shutdown(false);
    };
    const auto service = BusService::create(bus, daemon, on_the_bus);
    if (!service)
        return service.error();
    manager.keep_alive(watchdog_span());
    manager.tell("READY=1");
    auto code = loop.run();
    // Two daemons would start and stop one scheduler.
    if (code && name_taken)
        return kBadConfiguration;
    return code;
}

int run(const Options& options) {
    auto loop = Loop::create();
    if (!loop) {
        log::error("{}", loop.error().message());
        return 1;
    }
    auto bus = Bus::create(**loop, options.bus_address);
    if (!bus) {
        log::error("{}", bus.error().message());
        return 1;
    }
    if (!(*bus)->connected())
        log::info("{}: the local socket alone is served", (*bus)->problem());
    DaemonOptions daemon_options = options.daemon;
    daemon_options.journal = logs_to_journal();
    daemon_options.detector.on_scan = [&bus] { (*bus)->retry(); };
    if (!options.config_file.empty())
        daemon_options.config_file = options.config_file;
    daemon_options.make_runner = [&options, &bus](Loop& l, RunnerKind kind) {
        return make_runner(l, **bus, options.daemon, kind);
    };
    auto daemon = Daemon::create(**loop, daemon_options);
    if (!daemon) {
        log::error("{}", daemon.error().message());
        return kBadConfiguration;
    }
    const auto code = serve(options, **loop, **bus, **daemon);
    if (!code) {
        log::error("{}", code.error().message());
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
    app.add_option("--bus-address", options.bus_address)->group("");
    if (const auto text = description_asked_for(app, argc, argv)) {
        fmt::print("{}", *text);
        return 0;
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return report_parse_error(app, e, argc, argv);
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
