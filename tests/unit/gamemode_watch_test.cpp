// SPDX-License-Identifier: GPL-2.0-only
// The GameMode helper between two private buses: a fake GameMode on the one, a fake rustlandd on
// the other.
#include "supervisor/gamemode/game_watch.hpp"
#include "support/wait.hpp"

#include <array>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace rustland;
using namespace rustland::supervisor;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

// A bus of its own; it ends with its owner.
class PrivateBus {
  public:
    PrivateBus() {
        std::array<int, 2> pipe{};
        EXPECT_EQ(::pipe(pipe.data()), 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const std::string print = fmt::format("--print-address={}", pipe[1]);
            ::execlp("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--nopidfile",
                     "--address=unix:tmpdir=/tmp", print.c_str(), nullptr);
            ::_exit(127);
        }
        ::close(pipe[1]);
        std::array<char, 512> text{};
        const ssize_t n = ::read(pipe[0], text.data(), text.size() - 1);
        ::close(pipe[0]);
        address_.assign(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
        address_.erase(address_.find_last_not_of('\n') + 1);
    }
    PrivateBus(const PrivateBus&) = delete;
    PrivateBus& operator=(const PrivateBus&) = delete;
    PrivateBus(PrivateBus&&) = delete;
    PrivateBus& operator=(PrivateBus&&) = delete;
    ~PrivateBus() {
        ::kill(pid_, SIGTERM);
        ::waitpid(pid_, nullptr, 0);
    }
    [[nodiscard]] const std::string& address() const { return address_; }

  private:
    pid_t pid_ = -1;
    std::string address_;
};

struct CloseBus {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
};
using BusPtr = std::unique_ptr<sd_bus, CloseBus>;

BusPtr connect(Loop& loop, const PrivateBus& to) {
    sd_bus* bus = nullptr;
    EXPECT_GE(sd_bus_new(&bus), 0);
    EXPECT_GE(sd_bus_set_address(bus, to.address().c_str()), 0);
    EXPECT_GE(sd_bus_set_bus_client(bus, 1), 0);
    EXPECT_GE(sd_bus_start(bus), 0);
    EXPECT_GE(sd_bus_attach_event(bus, loop.raw(), SD_EVENT_PRIORITY_NORMAL), 0);
    return BusPtr(bus);
}

class FakeGameMode {
  public:
    FakeGameMode(Loop& loop, const PrivateBus& on) : bus_(connect(loop, on)) {
        static const sd_bus_vtable interface[] = {
            SD_BUS_VTABLE_START(0), SD_BUS_METHOD("ListGames", "", "a(io)", on_list, 0),
            SD_BUS_SIGNAL("GameRegistered", "io", 0), SD_BUS_SIGNAL("GameUnregistered", "io", 0),
            SD_BUS_VTABLE_END};
        EXPECT_GE(sd_bus_add_object_vtable(bus_.get(), nullptr, kPath, kName, interface, this), 0);
    }
    void appear() const { EXPECT_GE(sd_bus_request_name(bus_.get(), kName, 0), 0); }
    void vanish() const { EXPECT_GE(sd_bus_release_name(bus_.get(), kName), 0); }
    void emit(const char* signal, pid_t pid) const {
        EXPECT_GE(
            sd_bus_emit_signal(bus_.get(), kPath, kName, signal, "io", pid, object(pid).c_str()),
            0);
    }
    std::vector<pid_t> games;

  private:
    static constexpr const char* kName = "com.feralinteractive.GameMode";
    static constexpr const char* kPath = "/com/feralinteractive/GameMode";
    static std::string object(pid_t pid) { return fmt::format("{}/Games/{}", kPath, pid); }
    static int on_list(sd_bus_message* call, void* data, sd_bus_error*) {
        sd_bus_message* reply = nullptr;
        sd_bus_message_new_method_return(call, &reply);
        sd_bus_message_open_container(reply, 'a', "(io)");
        for (const pid_t pid : static_cast<FakeGameMode*>(data)->games)
            sd_bus_message_append(reply, "(io)", pid, object(pid).c_str());
        sd_bus_message_close_container(reply);
        const int r = sd_bus_send(nullptr, reply, nullptr);
        sd_bus_message_unref(reply);
        return r;
    }
    BusPtr bus_;
};

// Takes holds as org.rustland1 does.
class FakeDaemon {
  public:
    FakeDaemon(Loop& loop, const PrivateBus& on) : bus_(connect(loop, on)) {
        static const sd_bus_vtable interface[] = {
            SD_BUS_VTABLE_START(0),
            SD_BUS_METHOD("HoldPidfd", "hssas", "ts", on_hold, SD_BUS_VTABLE_UNPRIVILEGED),
            SD_BUS_METHOD("Release", "t", "", on_release, SD_BUS_VTABLE_UNPRIVILEGED),
            SD_BUS_VTABLE_END};
        EXPECT_GE(sd_bus_add_object_vtable(bus_.get(), nullptr, "/org/rustland1",
                                           "org.rustland1.Manager", interface, this),
                  0);
    }
    ~FakeDaemon() {
        for (sd_bus_message* call : waiting)
            sd_bus_message_unref(call);
    }
    FakeDaemon(const FakeDaemon&) = delete;
    FakeDaemon& operator=(const FakeDaemon&) = delete;
    FakeDaemon(FakeDaemon&&) = delete;
    FakeDaemon& operator=(FakeDaemon&&) = delete;
    void appear() const { EXPECT_GE(sd_bus_request_name(bus_.get(), "org.rustland1", 0), 0); }
    void vanish() const { EXPECT_GE(sd_bus_release_name(bus_.get(), "org.rustland1"), 0); }
    void answer() {
        for (sd_bus_message* call : waiting) {
            sd_bus_reply_method_return(call, "ts", ++cookies, "");
            sd_bus_message_unref(call);
        }
        waiting.clear();
    }
    bool slow = false; // answers only when told to
    std::vector<pid_t> held;
    std::vector<std::string> reasons;
    std::vector<std::uint64_t> released;
    std::uint64_t cookies = 0;
    std::vector<sd_bus_message*> waiting;

  private:
    static pid_t pid_of(int pidfd) {
        std::ifstream info(fmt::format("/proc/self/fdinfo/{}", pidfd));
        for (std::string line; std::getline(info, line);)
            if (line.starts_with("Pid:"))
                return std::stoi(line.substr(4));
        return 0;
    }
    static int on_hold(sd_bus_message* call, void* data, sd_bus_error*) {
        auto* self = static_cast<FakeDaemon*>(data);
        int fd = -1;
        const char* reason = nullptr;
        const char* scheduler = nullptr;
        EXPECT_GE(sd_bus_message_read(call, "hss", &fd, &reason, &scheduler), 0);
        EXPECT_STREQ(scheduler, "") << "another scheduler is not an ordinary user's to choose";
        self->held.push_back(pid_of(fd));
        self->reasons.emplace_back(reason);
        self->waiting.push_back(sd_bus_message_ref(call));
        if (!self->slow)
            self->answer();
        return 1;
    }
    static int on_release(sd_bus_message* call, void* data, sd_bus_error*) {
        std::uint64_t cookie = 0;
        EXPECT_GE(sd_bus_message_read(call, "t", &cookie), 0);
        static_cast<FakeDaemon*>(data)->released.push_back(cookie);
        return sd_bus_reply_method_return(call, "");
    }
    BusPtr bus_;
};

class Game {
  public:
    Game() : pid_(::fork()) {
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::prctl(PR_SET_NAME, "supertux");
            for (;;)
                ::pause();
        }
    }
    Game(const Game&) = delete;
    Game& operator=(const Game&) = delete;
    Game(Game&&) = delete;
    Game& operator=(Game&&) = delete;
    ~Game() { end(); }
    void end() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
        pid_ = -1;
    }
    [[nodiscard]] pid_t pid() const { return pid_; }

  private:
    pid_t pid_;
};

class GameModeWatch : public testing::Test {
  protected:
    void watch() {
        auto made = GameWatch::create(*loop, user.get(), system.get());
        ASSERT_TRUE(made) << made.error().message();
        watcher = *std::move(made);
    }
    template <typename Done> void until(const Done& done) {
        ASSERT_TRUE(test::run_until(*loop, done));
    }
    // All that has been sent so far has arrived and been answered.
    void settle() {
        for (int quiet = 0; quiet < 5;)
            quiet = loop->run_once(millis(20)) ? 0 : quiet + 1;
    }

    PrivateBus user_bus;
    PrivateBus system_bus;
    std::unique_ptr<Loop> loop = *Loop::create();
    FakeGameMode gamemode{*loop, user_bus};
    FakeDaemon daemon{*loop, system_bus};
    BusPtr user = connect(*loop, user_bus);
    BusPtr system = connect(*loop, system_bus);
    std::unique_ptr<GameWatch> watcher;
};

} // namespace

TEST_F(GameModeWatch, HoldsARegisteredGameAndReleasesIt) {
    gamemode.appear();
    daemon.appear();
    watch();
    const Game game;
    settle();
    gamemode.emit("GameRegistered", game.pid());
    until([&] { return !daemon.held.empty(); });
    EXPECT_THAT(daemon.held, ElementsAre(game.pid()));
    EXPECT_THAT(daemon.reasons, ElementsAre("GameMode: supertux"));
    settle();
    EXPECT_THAT(daemon.released, IsEmpty());
    gamemode.emit("GameUnregistered", game.pid());
    until([&] { return !daemon.released.empty(); });
    EXPECT_THAT(daemon.released, ElementsAre(1U));
}

TEST_F(GameModeWatch, FindsTheGamesThatWereThereBefore) {
    const Game one;
    const Game two;
    gamemode.games = {one.pid(), two.pid()};
    gamemode.appear();
    daemon.appear();
    watch();
    until([&] { return daemon.held.size() == 2; });
    EXPECT_THAT(daemon.held, ElementsAre(one.pid(), two.pid()));
}

TEST_F(GameModeWatch, AGameThatIsToldTwiceIsHeldOnce) {
    const Game game;
    gamemode.games = {game.pid()};
    gamemode.appear();
    daemon.appear();
    watch();
    gamemode.emit("GameRegistered", game.pid());
    until([&] { return !daemon.held.empty(); });
    settle();
    EXPECT_THAT(daemon.held, ElementsAre(game.pid()));
}

TEST_F(GameModeWatch, HoldsAgainWhenTheDaemonComesOrIsReplaced) {
    gamemode.appear();
    watch();
    const Game game;
    settle();
    gamemode.emit("GameRegistered", game.pid());
    settle();
    EXPECT_THAT(daemon.held, IsEmpty());
    daemon.appear();
    until([&] { return daemon.held.size() == 1; });
    daemon.vanish();
    settle();
    daemon.appear();
    until([&] { return daemon.held.size() == 2; });
    settle();
    gamemode.emit("GameUnregistered", game.pid());
    until([&] { return !daemon.released.empty(); });
    EXPECT_THAT(daemon.released, ElementsAre(2U)) << "the first one went with its daemon";
}

TEST_F(GameModeWatch, ReleasesEverythingWhenGameModeGoesAndListsAnewWhenItComesBack) {
    const Game game;
    gamemode.games = {game.pid()};
    gamemode.appear();
    daemon.appear();
    watch();
    until([&] { return daemon.cookies == 1; });
    settle();
    gamemode.vanish();
    until([&] { return !daemon.released.empty(); });
    gamemode.appear();
    until([&] { return daemon.held.size() == 2; });
}

TEST_F(GameModeWatch, AHoldThatIsAnsweredTooLateIsReleased) {
    gamemode.appear();
    daemon.appear();
    daemon.slow = true;
    watch();
    const Game game;
    settle();
    gamemode.emit("GameRegistered", game.pid());
    until([&] { return !daemon.waiting.empty(); });
    gamemode.emit("GameUnregistered", game.pid());
    settle();
    EXPECT_THAT(daemon.released, IsEmpty());
    daemon.answer();
    until([&] { return !daemon.released.empty(); });
    EXPECT_THAT(daemon.released, ElementsAre(1U));
}

TEST_F(GameModeWatch, AnEndedGameIsForgottenAndItsNumberCanComeAgain) {
    gamemode.appear();
    daemon.appear();
    watch();
    Game game;
    const pid_t pid = game.pid();
    settle();
    gamemode.emit("GameRegistered", pid);
    until([&] { return daemon.cookies == 1; });
    settle();
    game.end();
    settle();
    gamemode.emit("GameUnregistered", pid);
    gamemode.emit("GameRegistered", pid); // nobody has this number now
    settle();
    EXPECT_THAT(daemon.released, IsEmpty()) << "the daemon ends a hold with its process";
    EXPECT_EQ(daemon.held.size(), 1U);
}
