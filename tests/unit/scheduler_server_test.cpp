// SPDX-License-Identifier: GPL-2.0-only
#include "monitor.hpp"
#include "rustland/common/clock.hpp"
#include "stats.hpp"
#include "stats_server.hpp"
#include "support/temp_tree.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <gmock/gmock.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace rustland;
using rustland::test::TempTree;
using testing::HasSubstr;

namespace {

// A server on a loop in a thread of its own.
class RunningServer {
  public:
    explicit RunningServer(const std::string& path, std::string answer = "{\"stats\":{}}\n",
                           const ClientLimits& limits = StatsServer::kLimits)
        : loop_(*EventLoop::create()), answer_(std::move(answer)), end_(::eventfd(0, EFD_CLOEXEC)) {
        StatsServer::Callbacks callbacks;
        callbacks.stats = [this] {
            ++asked;
            return answer_;
        };
        callbacks.classes = [](const Request& request) {
            return request.foreground.size() > 1 ? Status(Error("too many")) : Status();
        };
        callbacks.stop = [this] { stop_requested = true; };
        auto server = StatsServer::open(*loop_, path, callbacks, limits);
        if (!server) {
            ADD_FAILURE() << server.error().message();
            return;
        }
        server_ = *std::move(server);
        EXPECT_TRUE(loop_->watch(end_.get(), EPOLLIN, [this](std::uint32_t) { loop_->stop(); }));
        thread_ = std::thread([this] { EXPECT_TRUE(loop_->run()); });
    }
    RunningServer(const RunningServer&) = delete;
    RunningServer& operator=(const RunningServer&) = delete;
    ~RunningServer() { end(); }

    void end() {
        if (!thread_.joinable())
            return;
        const std::uint64_t one = 1;
        EXPECT_EQ(::write(end_.get(), &one, sizeof(one)), sizeof(one));
        thread_.join();
        server_.reset();
    }

    std::atomic<int> asked{0};
    std::atomic<bool> stop_requested{false};

  private:
    std::unique_ptr<EventLoop> loop_;
    std::string answer_;
    UniqueFd end_;
    std::unique_ptr<StatsServer> server_;
    std::thread thread_;
};

class TestClient {
  public:
    explicit TestClient(const std::string& path) {
        auto fd = connect_to_socket(path);
        EXPECT_TRUE(fd);
        if (fd)
            fd_ = *std::move(fd);
        // No test hangs for good.
        const timeval limit{20, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    }
    void send(std::string_view text) const {
        EXPECT_EQ(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    // The next line; "closed" at the end of the connection.
    std::string line() {
        for (;;) {
            const std::size_t end = buffer_.find('\n');
            if (end != std::string::npos) {
                std::string text = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return text;
            }
            std::array<char, 4096> bytes{};
            const ssize_t n = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
            if (n <= 0)
                return n == 0 || errno == ECONNRESET ? "closed" : "nothing came";
            buffer_.append(bytes.data(), static_cast<std::size_t>(n));
        }
    }
    std::string ask(std::string_view request) {
        send(std::string(request) + "\n");
        return line();
    }

  private:
    UniqueFd fd_;
    std::string buffer_;
};

class StatsSocket : public testing::Test {
  protected:
    // The directory is missing at first.
    TempTree tree;
    std::string path = tree.path("rustland/scheduler.sock");
};

constexpr const char* kStats = R"({"request":"stats"})";

} // namespace

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

TEST_F(StatsSocket, AFloodOfRequestsWithoutReadingEndsThatClientAlone) {
    RunningServer server(path, std::string(50'000, 'x') + "\n");
    const TestClient flood(path);
    std::string many;
    for (int i = 0; i < 100; ++i)
        many += std::string(kStats) + "\n";
    flood.send(many);
    TestClient other(path);
    EXPECT_EQ(other.ask(kStats).size(), 50'000U);
}

TEST_F(StatsSocket, TooManyClientsAreTurnedAwayWithAReason) {
    const RunningServer server(path);
    std::vector<std::unique_ptr<TestClient>> clients;
    for (std::size_t i = 0; i < StatsServer::kLimits.all; ++i) {
        clients.push_back(std::make_unique<TestClient>(path));
        ASSERT_EQ(clients.back()->ask(kStats), R"({"stats":{}})");
    }
    TestClient last(path);
    EXPECT_THAT(last.line(), HasSubstr("too many clients"));
    EXPECT_EQ(last.line(), "closed");
    EXPECT_EQ(clients.front()->ask(kStats), R"({"stats":{}})");
}

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

TEST_F(StatsSocket, WhoIsTurnedAwayReadsWhyThoughItWroteFirst) {
    const RunningServer server(path, "{\"stats\":{}}\n", kForAll);
    std::vector<std::unique_ptr<TestClient>> clients;
    for (std::size_t i = 0; i < kForAll.per_user; ++i) {
        clients.push_back(std::make_unique<TestClient>(path));
        ASSERT_EQ(clients.back()->ask(kStats), R"({"stats":{}})");
    }
    TestClient one_more(path);
    for (int i = 0; i < 3; ++i)
        one_more.send(std::string(kStats) + "\n");
    EXPECT_THAT(one_more.line(), HasSubstr("close one"));
}

TEST_F(StatsSocket, SilentClientsMakeRoom) {
    ClientLimits impatient = kForAll;
    impatient.first_request = millis(300);
    impatient.idle = seconds(1);
    const RunningServer server(path, "{\"stats\":{}}\n", impatient);
    TestClient idle(path);
    TestClient once(path);
    TestClient subscriber(path);
    EXPECT_EQ(once.ask(kStats), R"({"stats":{}})");
    EXPECT_EQ(subscriber.ask(R"({"request":"subscribe","interval":3600})"), R"({"stats":{}})");
    EXPECT_THAT(idle.line(), HasSubstr("connect again"));
    EXPECT_EQ(idle.line(), "closed");
    EXPECT_THAT(once.line(), HasSubstr("connect again"));
    EXPECT_EQ(subscriber.ask(kStats), R"({"stats":{}})") << "who waits for figures is not silent";
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

TEST_F(StatsSocket, AUsersConnectionsDoNotKeepRootOut) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be root and to be somebody else";
    const RunningServer server(path);
    ASSERT_EQ(::chmod(tree.root().c_str(), 0755), 0);
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        std::vector<UniqueFd> connections;
        if (::setresuid(65534, 65534, 65534) == 0)
            for (int i = 0; i < 40; ++i)
                if (auto fd = connect_to_socket(path, 0))
                    connections.push_back(*std::move(fd));
        static_cast<void>(!::write(ends[1], "x", 1));
        ::pause();
        ::_exit(0);
    }
    char byte = 0;
    ASSERT_EQ(::read(ends[0], &byte, 1), 1);
    TestClient root(path);
    EXPECT_EQ(root.ask(R"({"request":"classes","foreground":[1]})"), R"({"ok":true})");
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_F(StatsSocket, EverybodyMayReadAndTheDirectoryIsMade) {
    const RunningServer server(path);
    struct stat info = {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0666U);
    ASSERT_EQ(::stat(tree.path("rustland").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0755U & ~::umask(022));
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
