// SPDX-License-Identifier: GPL-2.0-only
// What the scheduler's socket answers, and the file that it is.
#include "monitor.hpp"
#include "stats.hpp"
#include "support/stats_socket.hpp"

#include <csignal>
#include <fstream>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <vector>

using namespace rustland;
using rustland::test::kStats;
using rustland::test::RunningServer;
using rustland::test::StatsSocket;
using rustland::test::TestClient;
using testing::HasSubstr;

TEST_F(StatsSocket, AnswersAsOftenAsAsked) {
    RunningServer server(path);
    TestClient client(path);
    EXPECT_EQ(client.ask(kStats), R"({"stats":{}})");
    EXPECT_EQ(client.ask(kStats), R"({"stats":{}})");
    client.send(std::string(kStats) + "\n" + kStats + "\n");
    EXPECT_EQ(client.line(), R"({"stats":{}})");
    EXPECT_EQ(client.line(), R"({"stats":{}})");
    EXPECT_EQ(server.asked, 4);
}

TEST_F(StatsSocket, BadRequestsGetAnErrorAndTheConnectionGoesOn) {
    const RunningServer server(path);
    TestClient client(path);
    EXPECT_THAT(client.ask("nonsense"), HasSubstr("\"error\""));
    EXPECT_THAT(client.ask(R"({"request":"dance"})"), HasSubstr("unknown request"));
    EXPECT_EQ(client.ask(kStats), R"({"stats":{}})");
}

TEST_F(StatsSocket, OverlongRequestsAreRefusedAndEndTheConnection) {
    const RunningServer server(path);
    TestClient client(path);
    client.send(std::string(LineReader::kMaxLine + 1, 'x'));
    EXPECT_THAT(client.line(), HasSubstr("longer than 65536 bytes"));
    EXPECT_EQ(client.line(), "closed");
}

TEST_F(StatsSocket, SubscribersGetOneAtOnceAndMoreLater) {
    RunningServer server(path);
    TestClient client(path);
    EXPECT_EQ(client.ask(R"({"request":"subscribe","interval":0.1})"), R"({"stats":{}})");
    EXPECT_EQ(client.line(), R"({"stats":{}})");
    EXPECT_EQ(client.line(), R"({"stats":{}})");
    EXPECT_GE(server.asked, 3);
}

TEST_F(StatsSocket, SubscribersMayReadAHundredTimesASecond) {
    RunningServer server(path);
    TestClient client(path);
    const Nanos began = monotonic_now();
    EXPECT_EQ(client.ask(R"({"request":"subscribe","interval":0.01})"), R"({"stats":{}})");
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(client.line(), R"({"stats":{}})");
    // Half a second, and on a busy machine more; at a tenth of the rate it would be five.
    EXPECT_LT(monotonic_now() - began, seconds(4));
}

TEST_F(StatsSocket, AClientThatLeavesEndsItsSubscription) {
    RunningServer server(path);
    {
        TestClient client(path);
        client.ask(R"({"request":"subscribe","interval":0.1})");
    }
    TestClient other(path);
    other.ask(R"({"request":"subscribe","interval":0.1})");
    // If the first were still served, twice as many would be asked for.
    const int before = server.asked;
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(other.line(), R"({"stats":{}})");
    EXPECT_LE(server.asked - before, 12);
}

TEST_F(StatsSocket, EverybodyMayReadAndTheDirectoryIsMade) {
    const RunningServer server(path);
    struct stat info = {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0666U);
    ASSERT_EQ(::stat(tree.path("rustland").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0755U & ~::umask(022));
}

TEST_F(StatsSocket, AStaleSocketIsReplacedAndTheOwnOneRemoved) {
    {
        // A process that was killed: its socket file stays.
        tree.mkdir("rustland");
        const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    }
    {
        const RunningServer server(path);
        TestClient client(path);
        EXPECT_EQ(client.ask(kStats), R"({"stats":{}})");
    }
    EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(StatsSocket, ALiveSocketIsReportedWithItsProcess) {
    const RunningServer server(path);
    const auto loop = EventLoop::create();
    const auto second = StatsServer::open(**loop, path, {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), EADDRINUSE);
    EXPECT_THAT(second.error().message(), HasSubstr("process " + std::to_string(::getpid())));
    TestClient client(path);
    EXPECT_EQ(client.ask(kStats), R"({"stats":{}})") << "the first one is unharmed";
}

TEST_F(StatsSocket, AnOrdinaryFileIsLeftAlone) {
    tree.write("rustland/scheduler.sock", "precious");
    const auto loop = EventLoop::create();
    const auto server = StatsServer::open(**loop, path, {});
    ASSERT_FALSE(server);
    EXPECT_THAT(server.error().message(), HasSubstr("is not a socket"));
    std::string content;
    std::ifstream(path) >> content;
    EXPECT_EQ(content, "precious");
}

TEST_F(StatsSocket, TheSocketOfASuccessorIsNotRemoved) {
    RunningServer first(path);
    ASSERT_EQ(::unlink(path.c_str()), 0);
    const RunningServer second(path);
    first.end();
    TestClient client(path);
    EXPECT_EQ(client.ask(kStats), R"({"stats":{}})");
}

TEST_F(StatsSocket, TheMonitorPrintsATableUntilTheSchedulerEnds) {
    Snapshot snapshot;
    snapshot.online_cpus = 4;
    const nlohmann::json answer{{"stats", to_json(values_of(snapshot))}};
    RunningServer server(path, answer.dump() + "\n");
    std::string printed;
    int lines = 0;
    const ExitCode code = run_monitor(path, millis(100), [&](std::string_view text) {
        printed += text;
        if (!text.empty() && ++lines == 2)
            server.end();
    });
    EXPECT_EQ(code, ExitCode::Stopped);
    EXPECT_THAT(printed, HasSubstr(stats_heading()));
    EXPECT_EQ(lines, 2);
}

TEST_F(StatsSocket, TheMonitorSaysWhenNobodyAnswersOrNonsenseComes) {
    const auto ignore = [](std::string_view) {};
    EXPECT_EQ(run_monitor(path, seconds(1), ignore), ExitCode::NoServer);
    const RunningServer server(path, "{\"error\":\"no\"}\n");
    EXPECT_EQ(run_monitor(path, seconds(1), ignore), ExitCode::Failure);
}
