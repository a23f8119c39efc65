// SPDX-License-Identifier: GPL-2.0-only
// What is said of command lines that are not understood.
#include "rustland/common/number_option.hpp"
#include "rustland/common/usage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rustland;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

// A program with commands, options with and without values, and a command that takes another's
// words.
class Usage : public testing::Test {
  protected:
    Usage() {
        app.add_option("--socket", socket);
        app.add_option("--hidden", socket)->group("");
        app.require_subcommand(1);
        for (const char* name : {"status", "start", "stop", "list"})
            app.add_subcommand(name)->add_flag("--json", json);
        CLI::App* const top = app.add_subcommand("top");
        add_number(*top, "-d,--interval", interval, 0.1, 60, "");
        CLI::App* const run = app.add_subcommand("run");
        run->add_option("command", command)->required();
        run->positionals_at_end();
    }
    // Empty where the line is accepted.
    std::string said(std::vector<const char*> words) {
        words.insert(words.begin(), "prog");
        const int count = static_cast<int>(words.size());
        try {
            app.parse(count, words.data());
        } catch (const CLI::ParseError& e) {
            return usage_sentence(app, e, count, words.data());
        }
        return "";
    }

    CLI::App app{"", "prog"};
    std::string socket;
    bool json = false;
    double interval = 1;
    std::vector<std::string> command;
};

} // namespace

TEST(ClosestWords, AreThoseThatASlipOfTheFingersMakes) {
    const std::vector<std::string> known{"status",  "start",        "stop",
                                         "restart", "reset-failed", "reload"};
    EXPECT_THAT(closest_words("stauts", known), ElementsAre("status"));
    EXPECT_THAT(closest_words("STATUS", known), ElementsAre("status"));
    EXPECT_THAT(closest_words("reset-faild", known), ElementsAre("reset-failed"));
    EXPECT_THAT(closest_words("rel", known), ElementsAre("reload")) << "the beginning of one";
    EXPECT_THAT(closest_words("sta", known), ElementsAre("status", "start"));
    EXPECT_THAT(closest_words("dance", known), IsEmpty());
    EXPECT_THAT(closest_words("", known), IsEmpty());
    EXPECT_THAT(closest_words(std::string(100'000, 's'), known), IsEmpty());
    EXPECT_EQ(proposal("sta", known), "; is status or start meant?");
    EXPECT_EQ(proposal("dance", known), "");
}

TEST_F(Usage, SaysWhatIsTooMuchAndWhatIsMissing) {
    EXPECT_EQ(said({"status", "extra"}), "prog status: takes no 'extra' (see prog status --help)");
    EXPECT_EQ(said({"status", "a", "b"}), "prog status: takes no 'a' (see prog status --help)");
    EXPECT_EQ(said({"--socket"}), "prog: --socket: its TEXT is missing (see prog --help)");
}

TEST_F(Usage, ProposesTheCommandThatWasMeant) {
    EXPECT_EQ(said({"status"}), "");
    EXPECT_EQ(said({"stauts"}),
              "prog: there is no command 'stauts'; is status meant? (see prog --help)");
    EXPECT_EQ(said({"STATUS"}),
              "prog: there is no command 'STATUS'; is status meant? (see prog --help)");
    EXPECT_EQ(said({"dance"}), "prog: there is no command 'dance' (see prog --help)");
    EXPECT_EQ(said({}), "prog: a command is missing (see prog --help)");
    EXPECT_EQ(said({"--socket", "stauts"}), "prog: a command is missing (see prog --help)")
        << "a value is no command";
}

TEST_F(Usage, ProposesTheOptionThatWasMeant) {
    EXPECT_EQ(said({"--sokcet", "x", "status"}),
              "prog: there is no option '--sokcet'; is --socket meant? (see prog --help)");
    EXPECT_EQ(said({"--sokcet=x", "status"}),
              "prog: there is no option '--sokcet'; is --socket meant? (see prog --help)");
    EXPECT_EQ(said({"status", "--jsno"}), "prog status: there is no option '--jsno'; is --json "
                                          "meant? (see prog status --help)");
    EXPECT_EQ(said({"--hiden", "x", "status"}),
              "prog: there is no option '--hiden' (see prog --help)")
        << "one that no help shows";
    EXPECT_EQ(said({"-x", "status"}), "prog: there is no option '-x' (see prog --help)");
}

TEST_F(Usage, NamesTheProgramAndTheCommandOfEveryMistake) {
    EXPECT_EQ(said({"top", "-d", "abc"}), "prog top: --interval: 'abc' is not a number from 0.1 to "
                                          "60 (see prog top --help)");
    EXPECT_EQ(said({"run"}), "prog run: command is missing (see prog run --help)");
    EXPECT_EQ(said({"run", "sh", "--stauts"}), "") << "another program's word";
}
