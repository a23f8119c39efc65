// SPDX-License-Identifier: GPL-2.0-only
// The systemd runner against a played systemd on a private bus, with real processes that play the
// scheduler on a played sysfs.
#pragma once

#include "supervisor/system/systemd_runner.hpp"
#include "support/fake_systemd.hpp"
#include "support/proc_fixture.hpp"
#include "support/wait.hpp"

#include <algorithm>
#include <csignal>
#include <functional>
#include <gtest/gtest.h>

namespace rustland::test {

using namespace rustland::supervisor; // NOLINT(google-build-using-namespace): for tests alone

// Only where a test is about a deadline may one come.
inline constexpr Nanos kAmple = kPatience;
inline constexpr const char* kTransient = "rustland-scheduler-other.service";

class SystemdRunnerTest : public testing::Test {
  protected:
    SystemdRunnerTest() : loop_(*Loop::create()) {}
    void SetUp() override {
        ASSERT_TRUE(private_bus.ready()) << "dbus-daemon (package dbus-daemon) did not start";
        systemd = std::make_unique<FakeSystemd>(*loop_, private_bus.address());
        bus_ = *Bus::create(*loop_, private_bus.address());
        runner_ = make();
        FakeSystemd::Unit& ours = systemd->unit(kOurUnit);
        ours.argv = {program("rustland")};
        ours.environment_file = fixture.dir().path("rustland.env");
    }
    std::unique_ptr<SystemdRunner> make() {
        SystemdRunnerOptions options;
        options.environment_path = fixture.dir().path("rustland.env");
        options.sysrq_path = fixture.dir().write("sysrq", "");
        options.start_timeout = kAmple;
        options.stop_timeout = kAmple;
        options.output = [this](const std::string& unit, const std::string& invocation,
                                const std::function<void(std::string)>& deliver) {
            reading = [unit, invocation, deliver] {
                deliver("words of " + unit + " " + invocation);
            };
            if (!slow_journal)
                reading();
        };
        auto runner = SystemdRunner::create(*loop_, *bus_, SchedExtReader(fixture.sched_ext()),
                                            ProcReader(), options);
        (*runner)->on_event([this](const RunnerEvent& event) {
            if (const auto* launched = std::get_if<runner::Launched>(&event))
                launches.push_back(launched->record);
            else
                events.push_back(event);
        });
        return *std::move(runner);
    }
    [[nodiscard]] std::string program(const std::string& name) const {
        std::string path = fixture.dir().path(name);
        if (!std::filesystem::exists(path))
            std::filesystem::create_symlink(FAKE_SCHEDULER, path);
        return path;
    }
    [[nodiscard]] SchedulerSpec spec(const std::string& name, std::vector<std::string> args) const {
        args.insert(args.end(), {"--root", fixture.sched_ext()});
        return {program(name), std::move(args)};
    }
    template <typename T> T next() {
        const std::size_t count = ++taken_;
        EXPECT_TRUE(run_until(*loop_, [&] { return events.size() >= count; }));
        if (events.size() < count || !std::holds_alternative<T>(events[count - 1])) {
            ADD_FAILURE() << "another event, or none: "
                          << (events.size() < count ? -1 : int(events[count - 1].index()));
            return {};
        }
        return std::get<T>(events[count - 1]);
    }
    [[nodiscard]] std::string state() const {
        return SchedExtReader(fixture.sched_ext()).read().state;
    }
    [[nodiscard]] bool called(const std::string& call) const {
        return std::find(systemd->calls.begin(), systemd->calls.end(), call) !=
               systemd->calls.end();
    }

    ProcFixture fixture;
    PrivateBus private_bus;
    bool slow_journal = false;
    std::function<void()> reading; // what the journal was last asked for
    std::vector<RunnerEvent> events;
    std::vector<RunRecord> launches;
    std::unique_ptr<Loop> loop_;
    std::unique_ptr<FakeSystemd> systemd;
    std::unique_ptr<Bus> bus_;
    std::unique_ptr<SystemdRunner> runner_;
    std::size_t taken_ = 0;
};

} // namespace rustland::test
