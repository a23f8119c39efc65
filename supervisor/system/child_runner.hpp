// SPDX-License-Identifier: GPL-2.0-only
// Runs the scheduler as a child process, for systems without systemd.
//
// The child leads a session of its own and writes to a file, so that it outlives this daemon; the
// next one adopts it by its pid and its start time.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/staged_runner.hpp"

#include <memory>
#include <string>

namespace rustland::supervisor {

struct ChildRunnerOptions : StageOptions {
    std::string log_path = "/run/rustland/scheduler.log";
};

class ChildRunner : public StagedRunner {
  public:
    static Result<std::unique_ptr<ChildRunner>>
    create(Loop& loop, SchedExtReader kernel, ProcReader proc, const ChildRunnerOptions& options);
    [[nodiscard]] const char* backend() const override { return "child"; }

  private:
    ChildRunner(Loop& loop, SchedExtReader kernel, ProcReader proc,
                const ChildRunnerOptions& options)
        : StagedRunner(loop, std::move(kernel), std::move(proc),
                       static_cast<const StageOptions&>(options)),
          log_path_(options.log_path) {}

    void launch(const SchedulerSpec& spec, bool take_over) override;
    void send_signal(int signal) override;
    bool take(const RunRecord& record) override;
    void read_output(const std::function<void(std::string)>& deliver) override;
    Result<ProcessKey> spawn_process(const SchedulerSpec& spec, int log);
    Status watch(Pid pid);
    void process_ended();
    [[nodiscard]] std::string output() const;

    std::string log_path_;
    UniqueFd pidfd_;
    Source exit_source_;
};

} // namespace rustland::supervisor
