// SPDX-License-Identifier: GPL-2.0-only
// A runner without processes: it remembers what runs, changes the played sysfs as the kernel would,
// and answers when the test lets it.
#pragma once

#include "supervisor/system/runner.hpp"
#include "support/proc_fixture.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace rustland::test {

class FakeRunner : public supervisor::SchedulerRunner {
  public:
    explicit FakeRunner(ProcFixture& fixture) : fixture_(fixture) {}

    void start(const supervisor::SchedulerSpec& spec, bool take_over) override {
        EXPECT_TRUE(!running && !starting && !stopping) << "two schedulers";
        starting = spec;
        took_over = take_over;
        ++starts;
    }
    void stop() override {
        EXPECT_TRUE(running || starting);
        running.reset();
        starting.reset();
        stopping = true;
    }
    supervisor::Adopted adopt(const supervisor::RunRecord& record) override {
        if (!adoptable)
            return supervisor::Adopted::No;
        // As the real ones: without the name of its ops it was not attached yet.
        (record.ops.empty() ? starting : running) = record.spec;
        return running ? supervisor::Adopted::Running : supervisor::Adopted::Starting;
    }
    void kernel_changed() override {}
    [[nodiscard]] bool owns_kernel_scheduler() const override {
        return running || starting || stopping;
    }
    void configure(Nanos, Nanos) override {}
    [[nodiscard]] const char* backend() const override { return name; }
    [[nodiscard]] std::string what_holds_a_start() const override { return holds_a_start; }
    [[nodiscard]] std::string what_holds_a_stop() const override { return holds_a_stop; }

    // What the machine does next. The scheduler is this process, which may play its socket, too.
    void attach() {
        ASSERT_TRUE(starting);
        running = std::exchange(starting, std::nullopt);
        fixture_.kernel("enabled", "fake", ++seq_);
        report(supervisor::runner::Attached{
            {*running, {Pid{::getpid()}, 1}, "fake", "fake", "", false, {}}});
    }
    void launch() {
        const auto& spec = starting ? starting : running;
        ASSERT_TRUE(spec);
        report(
            supervisor::runner::Launched{{*spec, {Pid{::getpid()}, 1}, "", "fake", "", false, {}}});
    }
    void fail(const std::string& reason, supervisor::ExitKind kind = supervisor::ExitKind::Failed) {
        ASSERT_TRUE(starting);
        starting.reset();
        supervisor::ExitInfo exit;
        exit.kind = kind;
        exit.reason = reason;
        report(supervisor::runner::StartFailed{exit});
    }
    void die(supervisor::ExitKind kind) {
        ASSERT_TRUE(running);
        running.reset();
        fixture_.kernel("disabled", "", seq_);
        supervisor::ExitInfo exit;
        exit.kind = kind;
        exit.reason = "died";
        exit.dump = "its last words";
        report(supervisor::runner::Exited{exit});
    }
    void stopped(supervisor::ExitKind kind = supervisor::ExitKind::Requested) {
        ASSERT_TRUE(stopping);
        stopping = false;
        fixture_.kernel("disabled", "", seq_);
        supervisor::ExitInfo exit;
        exit.kind = kind;
        exit.reason = "its end";
        report(supervisor::runner::Stopped{exit, ""});
    }

    std::optional<supervisor::SchedulerSpec> running;
    std::optional<supervisor::SchedulerSpec> starting;
    bool stopping = false;
    bool took_over = false;
    bool adoptable = false;
    int starts = 0;
    std::string holds_a_stop;
    std::string holds_a_start;
    const char* name = "fake";

  private:
    ProcFixture& fixture_;
    int seq_ = 0;
};

} // namespace rustland::test
