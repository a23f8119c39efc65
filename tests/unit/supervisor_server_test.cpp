// SPDX-License-Identifier: GPL-2.0-only
// The daemon's socket when many come, and two daemons in one folder.
#include "supervisor/system/control_server.hpp"
#include "supervisor/system/instance_lock.hpp"
#include "support/daemon_test.hpp"
#include "support/temp_dir.hpp"
#include "support/wait.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

using namespace rustland;
using namespace rustland::supervisor;
using testing::HasSubstr;

namespace {

// Under which the user who runs the tests is one like the others.
constexpr ClientLimits kForAll{.privileged = 4711,
                               .all = 6,
                               .kept = 2,
                               .per_user = 4,
                               .requests_per_second = 50,
                               .burst = 5,
                               .first_request = test::kPatience,
                               .idle = test::kPatience,
                               .farewell = seconds(5)};

UniqueFd connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        fd.reset();
    return fd;
}

class CrowdedServer : public testing::Test {
  protected:
    CrowdedServer() : loop(*Loop::create()) { serve(kForAll); }
    void serve(const ClientLimits& limits) {
        server.reset();
        ControlServer::Handlers handlers;
        handlers.request = [this](const Peer& peer, const nlohmann::json&) {
            ++asked;
            server->send(peer.id, {{"ok", true}, {"text", filler}});
        };
        handlers.busy = [this](ClientId) { return busy; };
        server = *ControlServer::listen(*loop, dir.path("s"), handlers, limits);
    }
    // What has come until `expected` is in it.
    std::string wait_for(const UniqueFd& fd, const std::string& expected) {
        std::string text;
        test::run_until(*loop, [&] {
            std::array<char, 4096> buffer{};
            const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
            if (n > 0)
                text.append(buffer.data(), static_cast<std::size_t>(n));
            return text.find(expected) != std::string::npos;
        });
        return text;
    }
    static void send(const UniqueFd& fd, const std::string& text) {
        EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }

    test::TempDir dir;
    std::unique_ptr<Loop> loop;
    std::unique_ptr<ControlServer> server;
    bool busy = false;
    int asked = 0;
    std::string filler; // of each answer
};

constexpr const char* kStatus = "{\"request\":\"status\"}\n";

} // namespace

TEST_F(CrowdedServer, WhoIsTurnedAwayReadsWhyThoughItWroteFirst) {
    std::vector<UniqueFd> clients;
    for (std::size_t i = 0; i < kForAll.per_user; ++i) {
        clients.push_back(connect_to(dir.path("s")));
        send(clients.back(), kStatus);
        ASSERT_THAT(wait_for(clients.back(), "\n"), HasSubstr("\"ok\":true"));
    }
    const UniqueFd one_more = connect_to(dir.path("s"));
    send(one_more, kStatus);
    EXPECT_THAT(wait_for(one_more, "\n"), HasSubstr("close one"));
    EXPECT_EQ(asked, 4);
}

TEST_F(CrowdedServer, SilentClientsMakeRoomUnlessTheyHoldSomething) {
    ClientLimits impatient = kForAll;
    impatient.first_request = millis(200);
    impatient.idle = millis(500);
    serve(impatient);
    const UniqueFd silent = connect_to(dir.path("s"));
    EXPECT_THAT(wait_for(silent, "\n"), HasSubstr("connect again"));
    EXPECT_EQ(server->clients(), 0U);
    busy = true;
    const UniqueFd holder = connect_to(dir.path("s"));
    send(holder, kStatus);
    wait_for(holder, "\n");
    test::run_until(
        *loop, [] { return false; }, millis(1800));
    EXPECT_EQ(server->clients(), 1U);
}

TEST_F(CrowdedServer, SilentClientsMakeRoomHoweverManyComeAndGo) {
    ClientLimits impatient = kForAll;
    impatient.first_request = millis(200);
    serve(impatient);
    const UniqueFd silent = connect_to(dir.path("s"));
    std::string told;
    EXPECT_TRUE(test::run_until(
        *loop,
        [&] {
            connect_to(dir.path("s")).reset();
            std::array<char, 200> buffer{};
            if (const ssize_t n = ::recv(silent.get(), buffer.data(), buffer.size(), 0); n > 0)
                told.append(buffer.data(), static_cast<std::size_t>(n));
            return !told.empty();
        },
        seconds(15)));
    EXPECT_THAT(told, HasSubstr("connect again"));
}

// Its turn comes from the clock, which others must not put off.
TEST_F(CrowdedServer, WhoWaitsForItsRateHasItsTurnHoweverManyComeAndGo) {
    const UniqueFd client = connect_to(dir.path("s"));
    for (int i = 0; i < 20; ++i)
        send(client, kStatus);
    EXPECT_TRUE(test::run_until(
        *loop,
        [&] {
            connect_to(dir.path("s")).reset();
            return asked == 20;
        },
        seconds(15)))
        << asked;
}

TEST_F(CrowdedServer, AFloodOfRequestsIsAnsweredAtTheUsersRate) {
    const UniqueFd client = connect_to(dir.path("s"));
    std::string flood;
    for (int i = 0; i < 1000; ++i)
        flood += kStatus;
    const Nanos began = monotonic_now();
    send(client, flood);
    test::run_until(
        *loop, [] { return false; }, millis(500));
    const double passed = static_cast<double>((monotonic_now() - began).value) / 1e9;
    EXPECT_GE(asked, 5);
    EXPECT_LE(asked, 5 + 50 * passed + 1) << "fifty a second, and what it takes at once";
}

// All have asked before the daemon answers the first of them.
TEST_F(CrowdedServer, EachClientHasItsTurnHoweverMuchTheOthersAsk) {
    constexpr int floods = 3;
    constexpr int each = 50;
    ClientLimits patient = kForAll;
    patient.burst = 1000;
    serve(patient);
    std::vector<UniqueFd> clients;
    for (int i = 0; i < floods + 1; ++i) {
        clients.push_back(connect_to(dir.path("s")));
        send(clients.back(), kStatus);
        ASSERT_THAT(wait_for(clients.back(), "\n"), HasSubstr("\"ok\":true"));
    }
    const int before = asked;
    std::string flood;
    for (int i = 0; i < each; ++i)
        flood += kStatus;
    for (int i = 1; i <= floods; ++i)
        send(clients[static_cast<std::size_t>(i)], flood);
    send(clients.front(), kStatus);
    wait_for(clients.front(), "\n");
    EXPECT_LE(asked - before, 2 * (floods + 1)) << "of " << floods * each << " that came before";
    EXPECT_TRUE(test::run_until(*loop, [&] { return asked - before == floods * each + 1; }))
        << "none is lost: " << asked - before;
}

// One waits for its rate, and another has left while it did.
TEST_F(CrowdedServer, WhoMustWaitIsWaitedForAsleep) {
    std::string flood;
    for (int i = 0; i < 100; ++i)
        flood += kStatus;
    const UniqueFd waiting = connect_to(dir.path("s"));
    UniqueFd leaving = connect_to(dir.path("s"));
    send(waiting, flood);
    send(leaving, flood);
    ASSERT_TRUE(test::run_until(*loop, [&] { return asked >= 5; }));
    leaving.reset();
    int rounds = 0;
    for (const Nanos end = monotonic_now() + millis(500); monotonic_now() < end; ++rounds)
        loop->run_once(millis(20));
    EXPECT_LE(rounds, 200);
    EXPECT_EQ(server->clients(), 1U);
}

// What it does not read waits in its own socket, with what it asks meanwhile.
TEST_F(CrowdedServer, WhoDoesNotReadIsAnsweredOnceItDoes) {
    ClientLimits patient = kForAll;
    patient.burst = 1000;
    serve(patient);
    filler = std::string(50'000, 'x');
    const UniqueFd client = connect_to(dir.path("s"));
    std::string flood;
    for (int i = 0; i < 100; ++i)
        flood += kStatus;
    send(client, flood);
    int rounds = 0;
    for (const Nanos end = monotonic_now() + millis(300); monotonic_now() < end; ++rounds)
        loop->run_once(millis(20));
    EXPECT_LE(rounds, 200);
    EXPECT_LE(asked, 20);
    std::size_t lines = 0;
    test::run_until(*loop, [&] {
        std::array<char, 65536> buffer{};
        const ssize_t n = ::recv(client.get(), buffer.data(), buffer.size(), 0);
        if (n > 0)
            lines += static_cast<std::size_t>(std::count(buffer.data(), buffer.data() + n, '\n'));
        return lines == 100;
    });
    EXPECT_EQ(lines, 100U);
}

TEST_F(CrowdedServer, AnOverlongRequestIsAnsweredBeforeItsConnectionEnds) {
    const UniqueFd client = connect_to(dir.path("s"));
    std::string piece(10'000, 'x');
    for (int i = 0; i < 7; ++i)
        send(client, piece);
    EXPECT_THAT(wait_for(client, "\n"), HasSubstr("longer than 65536 bytes"));
    EXPECT_TRUE(test::run_until(*loop, [&] { return server->clients() == 0; }));
}

TEST_F(CrowdedServer, ASocketThatSomebodyRemovedComesBack) {
    const UniqueFd before = connect_to(dir.path("s"));
    const auto back = [&] { return static_cast<bool>(connect_to(dir.path("s"))); };
    std::filesystem::remove(dir.path("s"));
    EXPECT_TRUE(test::run_until(*loop, back)) << "removed";
    std::filesystem::rename(dir.path("s"), dir.path("t"));
    EXPECT_TRUE(test::run_until(*loop, back)) << "moved away, and a second time";
    send(before, kStatus);
    EXPECT_THAT(wait_for(before, "\n"), HasSubstr("true")) << "who was there stays";
    const UniqueFd after = connect_to(dir.path("s"));
    send(after, kStatus);
    EXPECT_THAT(wait_for(after, "\n"), HasSubstr("true"));
}

TEST_F(CrowdedServer, AFolderThatIsGoneIsSaidAndTheSocketComesBackWithIt) {
    serve(kForAll);
    const std::string folder = dir.path("run");
    std::filesystem::create_directory(folder);
    server = *ControlServer::listen(*loop, folder + "/s", {}, kForAll);
    std::filesystem::remove_all(folder);
    const Status status = server->keep_path();
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message(), HasSubstr("No such file or directory"));
    std::filesystem::create_directory(folder);
    ASSERT_TRUE(server->keep_path());
    EXPECT_TRUE(connect_to(folder + "/s"));
}

TEST(InstanceLock, OneAtATimeHoweverTheOneBeforeEnded) {
    const test::TempDir dir;
    auto first = lock_instance(dir.path("lock"));
    ASSERT_TRUE(first) << first.error().message();
    const auto second = lock_instance(dir.path("lock"));
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message(), HasSubstr("another rustlandd is running"));
    first->reset();
    EXPECT_TRUE(lock_instance(dir.path("lock")));
}

using test::DaemonTest;

// The first is busy and its backlog is full, which is no sign of death.
TEST_F(DaemonTest, ASecondDaemonDoesNotTakeOverFromOneThatIsBusy) {
    boot();
    std::vector<UniqueFd> waiting;
    for (int i = 0; i < 200; ++i)
        waiting.push_back(connect_to(fixture.dir().path("run/control.sock")));
    EXPECT_FALSE(waiting.back()) << "the backlog is full";
    const auto second = Daemon::create(*loop, options());
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message(), HasSubstr("another rustlandd is running"));
    EXPECT_TRUE(std::filesystem::exists(fixture.dir().path("run/control.sock")));
    // Without the lock the socket says the same.
    const auto server = ControlServer::listen(*loop, fixture.dir().path("run/control.sock"), {});
    ASSERT_FALSE(server);
    EXPECT_THAT(server.error().message(), HasSubstr("another rustlandd is running"));
}

TEST_F(DaemonTest, HoldsComeAtARateAndPushNothingElseOutOfTheHistory) {
    boot();
    constexpr uid_t user = 4711;
    int refused = 0;
    for (int i = 1; i <= 300; ++i) {
        ask({{"request", "hold"}, {"reason", "again"}}, user, 7, Right::Hold);
        if (runner->starting)
            runner->attach();
        const bool held = answers.back().contains("cookie");
        refused += held ? 0 : 1;
        if (held)
            ask({{"request", "release"}, {"cookie", answers.back()["cookie"]}}, user, 7,
                Right::Hold);
        if (runner->stopping)
            runner->stopped();
    }
    EXPECT_GE(refused, 200);
    for (int i = 0; i < 300; ++i) {
        ask({{"request", "hold"}, {"reason", "root's"}}, 0, 8);
        if (runner->starting)
            runner->attach();
        ask({{"request", "release"}, {"cookie", answers.back()["cookie"]}}, 0, 8);
        if (runner->stopping)
            runner->stopped();
    }
    EXPECT_EQ(daemon->history_entries().front().kind, "daemon") << "its start";
}
