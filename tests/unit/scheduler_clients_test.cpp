// SPDX-License-Identifier: GPL-2.0-only
// The scheduler's socket when many come, or one asks for much.
#include "support/stats_socket.hpp"

#include <chrono>
#include <csignal>
#include <future>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <vector>

using namespace rustland;
using rustland::test::kStats;
using rustland::test::RunningServer;
using rustland::test::StatsSocket;
using rustland::test::TestClient;
using testing::HasSubstr;

namespace {

// With limits under which root, who runs the tests, is a user like the others.
constexpr ClientLimits kForAll{.privileged = 4711,
                               .all = 6,
                               .kept = 2,
                               .per_user = 4,
                               .requests_per_second = 20,
                               .burst = 5,
                               .first_request = seconds(60),
                               .idle = seconds(60),
                               .farewell = seconds(5)};

std::string times(int n, std::string_view request) {
    std::string text;
    for (int i = 0; i < n; ++i)
        text.append(request).append("\n");
    return text;
}

// So many clients that have been answered.
std::vector<std::unique_ptr<TestClient>> fill(const std::string& path, std::size_t count) {
    std::vector<std::unique_ptr<TestClient>> clients;
    for (std::size_t i = 0; i < count; ++i) {
        clients.push_back(std::make_unique<TestClient>(path));
        EXPECT_EQ(clients.back()->ask(kStats), R"({"stats":{}})");
    }
    return clients;
}

// The places that one gets who tries so often, as the user that it is at the moment.
std::vector<UniqueFd> take_places(const std::string& path, std::size_t tries) {
    std::vector<UniqueFd> taken;
    for (std::size_t i = 0; i < tries; ++i) {
        auto fd = connect_to_socket(path);
        std::array<char, 200> answer{};
        const std::string request = std::string(kStats) + "\n";
        if (fd && ::send(fd->get(), request.data(), request.size(), MSG_NOSIGNAL) > 0 &&
            ::recv(fd->get(), answer.data(), answer.size() - 1, 0) > 0 &&
            std::string_view(answer.data()).starts_with("{\"stats\""))
            taken.push_back(*std::move(fd));
    }
    return taken;
}

// The CPU time that the server takes within this span.
Nanos cpu_time_within(RunningServer& server, Nanos span) {
    const Nanos before = server.cpu_time();
    std::this_thread::sleep_for(std::chrono::nanoseconds(span.value));
    return server.cpu_time() - before;
}

} // namespace

TEST_F(StatsSocket, ASubscriberThatDoesNotReadHoldsNobodyUp) {
    RunningServer server(path, std::string(50'000, 'x') + "\n");
    const TestClient slow(path);
    slow.send("{\"request\":\"subscribe\",\"interval\":0.1}\n");
    TestClient quick(path);
    quick.send("{\"request\":\"subscribe\",\"interval\":0.1}\n");
    // More than any socket buffer takes.
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(quick.line().size(), 50'000U);
    EXPECT_LT(server.asked, 41) << "what the slow one does not take is not even made";
}

// Its further requests wait until it has read, so that it loses none of them.
TEST_F(StatsSocket, AFloodOfRequestsWithoutReadingHoldsNobodyUp) {
    RunningServer server(path, std::string(50'000, 'x') + "\n");
    TestClient flood(path);
    flood.send(times(100, kStats));
    TestClient other(path);
    EXPECT_EQ(other.ask(kStats).size(), 50'000U);
    EXPECT_LE(cpu_time_within(server, millis(500)), millis(100))
        << "it waits for the reader asleep";
    EXPECT_LT(server.asked, 20) << "what nobody takes is not even made";
    for (int i = 0; i < 100; ++i)
        ASSERT_EQ(flood.line().size(), 50'000U) << i;
}

// Seven connections have sent all their requests before the server answers the first of them.
TEST_F(StatsSocket, EachClientHasItsTurnHoweverMuchTheOthersAsk) {
    constexpr int floods = 7;
    constexpr int each = 20;
    std::promise<void> all_sent;
    const auto sent = all_sent.get_future().share();
    const RunningServer server(path, [sent](int n) {
        if (n == floods + 2) // the first one after the greetings
            sent.wait();
        return std::to_string(n) + "\n";
    });
    std::vector<std::unique_ptr<TestClient>> clients;
    for (int i = 0; i < floods + 1; ++i) {
        clients.push_back(std::make_unique<TestClient>(path));
        clients.back()->ask(kStats);
    }
    TestClient& other = *clients.front();
    for (int i = 1; i <= floods; ++i)
        clients[static_cast<std::size_t>(i)]->send(times(each, kStats));
    other.send(std::string(kStats) + "\n");
    all_sent.set_value();
    const int turn = std::stoi(other.line()) - (floods + 1);
    EXPECT_LE(turn, 2 * floods) << "of " << floods * each << " that came before";
    for (int i = 1; i <= floods; ++i)
        for (int k = 0; k < each; ++k)
            ASSERT_NE(clients[static_cast<std::size_t>(i)]->line(), "closed") << i << " " << k;
}

TEST_F(StatsSocket, WhoMustWaitForItsRateIsWaitedForAsleep) {
    RunningServer server(path, "{\"stats\":{}}\n", kForAll);
    TestClient client(path);
    client.send(times(100, kStats));
    EXPECT_EQ(client.line(), R"({"stats":{}})");
    EXPECT_LE(cpu_time_within(server, seconds(1)), millis(150));
    EXPECT_LT(server.asked, 60) << "at its rate";
}

TEST_F(StatsSocket, WhatWasAskedBeforeTheEndOfARequestersSideIsAnswered) {
    const RunningServer server(path);
    TestClient client(path);
    client.send(times(50, kStats));
    client.end_sending();
    for (int i = 0; i < 50; ++i)
        ASSERT_EQ(client.line(), R"({"stats":{}})") << i;
    EXPECT_EQ(client.line(), "closed");
}

TEST_F(StatsSocket, TooManyClientsAreTurnedAwayWithAReason) {
    const RunningServer server(path);
    const auto clients = fill(path, StatsServer::kLimits.all);
    TestClient last(path);
    EXPECT_THAT(last.line(), HasSubstr("too many clients"));
    EXPECT_EQ(last.line(), "closed");
    EXPECT_EQ(clients.front()->ask(kStats), R"({"stats":{}})");
}

TEST_F(StatsSocket, WhoIsTurnedAwayReadsWhyThoughItWroteFirst) {
    const RunningServer server(path, "{\"stats\":{}}\n", kForAll);
    const auto clients = fill(path, kForAll.per_user);
    TestClient one_more(path);
    for (int i = 0; i < 3; ++i)
        one_more.send(std::string(kStats) + "\n");
    EXPECT_THAT(one_more.line(), HasSubstr("close one"));
}

// However many are turned away: some may read why, for a moment, and the others are closed at once.
TEST_F(StatsSocket, WhoIsTurnedAwayTakesNoPlaceForLong) {
    ClientLimits limits = kForAll;
    limits.farewell = seconds(2);
    const RunningServer server(path, "{\"stats\":{}}\n", limits);
    const auto clients = fill(path, limits.per_user);
    std::vector<std::unique_ptr<TestClient>> strangers; // that stay
    std::size_t told = 0;
    for (int i = 0; i < 20; ++i) {
        strangers.push_back(std::make_unique<TestClient>(path));
        told += strangers.back()->line() != "closed" ? 1U : 0U;
    }
    EXPECT_EQ(told, 16U);
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    TestClient later(path);
    EXPECT_THAT(later.line(), HasSubstr("close one")) << "those before have had their moment";
}

TEST_F(StatsSocket, WhoLeavesMakesRoomAndWhoWasTurnedAwayDoesNot) {
    const RunningServer server(path, "{\"stats\":{}}\n", kForAll);
    for (std::size_t i = 0; i < 3 * kForAll.all; ++i)
        ASSERT_EQ(TestClient(path).ask(kStats), R"({"stats":{}})") << i;
    const auto clients = fill(path, kForAll.per_user);
    for (int i = 0; i < 3; ++i)
        EXPECT_THAT(TestClient(path).line(), HasSubstr("close one")) << i;
}

TEST_F(StatsSocket, SilentClientsMakeRoom) {
    ClientLimits impatient = kForAll;
    impatient.first_request = millis(300);
    const RunningServer server(path, "{\"stats\":{}}\n", impatient);
    TestClient idle(path);
    TestClient once(path);
    EXPECT_EQ(once.ask(kStats), R"({"stats":{}})");
    EXPECT_THAT(idle.line(), HasSubstr("connect again"));
    EXPECT_EQ(idle.line(), "closed");
    EXPECT_EQ(once.ask(kStats), R"({"stats":{}})") << "who has asked may be silent for longer";
}

TEST_F(StatsSocket, ClientsThatHaveBecomeSilentMakeRoom) {
    ClientLimits impatient = kForAll;
    impatient.idle = millis(300);
    const RunningServer server(path, "{\"stats\":{}}\n", impatient);
    TestClient once(path);
    TestClient subscriber(path);
    EXPECT_EQ(once.ask(kStats), R"({"stats":{}})");
    EXPECT_EQ(subscriber.ask(R"({"request":"subscribe","interval":3600})"), R"({"stats":{}})");
    EXPECT_THAT(once.line(), HasSubstr("connect again"));
    EXPECT_EQ(once.line(), "closed");
    EXPECT_EQ(subscriber.ask(kStats), R"({"stats":{}})") << "who waits for figures is not silent";
}

TEST_F(StatsSocket, WhoAsksNowAndThenIsNotSilent) {
    ClientLimits impatient = kForAll;
    impatient.idle = seconds(2);
    const RunningServer server(path, "{\"stats\":{}}\n", impatient);
    TestClient client(path);
    const Nanos until = monotonic_now() + millis(3500);
    while (monotonic_now() < until) {
        ASSERT_EQ(client.ask(kStats), R"({"stats":{}})");
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
}

// Also while others come and are turned away all the time.
TEST_F(StatsSocket, WhoDoesNotReadMakesRoomToo) {
    ClientLimits impatient = kForAll;
    impatient.per_user = 1;
    impatient.burst = 1000;
    impatient.idle = millis(300);
    const RunningServer server(path, std::string(50'000, 'x') + "\n", impatient);
    const TestClient deaf(path);
    deaf.send(times(100, kStats));
    const Nanos until = monotonic_now() + seconds(15);
    std::string answer;
    while (answer.size() < 50'000 && monotonic_now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        answer = TestClient(path).ask(kStats);
    }
    EXPECT_EQ(answer.size(), 50'000U) << answer;
}

TEST_F(StatsSocket, RequestsComeNoFasterThanTheUsersRate) {
    RunningServer server(path, "{\"stats\":{}}\n", kForAll);
    TestClient client(path);
    const Nanos began = monotonic_now();
    std::string many;
    for (int i = 0; i < 20; ++i)
        many += std::string(kStats) + "\n";
    client.send(many);
    for (int i = 0; i < 20; ++i)
        ASSERT_EQ(client.line(), R"({"stats":{}})") << "none is lost";
    // Five at once, fifteen at twenty a second.
    EXPECT_GE(monotonic_now() - began, millis(700));
}

// Not by themselves and not with others, such as the subordinate users that each has.
TEST_F(StatsSocket, UsersConnectionsDoNotKeepRootOut) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be root and to be somebody else";
    const RunningServer server(path);
    ASSERT_EQ(::chmod(tree.root().c_str(), 0755), 0);
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        std::vector<UniqueFd> connections;
        for (uid_t user = 60'001; user <= 60'010; ++user) {
            // The kernel tells the server who we are at the moment of connect(2).
            if (::seteuid(user) != 0)
                ::_exit(1);
            for (UniqueFd& fd : take_places(path, StatsServer::kLimits.per_user + 1))
                connections.push_back(std::move(fd));
            if (::seteuid(0) != 0)
                ::_exit(1);
        }
        static_cast<void>(!::write(ends[1], "x", 1));
        ::pause();
        ::_exit(0);
    }
    ::close(ends[1]);
    char byte = 0;
    ASSERT_EQ(::read(ends[0], &byte, 1), 1);
    const auto clients = fill(path, 8); // as rustland(8) has it
    TestClient root(path);
    EXPECT_THAT(root.line(), HasSubstr("all places are taken")) << "the others are the users'";
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ends[0]);
}

TEST_F(StatsSocket, OneUserHasNoMorePlacesThanItsOwn) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be root and to be somebody else";
    const RunningServer server(path);
    ASSERT_EQ(::chmod(tree.root().c_str(), 0755), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        if (::setresuid(60'001, 60'001, 60'001) != 0)
            ::_exit(255);
        ::_exit(static_cast<int>(take_places(path, StatsServer::kLimits.all).size()));
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 8) << "as rustland(8) has it";
}

TEST_F(StatsSocket, OnlyRootMayStop) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be root and to be somebody else";
    RunningServer server(path);
    ASSERT_EQ(::chmod(tree.root().c_str(), 0755), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        bool refused = ::setresuid(65534, 65534, 65534) == 0;
        const auto fd = connect_to_socket(path);
        std::array<char, 200> answer{};
        const std::string_view request = "{\"request\":\"stop\"}\n";
        refused = refused && fd && ::write(fd->get(), request.data(), request.size()) > 0 &&
                  ::read(fd->get(), answer.data(), answer.size() - 1) > 0 &&
                  std::string_view(answer.data()).find("only root") != std::string_view::npos;
        ::_exit(refused ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_FALSE(server.stop_requested);

    TestClient root(path);
    EXPECT_EQ(root.ask(R"({"request":"stop"})"), R"({"ok":true})");
    EXPECT_TRUE(server.stop_requested);
}
