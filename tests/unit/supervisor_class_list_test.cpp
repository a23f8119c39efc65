// SPDX-License-Identifier: GPL-2.0-only
// Which processes the scheduler is told the class of.
#include "supervisor/core/class_list.hpp"

#include <gmock/gmock.h>

using namespace rustland;
using namespace rustland::supervisor;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

Config config_with_classes() {
    Config config;
    for (const auto& [name, task_class] : {std::pair{"game", WorkloadClass::Foreground},
                                           std::pair{"build", WorkloadClass::Background},
                                           std::pair{"plain", WorkloadClass::Normal}}) {
        Rule rule;
        rule.name = name;
        rule.workload_class = task_class;
        config.rules.push_back(rule);
    }
    return config;
}

ProcessKey key(int pid, std::uint64_t start = 0) {
    return {Pid{pid}, start == 0 ? static_cast<std::uint64_t>(pid) : start};
}

Member member(int pid, int parent, uid_t user = 1000, const std::string& rule = "game") {
    return {key(pid), rule, "x", false, parent > 0 ? key(parent) : ProcessKey{}, user};
}

ClassList listed(const std::vector<Member>& members, const std::vector<HeldProcess>& held = {}) {
    static const Config config = config_with_classes();
    return class_list(members, config, held);
}

} // namespace

TEST(ClassList, OnlyRootsAreListed) {
    const ClassList list =
        listed({member(10, 1), member(11, 10), member(12, 11), member(20, 0), member(30, 999)});
    EXPECT_THAT(list.classes.foreground, ElementsAre(Pid{10}, Pid{20}, Pid{30}));
    EXPECT_THAT(list.classes.background, IsEmpty());
}

TEST(ClassList, AMemberWhoseParentHasEndedOrIsOfAnotherClassIsARoot) {
    std::vector<Member> members{member(11, 10), member(12, 11, 1000, "build"),
                                member(13, 12, 1000, "build"), member(14, 13, 1000, "plain")};
    EXPECT_THAT(listed(members).classes.foreground, ElementsAre(Pid{11}));
    EXPECT_THAT(listed(members).classes.background, ElementsAre(Pid{12}));
    // The number of its parent was used again.
    members = {{key(10, 500), "game", "x", false, {}, 1000}, member(11, 10)};
    EXPECT_THAT(listed(members).classes.foreground, ElementsAre(Pid{10}, Pid{11}));
}

TEST(ClassList, ALongChainIsListedAgainWithinTheSchedulersReach) {
    std::vector<Member> chain;
    for (int pid = 1; pid <= 10'000; ++pid)
        chain.push_back(member(pid, pid - 1));
    const std::vector<Pid> roots = listed(chain).classes.foreground;
    ASSERT_FALSE(roots.empty());
    EXPECT_EQ(roots.front(), Pid{1});
    for (std::size_t i = 1; i < roots.size(); ++i)
        ASSERT_LE(roots[i].value - roots[i - 1].value, 15);
}

TEST(ClassList, ThousandsOfProcessesOfOneWorkloadAreOneRoot) {
    std::vector<Member> members{member(2, 1, 1001)};
    for (int pid = 3; pid < 10'000; ++pid)
        members.push_back(member(pid, 2, 1001));
    members.push_back(member(20'000, 1, 1000));
    const ClassList list = listed(members);
    EXPECT_THAT(list.classes.foreground, ElementsAre(Pid{2}, Pid{20'000}));
    EXPECT_THAT(list.cut, IsEmpty());
}

TEST(ClassList, OneUsersRootsLeaveTheOthersTheirs) {
    std::vector<Member> members;
    for (int pid = 2; pid < 6'000; ++pid)
        members.push_back(member(pid, 1, 1001));
    members.push_back(member(20'000, 1, 1000));
    const ClassList list = listed(members, {{key(30'000), 1002}});
    EXPECT_EQ(list.classes.foreground.size(), kMostClassedPerUser + 2);
    EXPECT_EQ(list.classes.foreground.front(), Pid{2}) << "the older ones";
    EXPECT_EQ(list.classes.foreground.at(kMostClassedPerUser), Pid{20'000});
    EXPECT_THAT(list.cut, ElementsAre(1001));
}

TEST(ClassList, ManyUsersShareWhatThereIs) {
    std::vector<Member> members;
    int pid = 2;
    for (uid_t user = 100'000; user < 100'064; ++user)
        for (int i = 0; i < 400; ++i)
            members.push_back(member(pid++, 1, user));
    members.push_back(member(pid, 1, 1000));
    const ClassList list = listed(members);
    EXPECT_LE(list.classes.foreground.size(), kMostClassed);
    EXPECT_EQ(list.classes.foreground.back(), Pid{pid})
        << "the youngest of all, but its user's only";
}

TEST(ClassList, AHeldProcessIsForegroundWhateverARuleSays) {
    const ClassList list = listed({member(10, 1, 1000, "build")}, {{key(10), 1000}});
    EXPECT_THAT(list.classes.foreground, ElementsAre(Pid{10}));
    EXPECT_THAT(list.classes.background, IsEmpty());
}
