// SPDX-License-Identifier: GPL-2.0-only
// A message bus that takes connections and then does nothing, and a systemd that does not answer.
// A test that waits for ever is ended by a signal.
#include "supervisor/system/runner_choice.hpp"
#include "support/client_command.hpp"
#include "support/systemd_runner_test.hpp"

#include <csignal>
#include <filesystem>
#include <gmock/gmock.h>
#include <unistd.h>

using namespace rustland;
using namespace rustland::supervisor;
using test::SystemdRunnerTest;
using testing::HasSubstr;

namespace {

class SilentBus : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(private_bus.ready()) << "dbus-daemon (package dbus-daemon) did not start";
        ::alarm(30);
    }
    void TearDown() override { ::alarm(0); }

    static BusMessage signal(const Bus& bus) {
        sd_bus_message* message = nullptr;
        sd_bus_message_new_signal(bus.raw(), &message, "/x", "org.example.X", "Said");
        return BusMessage(message);
    }
    // Until the sockets' buffers take no more.
    static void fill(Bus& bus) {
        const std::string text(1'000'000, 'x');
        std::uint64_t waiting = 0;
        for (int i = 0; i < 200 && waiting == 0; ++i) {
            BusMessage message = signal(bus);
            sd_bus_message_append(message.get(), "s", text.c_str());
            bus.post(std::move(message));
            sd_bus_get_n_queued_write(bus.raw(), &waiting);
        }
        ASSERT_GT(waiting, 0U);
    }

    test::PrivateBus private_bus;
    std::unique_ptr<Loop> loop = *Loop::create();
};

} // namespace

TEST_F(SilentBus, DoesNotHoldTheEndUp) {
    auto bus = *Bus::create(*loop, private_bus.address());
    ASSERT_TRUE(test::run_until(*loop, [&] { return sd_bus_is_ready(bus->raw()) > 0; }));
    private_bus.pause();
    fill(*bus);
    bus.reset();
    private_bus.resume();
}

TEST_F(SilentBus, ThatDoesNotEvenGreetDoesNotHoldTheEndUp) {
    private_bus.pause();
    auto bus = *Bus::create(*loop, private_bus.address());
    ASSERT_TRUE(bus->connected()) << "its socket takes connections";
    bus->post(signal(*bus));
    bus.reset();
    private_bus.resume();
}

TEST_F(SilentBus, OneThatIsNotSilentGetsTheLastWords) {
    const auto listener = *Bus::create(*loop, private_bus.address());
    bool heard = false;
    const BusSlot slot = listener->match({nullptr, "/x", "org.example.X", "Said"},
                                         [&heard](sd_bus_message*) { heard = true; });
    ASSERT_TRUE(test::run_until(*loop, [&] { return sd_bus_is_ready(listener->raw()) > 0; }));
    // Nobody has run a loop for it yet: not even the greeting is through.
    auto bus = *Bus::create(*loop, private_bus.address());
    bus->post(signal(*bus));
    bus.reset();
    EXPECT_TRUE(test::run_until(
        *loop, [&] { return heard; }, seconds(20)));
}

TEST_F(SilentBus, SaysNothingOfSystemdAndADaemonStartedByHandComesUp) {
    test::TempDir marker;
    private_bus.pause();
    const auto bus = *Bus::create(*loop, private_bus.address());
    ASSERT_TRUE(bus->connected());
    const RunnerFacts facts{true, false, [&] { return systemd_answers(*bus, marker.root()); }};
    EXPECT_EQ(*choose_runner(RunnerKind::Auto, facts), RunnerKind::Child);
    private_bus.resume();
}

// The program itself, without systemd.
TEST_F(SilentBus, TheDaemonServesItsSocketAndEndsWhenItIsTold) {
    test::ProcFixture fixture;
    const std::string conf = fixture.dir().write("conf", "[supervisor]\nscheduler = /opt/sched\n");
    private_bus.pause();
    test::ClientCommand daemon({RUSTLANDD, "--config", conf, "--run-dir", fixture.dir().path("run"),
                                "--proc-root", fixture.proc(), "--sysfs-root", fixture.sysfs(),
                                "--cgroup-root", fixture.dir().path("cgroup"), "--bus-address",
                                private_bus.address()});
    const std::string socket = fixture.dir().path("run/control.sock");
    ASSERT_TRUE(
        test::run_until(*loop, [&] { return daemon.ended() || std::filesystem::exists(socket); }));
    test::ClientCommand client({RUSTLANDCTL, "--socket", socket, "status"});
    ASSERT_TRUE(test::run_until(*loop, [&] { return client.ended(); }));
    EXPECT_EQ(client.code, 0) << client.output << daemon.output;
    daemon.kill(SIGTERM);
    EXPECT_TRUE(test::run_until(*loop, [&] { return daemon.ended(); }));
    EXPECT_EQ(daemon.code, 0) << daemon.output;
    private_bus.resume();
}

class SilentSystemd : public SystemdRunnerTest {
  protected:
    SilentSystemd() { ::alarm(40); }
    ~SilentSystemd() override { ::alarm(0); }
};

TEST_F(SilentSystemd, IsAskedForAMomentBeforeADaemonStartedByHandRuns) {
    systemd->silent = true;
    const RunnerFacts facts{true, false,
                            [&] { return systemd_answers(*bus_, fixture.dir().root()); }};
    EXPECT_EQ(*choose_runner(RunnerKind::Auto, facts), RunnerKind::Child);
    const auto refused = choose_runner(RunnerKind::Systemd, facts);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("systemd does not answer"));
}
