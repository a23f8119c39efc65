// SPDX-License-Identifier: GPL-2.0-only
// What every runner has in common: the stages of a run, their deadlines, and the kernel's word for
// each of them. A backend starts, signals and watches the process.
//
//   Idle -start-> Starting -ops seen-> Running -stop-> Stopping
//                    |                    |               |
//                    +------- its process has ended ------+
//                                  v
//                              Detaching -disabled-> Idle: StartFailed, Exited or Stopped
//
// Where somebody else starts it anew (an upgrade), Running goes back to Starting.
#pragma once

#include "supervisor/system/exit_status.hpp"
#include "supervisor/system/loop.hpp"
#include "supervisor/system/proc_reader.hpp"
#include "supervisor/system/runner.hpp"
#include "supervisor/system/sched_ext.hpp"

#include <functional>
#include <optional>
#include <string>

namespace rustland::supervisor {

struct StageOptions {
    std::string sysrq_path = "/proc/sysrq-trigger";
    Nanos start_timeout = seconds(15);
    Nanos stop_timeout = seconds(5); // of each step: SIGINT, SIGTERM, SIGKILL, detached
};

class StagedRunner : public SchedulerRunner {
  public:
    void start(const SchedulerSpec& spec, bool take_over) override;
    void stop() override;
    Adopted adopt(const RunRecord& record) override;
    void kernel_changed() override { check(); }
    [[nodiscard]] bool owns_kernel_scheduler() const override { return stage_ != Stage::Idle; }
    void configure(Nanos start_timeout, Nanos stop_timeout) override;

  protected:
    StagedRunner(Loop& loop, SchedExtReader kernel, ProcReader proc, StageOptions options)
        : loop_(loop), proc_(std::move(proc)), kernel_(std::move(kernel)),
          options_(std::move(options)) {}
    Status init();

    // For the backend to do. launch() is answered by launched(), by launch_failed() or by ended();
    // `take_over`: even where somebody else has started a scheduler.
    virtual void launch(const SchedulerSpec& spec, bool take_over) = 0;
    virtual void send_signal(int signal) = 0; // SIGINT, SIGTERM, then SIGKILL
    // Has the kernel give all tasks back to its own scheduler.
    virtual Status evict();
    // Watches a process that an earlier daemon started; false where it is not there any more.
    virtual bool take(const RunRecord& record) = 0;
    // Hands over what the process that has ended last wrote, now or later.
    virtual void read_output(const std::function<void(std::string)>& deliver) = 0;

    // For the backend to say.
    // It is about to be started under this name; the record of it must outlive this daemon.
    void requested(const std::string& unit);
    void launched(const ProcessKey& process, const std::string& unit = "");
    // The process is gone; how it ended is not known yet.
    void process_left();
    // Somebody else is starting it anew; launched() follows.
    void started_anew();
    // There is no process, and there will be none.
    void launch_failed(const std::string& reason, ExitKind kind = ExitKind::Failed);
    // The same, where it is no fault of the scheduler's.
    void not_tried(const std::string& reason);
    // The process is gone. What it last wrote is asked for by read_output().
    void ended(const ProcessEnd& end);

    [[nodiscard]] const std::string& sysrq_path() const { return options_.sysrq_path; }

    Loop& loop_;      // NOLINT(cppcoreguidelines-non-private-member-variables-in-classes)
    ProcReader proc_; // NOLINT(cppcoreguidelines-non-private-member-variables-in-classes)

  private:
    enum class Stage { Idle, Evicting, Starting, Running, Ejected, Stopping, Detaching };
    // What is known of a process that is gone.
    struct Ending {
        ProcessEnd end;
        Stage was = Stage::Idle;           // when it ended
        std::optional<std::string> output; // nothing: not read yet
    };

    void begin_launch();
    void no_process(const std::string& reason, ExitKind kind);
    void await_attached();
    void check();       // the kernel's state against what we wait for
    void check_later(); // soon, and ever later, while a start or a stop is under way
    void deadline();
    void await_detached(const ProcessEnd& end);
    [[nodiscard]] RunnerEvent outcome(const Ending& ending) const;
    void signal_next();
    void finish(const RunnerEvent& event);
    void fail(const std::string& reason, ExitKind kind = ExitKind::Failed);
    // For events that must not be reported from within the caller's own call.
    void report_later(RunnerEvent event);

    SchedExtReader kernel_;
    StageOptions options_;
    Stage stage_ = Stage::Idle;
    RunRecord record_;
    Source check_timer_;
    Source deadline_timer_;
    Source later_timer_;
    Nanos check_delay_;
    std::uint64_t seq_before_ = 0;
    std::uint64_t seq_attached_ = 0;           // the kernel's counter since it is attached
    int step_ = 0;                             // which signal was sent last
    std::string give_up_;                      // why it is made to end by ourselves …
    ExitKind give_up_kind_ = ExitKind::Failed; // … and what that counts as
    bool take_over_ = false;
    bool stop_requested_ = false;
    std::optional<Ending> ending_; // to be reported once the kernel has let go
    std::optional<RunnerEvent> later_;
};

// An error where the file is no program, or others could have put their own in its place.
Status check_program(const std::string& path);

} // namespace rustland::supervisor
