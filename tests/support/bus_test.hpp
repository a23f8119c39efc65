// SPDX-License-Identifier: GPL-2.0-only
// The daemon on a private bus, with a runner that does as the test says; and a played polkit.
#pragma once

#include "supervisor/system/bus_service.hpp"
#include "support/client_command.hpp"
#include "support/fake_runner.hpp"
#include "support/proc_fixture.hpp"

#include <gtest/gtest.h>
#include <optional>
#include <sys/stat.h>

namespace rustland::test {

using namespace rustland::supervisor; // NOLINT(google-build-using-namespace): for tests alone

class BusTest : public testing::Test {
  protected:
    BusTest() : loop(*Loop::create()) {
        fixture.dir().write("conf", "[supervisor]\nscheduler = /opt/sched\nlinger = 0\n"
                                    "min_dwell = 0\n[workload game]\nprogram = game\n");
    }
    void SetUp() override {
        ASSERT_TRUE(private_bus.ready()) << "dbus-daemon (package dbus-daemon) did not start";
        start_daemon();
    }
    // Also again, after service and daemon were reset.
    void start_daemon() {
        bus = *Bus::create(*loop, private_bus.address());
        DaemonOptions o;
        if (config_paths)
            o.config_paths = *config_paths;
        else
            o.config_file = fixture.dir().path("conf");
        o.run_dir = fixture.dir().path("run");
        o.sysfs_root = fixture.sysfs();
        o.uevents = false;
        o.detector.proc_root = fixture.proc();
        o.detector.cgroup_root = fixture.dir().path("cgroup");
        o.detector.process_events = false;
        o.detector.open_pidfd = [this](Pid pid) { return fixture.open_pidfd(pid); };
        o.make_runner = [this](Loop&, RunnerKind) {
            auto made = std::make_unique<FakeRunner>(fixture);
            runner = made.get();
            return Result<std::unique_ptr<SchedulerRunner>>(std::move(made));
        };
        auto made = Daemon::create(*loop, o);
        ASSERT_TRUE(made) << made.error().message();
        daemon = *std::move(made);
        // Other users' clients must get to the socket.
        ::chmod(fixture.dir().root().c_str(), 0755);
        service = *BusService::create(*bus, *daemon);
        answered_ = false;
        ASSERT_TRUE(run_until(*loop, [this] { return on_the_bus(); }));
    }

    // True once the daemon has its name.
    bool on_the_bus() {
        if (answered_ && asked_) {
            asked_.reset();
            return true;
        }
        if (asked_)
            return false;
        asked_ = std::make_shared<int>();
        BusMessage m = bus->method("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                   "org.freedesktop.DBus", "GetNameOwner");
        sd_bus_message_append(m.get(), "s", kBusName);
        bus->call(std::move(m), asked_, [this](sd_bus_message*, const Bus::Failure* failure) {
            answered_ = failure == nullptr;
            if (!answered_)
                asked_.reset();
        });
        return false;
    }

    [[nodiscard]] std::vector<std::string> busctl(std::vector<std::string> arguments,
                                                  bool as_root = true) const {
        std::vector<std::string> command;
        if (!as_root && ::geteuid() == 0)
            command = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
        command.insert(command.end(), {"busctl", "--address=" + private_bus.address()});
        command.insert(command.end(), arguments.begin(), arguments.end());
        return command;
    }
    [[nodiscard]] std::vector<std::string> call(std::vector<std::string> method,
                                                bool as_root = true) const {
        method.insert(method.begin(), {"call", kBusName, kBusPath, kBusInterface});
        return busctl(std::move(method), as_root);
    }
    // Runs it to its end; `meanwhile` is looked at with each round. Expected -1: any exit code.
    std::string run(const std::vector<std::string>& command, int expected = 0,
                    const std::function<void()>& meanwhile = {}) {
        ClientCommand client(command);
        EXPECT_TRUE(run_until(*loop, [&] {
            if (meanwhile)
                meanwhile();
            return client.ended();
        })) << client.output;
        if (expected >= 0) {
            EXPECT_EQ(client.code, expected) << client.output;
        }
        return client.output;
    }
    std::string get(const std::string& property) {
        return run(busctl({"get-property", kBusName, kBusPath, kBusInterface, property}));
    }
    [[nodiscard]] std::function<void()> attach() const {
        return [this] {
            if (runner->starting)
                runner->attach();
        };
    }
    void game() {
        fixture.add({50, 1, "game", {"/x/game"}, "/user.slice", "", 100, 1000});
        const_cast<Detector&>(daemon->detector())
            .handle({{ProcessEvent::Kind::Exec, Pid{50}, Pid{50}}});
    }
    template <typename Done> bool until(const Done& done) { return run_until(*loop, done); }

    std::optional<ConfigPaths> config_paths; // instead of one file
    ProcFixture fixture;
    PrivateBus private_bus;
    std::unique_ptr<Loop> loop;
    std::unique_ptr<Bus> bus;
    FakeRunner* runner = nullptr;
    std::unique_ptr<Daemon> daemon;
    std::unique_ptr<BusService> service;

  private:
    std::shared_ptr<int> asked_;
    bool answered_ = false;
};

// Plays polkit: allows what the test says and remembers what it was asked.
class FakePolkit {
  public:
    FakePolkit(Loop& loop, const std::string& address)
        : service_(address, loop.raw(), "org.freedesktop.PolicyKit1", [this](sd_bus_message* m) {
              const char* kind = nullptr;
              const char* key = nullptr;
              const char* name = nullptr;
              const char* action = nullptr;
              std::uint32_t flags = 0;
              int r = sd_bus_message_read(m, "(sa{sv})s", &kind, 1, &key, "s", &name, &action);
              r = r < 0 ? r : read_details(m);
              r = r < 0 ? r : sd_bus_message_read_basic(m, 'u', &flags);
              if (r < 0)
                  return r;
              asked.push_back(std::string(kind) + " " + key + " " + action + " " +
                              std::to_string(flags));
              return sd_bus_reply_method_return(m, "(bba{ss})", int(allow), int(challenge), 0);
          }) {}
    bool allow = false;
    bool challenge = false;
    std::vector<std::string> asked;
    std::string program; // that was last shown

  private:
    int read_details(sd_bus_message* m) {
        int r = sd_bus_message_enter_container(m, 'a', "{ss}");
        const char* detail = nullptr;
        const char* value = nullptr;
        while (r >= 0 && (r = sd_bus_message_read(m, "{ss}", &detail, &value)) > 0)
            if (std::string_view(detail) == "program")
                program = value;
        return r < 0 ? r : sd_bus_message_exit_container(m);
    }
    FakeService service_;
};

} // namespace rustland::test
