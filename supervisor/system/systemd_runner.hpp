// SPDX-License-Identifier: GPL-2.0-only
// Runs the scheduler as a unit of its own: ours as rustland.service with its arguments from a file,
// any other program as a transient unit. So it has a sandbox, a journal and limits of its own and
// outlives this daemon.
//
// What a unit does is read from systemd anew with each of its signals; nothing is concluded from
// the signals themselves. The process's pidfd stands in where the bus is away.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/bus.hpp"
#include "supervisor/system/staged_runner.hpp"
#include "supervisor/system/unit.hpp"

#include <functional>
#include <memory>
#include <string>

namespace rustland::supervisor {

using ReadUnitOutput = std::function<void(const std::string& unit, const std::string& invocation,
                                          const std::function<void(std::string)>& deliver)>;

struct SystemdRunnerOptions : StageOptions {
    std::string environment_path = "/run/rustland/rustland.env";
    // Reads what a unit's last run wrote (the journal) and hands it over, now or later.
    ReadUnitOutput output;
};

class SystemdRunner : public StagedRunner {
  public:
    static Result<std::unique_ptr<SystemdRunner>> create(Loop& loop, Bus& bus,
                                                         SchedExtReader kernel, ProcReader proc,
                                                         SystemdRunnerOptions options);
    [[nodiscard]] std::string what_holds_a_start() const override;
    [[nodiscard]] std::string what_holds_a_stop() const override;
    [[nodiscard]] const char* backend() const override { return "systemd"; }

  private:
    SystemdRunner(Loop& loop, Bus& bus, SchedExtReader kernel, ProcReader proc,
                  SystemdRunnerOptions options)
        : StagedRunner(loop, std::move(kernel), std::move(proc),
                       static_cast<const StageOptions&>(options)),
          bus_(bus), environment_path_(std::move(options.environment_path)),
          read_unit_output_(std::move(options.output)) {}

    void launch(const SchedulerSpec& spec, bool take_over) override;
    void send_signal(int signal) override;
    bool take(const RunRecord& record) override;
    Status evict() override;
    void read_output(const std::function<void(std::string)>& deliver) override;

    void launch_ours(const UnitState& unit, bool take_over);
    void launch_transient();
    void start_answered(sd_bus_message* reply, const Bus::Failure* failure);
    void follow(const std::string& unit);
    void subscribe();
    // So that the last state of the unit can still be read when it is down.
    void hold_loaded();
    void refresh();
    void look(const UnitState& unit);
    bool watch_process(Pid pid);
    void forget_process();
    void process_gone();
    void no_word();
    void over(const ProcessEnd& end);
    void restore_machine();
    [[nodiscard]] BusMessage manager(const char* method) const;
    [[nodiscard]] BusMessage get_unit(const std::string& unit) const;

    Bus& bus_;
    std::string environment_path_;
    ReadUnitOutput read_unit_output_;
    // Replaced for each run, so that answers meant for an earlier one are not heard any more.
    std::shared_ptr<int> run_ = std::make_shared<int>();
    std::shared_ptr<int> life_ = std::make_shared<int>();
    SchedulerSpec spec_;
    std::string unit_;
    std::string last_unit_;    // of the run that has just ended
    std::string job_;          // the path of the start's job
    bool sent_ = false;        // systemd was asked to start
    bool began_ = false;       // the start has come to something: "inactive" means that it is over
    bool interfering_ = false; // the unit starts itself again; it is being stopped
    ProcessEnd end_;           // of the run before it did
    Pid pid_;
    std::string invocation_;
    bool masked_ = false; // the unit file was taken away, and its last step with it
    UniqueFd pidfd_;
    Source pidfd_source_;
    Source fallback_timer_;
    int waited_ = 0;
    BusSlot unit_signals_;
    BusSlot job_signals_;
};

// True where systemd runs this machine and answers on the bus. Waits for two seconds at most,
// however far the connection has come. It cannot be answered later, because how schedulers are run
// decides what of an earlier daemon's is adopted, before anything else is done. A daemon that is a
// service does not ask (choose_runner()), and for one that was started by hand nobody waits yet.
bool systemd_answers(Bus& bus, const std::string& marker = "/run/systemd/system");

} // namespace rustland::supervisor
