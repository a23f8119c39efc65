// SPDX-License-Identifier: GPL-2.0-only
// Other services that do not answer, and a daemon that does not wait for them.
#include "supervisor/system/event_journal.hpp"
#include "supervisor/system/notifier.hpp"
#include "support/daemon_test.hpp"
#include "support/temp_dir.hpp"

#include <array>
#include <gmock/gmock.h>
#include <mutex>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace rustland;
using namespace rustland::supervisor;
using rustland::test::DaemonTest;
using rustland::test::json;
using rustland::test::kConfig;
using testing::HasSubstr;

namespace {

// The socket of a service that reads when the test says so.
class Service {
  public:
    explicit Service(const std::string& path)
        : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        // Whoever waits for it would do so for ever.
        ::alarm(60);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    }
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    ~Service() { ::alarm(0); }

    [[nodiscard]] std::vector<std::string> read() const {
        std::vector<std::string> all;
        std::vector<char> buffer(1 << 20);
        for (ssize_t n = 0; (n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0)) >= 0;)
            all.emplace_back(buffer.data(), static_cast<std::size_t>(n));
        return all;
    }

  private:
    UniqueFd fd_;
};

// Until the service manager takes no more.
void fill(Notifier& notifier) {
    while (notifier.waiting() == 0)
        notifier.tell("STATUS=busy");
}

// Long enough for a thread to be heard of on a busy machine.
constexpr Nanos kDirectoryPatience = seconds(2);

// Name services that hang until the test lets them go.
class Directory {
  public:
    std::optional<uid_t> operator()(const std::string& name) {
        const std::lock_guard held(hang);
        return name == "nobody-at-all" ? std::nullopt : std::optional<uid_t>(4711);
    }
    std::mutex hang;
};

std::string with_user(const std::string& user) {
    return std::string(kConfig) + "[workload theirs]\nprogram = theirs\nuser = " + user + "\n";
}

class HungDirectory : public DaemonTest {
  protected:
    ~HungDirectory() override { daemon.reset(); }
    void boot_with(const std::string& user) {
        write(user);
        DaemonOptions o = options();
        o.users = [directory = directory](const std::string& name) { return (*directory)(name); };
        o.user_patience = kDirectoryPatience;
        auto made = Daemon::create(*loop, o);
        ASSERT_TRUE(made) << made.error().message();
        daemon = *std::move(made);
    }
    void write(const std::string& user) { fixture.dir().write("conf", with_user(user)); }
    // The answer to a reload, and how long the call itself took.
    json reload(Nanos& took) {
        const std::size_t before = answers.size();
        const Nanos began = monotonic_now();
        ask({{"request", "reload"}});
        took = monotonic_now() - began;
        EXPECT_TRUE(until([&] { return answers.size() > before; }));
        return answers.back();
    }

    std::shared_ptr<Directory> directory = std::make_shared<Directory>();
};

} // namespace

TEST_F(HungDirectory, AReloadIsNotWaitedForAndTakesTheAnswersOfBefore) {
    ASSERT_NO_FATAL_FAILURE(boot_with("alice"));
    std::unique_lock hung(directory->hang);
    Nanos took;
    EXPECT_EQ(reload(took)["ok"], true);
    EXPECT_LT(took, kDirectoryPatience / 2) << "the loop waits for nobody";
    ask({{"request", "status"}});
    EXPECT_EQ(answers.back()["ok"], true);
}

TEST_F(HungDirectory, ANameThatWasNeverAnsweredIsAClearErrorAndTheOldConfigurationStays) {
    ASSERT_NO_FATAL_FAILURE(boot_with("alice"));
    std::unique_lock hung(directory->hang);
    write("alice, bob");
    Nanos took;
    const json refused = reload(took);
    EXPECT_LT(took, kDirectoryPatience / 2);
    EXPECT_EQ(refused["ok"], false);
    EXPECT_THAT(refused["error"].get<std::string>(),
                HasSubstr("cannot look up user \"bob\": the name services of this machine"));
    EXPECT_THAT(refused["error"].get<std::string>(), HasSubstr("the old configuration stays"));
    // While it hangs, no second thread is sent after the first one.
    EXPECT_EQ(reload(took)["ok"], false);
    hung.unlock();
    EXPECT_TRUE(until([&] { return reload(took)["ok"] == true; }));
    write("nobody-at-all");
    EXPECT_THAT(reload(took)["error"].get<std::string>(), HasSubstr("there is no user"));
}

TEST_F(HungDirectory, WhoAsksForAReloadMeanwhileHasTheFilesReadOnceMore) {
    ASSERT_NO_FATAL_FAILURE(boot_with("alice"));
    std::unique_lock hung(directory->hang);
    ask({{"request", "reload"}});
    write("no such key");
    fixture.dir().write("conf", std::string(kConfig) + "[workload x]\nnonsense = 1\n");
    ask({{"request", "reload"}});
    EXPECT_TRUE(answers.empty());
    EXPECT_TRUE(until([&] { return answers.size() == 2; }));
    EXPECT_EQ(answers[0]["ok"], true);
    EXPECT_THAT(answers[1]["error"].get<std::string>(), HasSubstr("nonsense"));
}

TEST_F(HungDirectory, TheStartIsRefusedWithWhatToDo) {
    const std::lock_guard hung(directory->hang);
    write("alice");
    DaemonOptions o = options();
    o.users = [directory = directory](const std::string& name) { return (*directory)(name); };
    o.user_patience = millis(100);
    const auto made = Daemon::create(*loop, o);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message(), HasSubstr("write the user's number"));
}

TEST(EventJournal, WaitsForNobodyAndTellsWhatIsMissing) {
    const test::TempDir dir;
    const Service journald(dir.path("socket"));
    EventJournal journal(dir.path("socket"));
    for (int i = 0; i < 2000; ++i)
        journal.write(6, "hold", "number " + std::to_string(i), {});
    const std::uint64_t lost = journal.lost();
    ASSERT_GT(lost, 0U);
    const auto taken = journald.read();
    EXPECT_EQ(taken.size() + lost, 2000U);
    EXPECT_EQ(taken.front(), "MESSAGE=hold: number 0\nPRIORITY=6\nSYSLOG_IDENTIFIER=rustlandd\n"
                             "RUSTLAND_EVENT=hold\n");
    journal.write(6, "hold", "the next one", {});
    const auto next = journald.read();
    ASSERT_EQ(next.size(), 2U);
    EXPECT_THAT(next[0],
                HasSubstr("MESSAGE=journal: " + std::to_string(lost) + " events are missing here"));
    EXPECT_THAT(next[1], HasSubstr("the next one"));
    EXPECT_EQ(journal.lost(), 0U);
}

TEST(EventJournal, CountsWhileThereIsNoJournalAndWritesOnceThereIs) {
    const test::TempDir dir;
    EventJournal journal(dir.path("socket"));
    journal.write(6, "daemon", "started", {});
    EXPECT_EQ(journal.lost(), 1U);
    const Service journald(dir.path("socket"));
    journal.write(4, "failed", "again", "line 1\nline 2");
    const auto entries = journald.read();
    ASSERT_EQ(entries.size(), 2U);
    // A value of several lines comes with its length.
    EXPECT_THAT(entries[1],
                HasSubstr(std::string("RUSTLAND_DUMP\n\x0d\0\0\0\0\0\0\0line 1\nline 2\n", 36)));
}

TEST(EventJournal, AnEntryThatIsTooLargeComesWithoutItsDump) {
    const test::TempDir dir;
    const Service journald(dir.path("socket"));
    EventJournal journal(dir.path("socket"));
    journal.write(4, "failed", "much to say", std::string(8U << 20U, 'x'));
    const auto entries = journald.read();
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_THAT(entries[0], HasSubstr("much to say"));
}

TEST(Notifier, TellsLaterWhatIsNotTakenNow) {
    const test::TempDir dir;
    const auto loop = *Loop::create();
    const Service manager(dir.path("notify"));
    const auto notifier = *Notifier::create(*loop, dir.path("notify"));
    fill(*notifier);
    for (int i = 0; i < 100; ++i)
        notifier->tell("STATUS=" + std::to_string(i));
    notifier->tell("READY=1");
    EXPECT_LE(notifier->waiting(), 16U);
    static_cast<void>(manager.read());
    std::vector<std::string> told;
    EXPECT_TRUE(test::run_until(*loop, [&] {
        for (std::string& state : manager.read())
            told.push_back(std::move(state));
        return !told.empty() && told.back() == "READY=1";
    }));
    EXPECT_EQ(told[told.size() - 2], "STATUS=99");
}

// Later it would say nothing.
TEST(Notifier, DoesNotKeepForLaterThatWeAreAlive) {
    const test::TempDir dir;
    const auto loop = *Loop::create();
    const Service manager(dir.path("notify"));
    const auto notifier = *Notifier::create(*loop, dir.path("notify"));
    fill(*notifier);
    const std::size_t before = notifier->waiting();
    notifier->keep_alive(seconds(60));
    EXPECT_EQ(notifier->waiting(), before);
}

TEST(Notifier, WhatCannotBeToldDoesNotHoldUpTheRest) {
    const test::TempDir dir;
    const auto loop = *Loop::create();
    const auto nobody = *Notifier::create(*loop, dir.path("notify"));
    nobody->tell("READY=1");
    EXPECT_EQ(nobody->waiting(), 0U);
    const Service manager(dir.path("notify"));
    const auto notifier = *Notifier::create(*loop, dir.path("notify"));
    notifier->tell("STATUS=" + std::string(8U << 20U, 'x')); // more than a datagram may have
    notifier->tell("READY=1");
    EXPECT_EQ(manager.read(), std::vector<std::string>{"READY=1"});
}

TEST(Notifier, SaysTwiceInEachSpanThatWeAreAlive) {
    const test::TempDir dir;
    const auto loop = *Loop::create();
    const Service manager(dir.path("notify"));
    const auto notifier = *Notifier::create(*loop, dir.path("notify"));
    // At once, after half a span and after a whole one; a busy machine may be late.
    constexpr Nanos span = seconds(2);
    const Nanos began = monotonic_now();
    notifier->keep_alive(span);
    std::vector<std::string> beats;
    EXPECT_TRUE(test::run_until(
        *loop,
        [&] {
            for (std::string& state : manager.read())
                beats.push_back(std::move(state));
            return beats.size() >= 3;
        },
        span * 2 - millis(100)));
    EXPECT_THAT(beats, testing::Each("WATCHDOG=1"));
    EXPECT_GE(monotonic_now() - began, span - millis(100)) << "and no more often";
    const auto nobody = *Notifier::create(*loop, "");
    nobody->tell("READY=1");
    nobody->keep_alive({});
    EXPECT_EQ(nobody->waiting(), 0U);
}
