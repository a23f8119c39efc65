// SPDX-License-Identifier: GPL-2.0-only
// Which processes belong to which workload.
#include "supervisor/core/workloads.hpp"

#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::supervisor;

namespace {

ProcessInfo proc(int pid, const std::string& comm, std::uint64_t start = 1) {
    ProcessInfo p;
    p.key = {Pid{pid}, start};
    p.comm = comm;
    return p;
}

std::string text(const std::vector<Event>& events) {
    std::string out;
    for (const Event& e : events) {
        if (const auto* s = std::get_if<event::WorkloadStarted>(&e))
            out += "+" + s->rule;
        if (const auto* s = std::get_if<event::WorkloadJoined>(&e))
            out += "*" + s->rule;
        if (const auto* s = std::get_if<event::WorkloadEnded>(&e))
            out += "-" + s->rule;
    }
    return out;
}

class Membership : public testing::Test {
  protected:
    bool judge(const ProcessInfo& p) {
        events.clear();
        return workloads.judge(matcher, p, events);
    }
    static Matcher make() {
        const BuiltConfig built =
            build_config({parse_ini("[workload a]\ncomm = game\n[workload b]\ncomm = game2\n"
                                    "[workload no]\ncomm = helper\ndeny = yes\n",
                                    "f")},
                         [](const std::string&) { return std::optional<uid_t>(); });
        return Matcher(built.config.rules);
    }
    Matcher matcher = make();
    Workloads workloads;
    std::vector<Event> events;
};

} // namespace

TEST_F(Membership, TheFirstProcessBeginsAndTheLastEndsAWorkload) {
    EXPECT_TRUE(judge(proc(1, "game")));
    EXPECT_EQ(text(events), "+a");
    EXPECT_TRUE(judge(proc(2, "game")));
    EXPECT_EQ(text(events), "*a") << "another game";
    events.clear();
    workloads.gone({Pid{1}, 1}, events);
    EXPECT_EQ(text(events), "");
    workloads.gone({Pid{2}, 1}, events);
    EXPECT_EQ(text(events), "-a");
    EXPECT_TRUE(workloads.empty());
}

TEST_F(Membership, AWorkloadIsKnownByItsGameAndNotByItsLauncher) {
    EXPECT_EQ(workloads.face("a"), nullptr);
    const auto child = [&](int pid, const std::string& program, std::uint64_t start) {
        ProcessInfo p = proc(pid, program.substr(0, 15), start);
        p.argv = {"/g/" + program};
        p.ancestors.push_back({{Pid{1}, 1}, "game", {}, {}});
        judge(p);
    };
    ProcessInfo reaper = proc(1, "game", 1);
    reaper.argv = {"reaper", "SteamLaunch"}; // as it calls itself
    judge(reaper);
    EXPECT_EQ(workloads.face("a")->name, "reaper") << "what there is";
    child(2, "python3.11", 2);
    child(3, "a-long-name-of-a-game", 3);
    child(4, "another", 4);
    EXPECT_EQ(workloads.face("a")->name, "a-long-name-of-a-game");
    child(5, "The Game.exe", 5);
    child(6, "explorer.exe", 4);
    EXPECT_EQ(workloads.face("a")->name, "The Game.exe");
    EXPECT_EQ(workloads.face("b"), nullptr);
}

TEST_F(Membership, AnotherGameJoinsAndTheProcessesOfTheFirstDoNot) {
    judge(proc(1, "game"));
    ProcessInfo child = proc(2, "game");
    child.ancestors.push_back({{Pid{1}, 1}, "game", {}, std::nullopt});
    judge(child);
    EXPECT_EQ(text(events), "") << "of the same tree";
    ProcessInfo helper = proc(3, "game");
    helper.argv = {"C:\\windows\\system32\\explorer.exe"};
    judge(helper);
    EXPECT_EQ(text(events), "") << "no game by its name";
    judge(proc(4, "game2"));
    EXPECT_EQ(text(events), "+b");
    judge(proc(5, "game"));
    EXPECT_EQ(text(events), "*a");
    judge(proc(5, "game"));
    EXPECT_EQ(text(events), "") << "known already";
}

TEST_F(Membership, ARenameNeverReleases) {
    judge(proc(1, "game"));
    EXPECT_FALSE(judge(proc(1, "GameThread")));
    EXPECT_EQ(text(events), "");
    EXPECT_EQ(workloads.find(Pid{1})->comm, "GameThread");
    EXPECT_FALSE(judge(proc(1, "helper"))) << "not even to a denied name";
    EXPECT_FALSE(workloads.empty());
}

TEST_F(Membership, AReusedPidIsAnotherProcess) {
    judge(proc(1, "game", 5));
    EXPECT_FALSE(judge(proc(1, "bash", 9)));
    EXPECT_EQ(text(events), "-a");
    judge(proc(1, "game", 10));
    events.clear();
    workloads.gone({Pid{1}, 9}, events);
    EXPECT_EQ(text(events), "") << "a late exit of the old one";
}

TEST_F(Membership, ChildrenBelongUnlessDenied) {
    judge(proc(1, "game"));
    ProcessInfo child = proc(2, "worker");
    child.ancestors.push_back({{Pid{1}, 1}, "game", {}, std::nullopt});
    EXPECT_TRUE(judge(child));
    EXPECT_TRUE(workloads.find(Pid{2})->inherited);
    ProcessInfo helper = proc(3, "helper");
    helper.ancestors = child.ancestors;
    EXPECT_FALSE(judge(helper));
    ProcessInfo stranger = proc(4, "worker");
    stranger.ancestors.push_back({{Pid{1}, 7}, "game", {}, std::nullopt});
    EXPECT_FALSE(judge(stranger)) << "its ancestor only has the same number";
    events.clear();
    workloads.gone({Pid{1}, 1}, events);
    EXPECT_EQ(text(events), "") << "the child goes on";
    EXPECT_EQ(workloads.active().at("a"), 1);
}

TEST_F(Membership, AChildMayMatchARuleOfItsOwn) {
    judge(proc(1, "game"));
    ProcessInfo child = proc(2, "game2");
    child.ancestors.push_back({{Pid{1}, 1}, "game", {}, std::nullopt});
    judge(child);
    EXPECT_EQ(text(events), "+b");
}

TEST_F(Membership, AReloadDropsTheMembersOfARuleThatIsGone) {
    judge(proc(1, "game"));
    judge(proc(2, "game2"));
    events.clear();
    std::vector<Rule> rules;
    for (const Rule& rule : matcher.rules())
        if (rule.name != "a")
            rules.push_back(rule);
    workloads.keep_rules(Matcher(rules), events);
    EXPECT_EQ(text(events), "-a");
    EXPECT_EQ(workloads.members().size(), 1U);
}
