// SPDX-License-Identifier: GPL-2.0-only
// The daemon on a played /proc and /sys with a runner that does as the test says.
#pragma once

#include "supervisor/system/daemon.hpp"
#include "support/fake_runner.hpp"
#include "support/proc_fixture.hpp"
#include "support/wait.hpp"

#include <gtest/gtest.h>

namespace rustland::test {

using namespace rustland::supervisor; // NOLINT(google-build-using-namespace): for tests alone
using nlohmann::json;

inline constexpr const char* kConfig =
    "[supervisor]\nscheduler = /opt/sched\nlinger = 50ms\n"
    "min_dwell = 0\nrestart_initial = 20ms\ncrash_limit = 3/1min\n"
    "[workload game]\nprogram = game\n"
    "[workload big]\ncgroup = /games/*\npriority = 3\n"
    "scheduler = /opt/big\n"
    "[workload no]\nprogram = helper\ndeny = yes\n";

class DaemonTest : public testing::Test {
  protected:
    DaemonTest() : loop(*Loop::create()) { fixture.dir().write("conf", kConfig); }

    DaemonOptions options() {
        DaemonOptions o;
        o.config_file = fixture.dir().path("conf");
        o.run_dir = fixture.dir().path("run");
        o.sysfs_root = fixture.sysfs();
        o.scheduler_socket = fixture.dir().path("scheduler.sock");
        o.uevents = false;
        o.detector.proc_root = fixture.proc();
        o.detector.cgroup_root = fixture.dir().path("cgroup");
        o.detector.process_events = false;
        o.detector.open_pidfd = [this](Pid pid) { return fixture.open_pidfd(pid); };
        o.detector.seated = seated;
        o.make_runner = [this](Loop&, RunnerKind) {
            auto made = std::make_unique<FakeRunner>(fixture);
            runner = made.get();
            runner->adoptable = adoptable;
            return Result<std::unique_ptr<SchedulerRunner>>(std::move(made));
        };
        return o;
    }
    void boot() {
        daemon.reset();
        auto made = Daemon::create(*loop, options());
        ASSERT_TRUE(made) << made.error().message();
        daemon = *std::move(made);
    }
    void game(int pid, const std::string& program = "game", int parent = 1,
              const std::string& cgroup = "/user.slice", std::uint64_t start = 100) {
        fixture.add(
            {pid, parent, program.substr(0, 15), {"/x/" + program}, cgroup, "", start, 4711});
        exec(pid);
    }
    void exec(int pid) {
        const_cast<Detector&>(daemon->detector())
            .handle({{ProcessEvent::Kind::Exec, Pid{pid}, Pid{pid}}});
    }
    void rename(int pid, int tgid) {
        const_cast<Detector&>(daemon->detector())
            .handle({{ProcessEvent::Kind::Comm, Pid{pid}, Pid{tgid}}});
    }
    template <typename Done> bool until(const Done& done, Nanos within = kPatience) {
        return run_until(*loop, done, within);
    }
    json ask(const json& request, uid_t uid = 0, ClientId client = 1, Right right = Right::Look) {
        const std::size_t before = answers.size();
        daemon->request({client, uid, Pid{1}, right}, request,
                        [this](const json& answer) { answers.push_back(answer); });
        return answers.size() > before ? answers.back() : json();
    }
    std::string phase() { return daemon->status()["state"]; }

    ProcFixture fixture;
    std::unique_ptr<Loop> loop;
    FakeRunner* runner = nullptr;
    bool adoptable = false;
    std::function<bool(uid_t, Pid)> seated; // empty: everybody sits at the machine
    std::vector<json> answers;
    std::unique_ptr<Daemon> daemon;
};

} // namespace rustland::test
