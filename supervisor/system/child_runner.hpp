// SPDX-License-Identifier: GPL-2.0-only
// Runs the scheduler as a child process, for systems without systemd.
//
//   Idle -start-> Starting -ops seen-> Running -stop-> Stopping
//                    |                    |               |
//                    +------- its process has ended ------+
//                                  v
//                              Detaching -disabled-> Idle: StartFailed, Exited or Stopped
//
// The child leads a session of its own and writes to a file, so that it outlives this daemon; the
// next one adopts it by its pid and its start time.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/exit_status.hpp"
#include "supervisor/system/loop.hpp"
#include "supervisor/system/proc_reader.hpp"
#include "supervisor/system/runner.hpp"
#include "supervisor/system/sched_ext.hpp"

#include <string>

namespace rustland::supervisor {

struct ChildRunnerOptions {
    std::string log_path = "/run/rustland/scheduler.log";
    std::string sysrq_path = "/proc/sysrq-trigger";
    Nanos start_timeout = seconds(15);
    Nanos stop_timeout = seconds(5); // of each step: SIGINT, SIGTERM, SIGKILL, detached
};

class ChildRunner : public SchedulerRunner {
  public:
    static Result<std::unique_ptr<ChildRunner>> create(Loop& loop, SchedExtReader kernel,
                                                       ProcReader proc, ChildRunnerOptions options);

    void start(const SchedulerSpec& spec, bool take_over) override;
    void stop() override;
    bool adopt(const RunRecord& record) override;
    void kernel_changed() override;
    [[nodiscard]] bool owns_kernel_scheduler() const override { return phase_ != Phase::Idle; }
    void configure(Nanos start_timeout, Nanos stop_timeout) override;
    [[nodiscard]] const char* backend() const override { return "child"; }

  private:
    enum class Phase { Idle, Evicting, Starting, Running, Ejected, Stopping, Detaching };

    ChildRunner(Loop& loop, SchedExtReader kernel, ProcReader proc, ChildRunnerOptions options)
        : loop_(loop), kernel_(std::move(kernel)), proc_(std::move(proc)),
          options_(std::move(options)) {}

    void spawn();
    Status spawn_process();
    Status watch(Pid pid);
    void check();       // the kernel's state against what we wait for
    void check_later(); // soon, and ever later, while a start or a stop is under way
    void deadline();
    void process_ended();
    void await_detached(RunnerEvent event);
    void signal_next();
    void finish(const RunnerEvent& event);
    void fail(const std::string& reason);
    // For events that must not be reported from within the caller's own call.
    void report_later(RunnerEvent event);
    [[nodiscard]] std::string output() const;

    Loop& loop_;
    SchedExtReader kernel_;
    ProcReader proc_;
    ChildRunnerOptions options_;
    Phase phase_ = Phase::Idle;
    SchedulerSpec spec_;
    RunRecord record_;
    UniqueFd pidfd_;
    Source exit_source_;
    Source check_timer_;
    Source deadline_timer_;
    Source later_timer_;
    Nanos check_delay_;
    std::uint64_t seq_before_ = 0;
    int step_ = 0;           // which signal was sent last
    std::string give_up_;    // why a start is being broken off by ourselves
    bool requested_ = false; // somebody called stop()
    ExitInfo exit_;
    std::optional<RunnerEvent> ending_; // what to report once the kernel has let go
    std::optional<RunnerEvent> later_;
};

} // namespace rustland::supervisor
