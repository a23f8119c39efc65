// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "event_loop.hpp"
#include "exit_code.hpp"
#include "exit_report.hpp"
#include "options.hpp"
#include "policy_watch.hpp"
#include "preflight.hpp"
#include "rustland/common/line_writer.hpp"
#include "rustland/kernel/bpf_scheduler.hpp"
#include "rustland/kernel/memory.hpp"
#include "rustland/kernel/scheduler_thread.hpp"
#include "rustland/run_policy.hpp"
#include "stats.hpp"
#include "stats_server.hpp"
#include "stats_table.hpp"

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <unistd.h>

namespace rustland {

// One life of the scheduler, from the look at the machine to the exit report. Everything here
// belongs to the main thread; see SchedulerThread for what the other one has.
class Session {
  public:
    struct Outcome {
        ExitCode code = ExitCode::Failure;
        bool restart = false;
    };

    Session(const Options& options, const PolicyFactory& factory, const Program& program,
            int signals)
        : options_(options), factory_(factory), signals_(signals), arena_(program.memory_bytes) {}

    Outcome run();

  private:
    std::optional<Outcome> make_policy();
    std::optional<Outcome> load();
    std::optional<Outcome> prepare();
    std::optional<Outcome> attach();
    Status open_server();
    Status set_classes(const Request& request);
    Status set_first_classes();
    Status watch_events();
    void on_signal();
    void on_demotion();
    void on_attention();
    void warn_about_limits();
    void on_missed_limit();
    Outcome finish();
    void end_with_stuck_thread(const ExitReport& report);
    [[nodiscard]] std::uint64_t overflows() const;
    Snapshot snapshot();
    std::string stats_answer();

    const Options& options_;
    const PolicyFactory& factory_;
    int signals_;
    SystemRoots roots_;
    Topology topology_;
    bool asked_ = false;
    Nanos attached_at_;
    std::uint64_t faults_at_attach_ = 0;

    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<BpfScheduler> scheduler_;
    PolicyMemory arena_;
    std::unique_ptr<Policy> policy_;
    std::span<const NamedCounter> policy_counters_;
    std::optional<PolicyWatch> watch_;
    std::optional<SysctlOverride> compaction_;
    std::optional<LockedMemory> memory_;
    std::unique_ptr<StatsServer> server_;
    std::optional<IntervalTimer> print_timer_;
    StatsTable table_;
    // Not through stdio, the lock of which a policy's own printf() may hold while it waits.
    LineWriter print_{STDOUT_FILENO, "", Nanos{}};
    nlohmann::json answer_; // of the socket, kept since most of it stays the same
    std::unique_ptr<SchedulerThread> thread_;
};

} // namespace rustland
