// SPDX-License-Identifier: GPL-2.0-only
// Commands that are read on the event loop, with scripts that play journalctl.
#include "supervisor/system/journal.hpp"
#include "support/temp_dir.hpp"
#include "support/wait.hpp"

#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <optional>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace rustland;
using namespace rustland::supervisor;

namespace {

class CommandOutputTest : public testing::Test {
  protected:
    CommandOutputTest() : loop(*Loop::create()) {}

    std::string script(const std::string& text) {
        const std::string path = dir.write("journalctl", "#!/bin/sh\n" + text);
        EXPECT_EQ(::chmod(path.c_str(), 0755), 0);
        return path;
    }
    void start(const std::string& text, CommandLimits limits = {}) {
        auto made = CommandOutput::start(*loop, {script(text)}, limits,
                                         {[this](std::string out) { output = std::move(out); },
                                          [this] {
                                              gone = true;
                                              command.reset();
                                          }});
        ASSERT_TRUE(made) << made.error().message();
        command = *std::move(made);
    }
    template <typename Done> bool until(const Done& done) { return test::run_until(*loop, done); }
    // The process that wrote its number into the file `pid`.
    [[nodiscard]] bool alive() const {
        pid_t pid = 0;
        std::ifstream(dir.path("pid")) >> pid;
        return pid > 0 && ::kill(pid, 0) == 0;
    }
    // Writes its number once it runs, and then neither ends nor says more.
    [[nodiscard]] std::string stuck() const {
        return "echo words\necho $$ >" + dir.path("pid.new") + "\nmv " + dir.path("pid.new") + " " +
               dir.path("pid") + "\nexec sleep 1000\n";
    }

    test::TempDir dir;
    std::unique_ptr<Loop> loop;
    std::unique_ptr<CommandOutput> command;
    std::optional<std::string> output;
    bool gone = false;
};

} // namespace

TEST_F(CommandOutputTest, IsHandedOverWhenTheCommandHasEnded) {
    start("echo one; echo error >&2; echo two; exit 3");
    EXPECT_FALSE(output) << "from the loop alone";
    ASSERT_TRUE(until([&] { return gone; }));
    EXPECT_EQ(output, "one\ntwo\n");
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "waited for";
}

TEST_F(CommandOutputTest, OfALotTheEndIsKept) {
    start("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done", {100, seconds(60)});
    ASSERT_TRUE(until([&] { return gone; }));
    EXPECT_EQ(output->size(), 100U);
    EXPECT_TRUE(output->ends_with("line 19998\nline 19999\n")) << *output;
}

TEST_F(CommandOutputTest, OneThatDoesNotEndIsKilledAtTheDeadline) {
    start(stuck(), {100, millis(500)});
    int turns = 0; // of the loop, which nothing holds up
    auto timer = loop->timer([&] { ++turns; });
    ASSERT_TRUE(timer);
    for (int i = 0; i < 10; ++i) {
        timer->arm(monotonic_now());
        ASSERT_TRUE(until([&] { return turns > i; }));
    }
    EXPECT_FALSE(output);
    ASSERT_TRUE(until([&] { return gone; }));
    EXPECT_FALSE(alive());
    EXPECT_TRUE(output) << "with as much as there was";
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "waited for";
}

TEST_F(CommandOutputTest, EndsWithItsOwner) {
    start(stuck(), {100, seconds(60)});
    ASSERT_TRUE(until([&] { return alive(); }));
    command.reset();
    ::waitpid(-1, nullptr, 0); // where it did not die at once
    EXPECT_FALSE(alive());
    EXPECT_FALSE(output);
}

TEST_F(CommandOutputTest, TheJournalIsAskedForOneRunOfOneUnit) {
    JournalReader journal(*loop, script("for word; do echo \"$word\"; done"), seconds(60));
    journal.read("x.service", "ab12", [this](std::string out) { output = std::move(out); });
    ASSERT_TRUE(until([&] { return output.has_value(); }));
    EXPECT_NE(output->find("\n_SYSTEMD_UNIT=x.service\n_SYSTEMD_INVOCATION_ID=ab12\n"),
              std::string::npos)
        << *output;
    output.reset();
    JournalReader missing(*loop, dir.path("no-such-program"));
    missing.read("x.service", "", [this](std::string out) { output = std::move(out); });
    EXPECT_EQ(output, "") << "nothing is waited for";
}

TEST_F(CommandOutputTest, AStuckJournalIsReadByAFewAtMost) {
    JournalReader journal(*loop, script(stuck()), seconds(60));
    int answers = 0;
    for (int i = 0; i < 6; ++i)
        journal.read("x.service", "", [&](const std::string&) { ++answers; });
    EXPECT_EQ(answers, 2) << "four wait, the others do without";
}
