// SPDX-License-Identifier: GPL-2.0-only
#include "shares/description.hpp"
#include "shares/draw.hpp"
#include "shares/words.hpp"

#include "rustland/common/file.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

using namespace rustland;
using namespace rustland::shares;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

constexpr const char* kTwoGroups = "config two light and heavy\n"
                                   "cgroup low weight=100\n"
                                   "cgroup high weight=300\n"
                                   "task low hog count=4\n"
                                   "task high sleeper work=1ms every=3ms nice=5\n";

std::vector<Configuration> parsed(const std::string& text) {
    auto all = parse(text);
    EXPECT_TRUE(all) << (all ? "" : all.error().message());
    return all ? *std::move(all) : std::vector<Configuration>{};
}

std::string refusal(const std::string& text) {
    const auto all = parse(text);
    return all ? "accepted" : all.error().message();
}

// The refusal of one line within a configuration that is right otherwise.
std::string refusal_of_line(const std::string& line) {
    return refusal(std::string(kTwoGroups) + "session own\n" + line + "\n");
}

} // namespace

TEST(SharesDescription, AConfigurationHasItsGroupsAndTasks) {
    const auto all = parsed(kTwoGroups);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].name, "two");
    EXPECT_EQ(all[0].about, "light and heavy");
    ASSERT_EQ(all[0].groups.size(), 2U);
    EXPECT_EQ(all[0].groups[1].path, "high");
    EXPECT_EQ(all[0].groups[1].kind, GroupKind::cgroup);
    EXPECT_EQ(all[0].groups[1].weight, 300U);
    ASSERT_EQ(all[0].tasks.size(), 2U);
    EXPECT_EQ(all[0].tasks[0].count, 4U);
    EXPECT_EQ(all[0].tasks[1].kind, TaskKind::sleeper);
    EXPECT_EQ(all[0].tasks[1].work, millis(1));
    EXPECT_EQ(all[0].tasks[1].every, millis(3));
    EXPECT_EQ(all[0].tasks[1].nice, 5);
}

TEST(SharesDescription, EachSettingIsRead) {
    const auto all = parsed("# a comment\n\n"
                            "config all of it\n"
                            "session s nice=-5\n"
                            "cgroup a idle max=150% period=50ms burst=5ms\n"
                            "cgroup b nice=5\n"
                            "scope b/c\n"
                            "task s hog policy=idle foreground\n"
                            "task s napper work=1ms nap=50us policy=batch\n"
                            "task a hog cpus=0,2 moves=b/c\n"
                            "task b/c storm work=500us alive=3\n"
                            "task b/c pair work=100us count=2\n");
    ASSERT_EQ(all.size(), 1U);
    const auto& groups = all[0].groups;
    const auto& tasks = all[0].tasks;
    EXPECT_EQ(groups[0].nice, -5);
    EXPECT_TRUE(groups[1].idle);
    EXPECT_EQ(groups[1].max, (Bandwidth{.percent = 150, .period = millis(50), .burst = millis(5)}));
    EXPECT_EQ(groups[2].nice, 5);
    EXPECT_EQ(groups[3].kind, GroupKind::scope);
    EXPECT_EQ(tasks[0].policy, TaskPolicy::idle);
    EXPECT_TRUE(tasks[0].foreground);
    EXPECT_EQ(tasks[1].policy, TaskPolicy::batch);
    EXPECT_EQ(tasks[1].nap, micros(50));
    EXPECT_THAT(tasks[2].cpus, ElementsAre(0, 2));
    EXPECT_EQ(tasks[2].moves, "b/c");
    EXPECT_EQ(tasks[3].alive, 3U);
    EXPECT_EQ(tasks[4].kind, TaskKind::pair);
    EXPECT_EQ(tasks[4].count, 2U);
}

TEST(SharesDescription, WhatItWritesItReads) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const Configuration tree = draw_tree(seed);
        EXPECT_THAT(parsed(to_text(tree)), ElementsAre(tree)) << to_text(tree);
    }
    const auto all = parsed("config c about it\n"
                            "session s nice=3\n"
                            "cgroup a idle max=150% period=50ms burst=5ms\n"
                            "task s hog policy=idle foreground\n"
                            "task a hog cpus=0,2 policy=batch\n");
    EXPECT_EQ(parsed(to_text(all.at(0))), all);
}

TEST(SharesDescription, TheConfigurationsOfTheVmTestAreRight) {
    const auto text = read_file(std::string(RUSTLAND_SOURCE_DIR) + "/tests/vm/shares.conf");
    ASSERT_TRUE(text) << text.error().message();
    const auto all = parsed(*text);
    EXPECT_GE(all.size(), 20U);
    for (const auto& one : all)
        EXPECT_FALSE(one.about.empty()) << one.name;
}

TEST(SharesDescription, ABadLineIsNamedWithItsNumber) {
    EXPECT_THAT(refusal("config c x\nsession s\ntask s hog cuont=3\n"),
                HasSubstr("line 3: cuont: 'cuont' is unknown for a hog"));
    EXPECT_EQ(refusal(""), "there is no configuration in it");
    EXPECT_THAT(refusal("session s\n"), HasSubstr("must come first"));
    EXPECT_THAT(refusal("config c x\nsession s\n"), HasSubstr("c: it has no task"));
    EXPECT_THAT(refusal(std::string(kTwoGroups) + kTwoGroups), HasSubstr("'two' already"));
}

TEST(SharesDescription, WrongGroupsAreRefused) {
    EXPECT_THAT(refusal_of_line("group x"), HasSubstr("'group' is not config"));
    EXPECT_THAT(refusal_of_line("cgroup low"), HasSubstr("'low' already"));
    EXPECT_THAT(refusal_of_line("cgroup ../x"), HasSubstr("no path"));
    EXPECT_THAT(refusal_of_line("cgroup x/y"), HasSubstr("described before"));
    EXPECT_THAT(refusal_of_line("cgroup own/y"), HasSubstr("must lie in a cgroup"));
    EXPECT_THAT(refusal_of_line("session low/y"), HasSubstr("cannot lie in another"));
    EXPECT_THAT(refusal_of_line("scope y"), HasSubstr("must lie in a cgroup"));
    EXPECT_THAT(refusal_of_line("cgroup x\ncgroup x/a\nscope x/b"), HasSubstr("side by side"));
    EXPECT_THAT(refusal_of_line("session x weight=100"), HasSubstr("unknown here"));
    EXPECT_THAT(refusal_of_line("cgroup x weight=0"), HasSubstr("from 1 to 10000"));
    EXPECT_THAT(refusal_of_line("cgroup x max=50"), HasSubstr("unknown here"));
    EXPECT_THAT(refusal_of_line("cgroup x period=50ms"), HasSubstr("belong to a max"));
}

TEST(SharesDescription, WrongTasksAreRefused) {
    EXPECT_THAT(refusal_of_line("task low cow"), HasSubstr("'cow' is no kind"));
    EXPECT_THAT(refusal_of_line("task none hog"), HasSubstr("'none' is not described"));
    EXPECT_THAT(refusal_of_line("cgroup low/x\ntask low/x hog"), HasSubstr("can have no task"));
    EXPECT_THAT(refusal_of_line("task low sleeper work=1ms"), HasSubstr("needs every=TIME"));
    EXPECT_THAT(refusal_of_line("task low napper work=1ms"), HasSubstr("needs nap=TIME"));
    EXPECT_THAT(refusal_of_line("task low storm"), HasSubstr("needs work=TIME"));
    EXPECT_THAT(refusal_of_line("task low hog work=1ms"), HasSubstr("unknown for a hog"));
    EXPECT_THAT(refusal_of_line("task low hog moves=own"), HasSubstr("not sessions"));
    EXPECT_THAT(refusal_of_line("task low pair work=1ms moves=high"), HasSubstr("only a hog"));
    EXPECT_THAT(refusal_of_line("task low hog policy=fifo"), HasSubstr("not batch or idle"));
    EXPECT_THAT(refusal_of_line("task low hog nice=20"), HasSubstr("from -20 to 19"));
    EXPECT_THAT(refusal_of_line("task low hog cpus=0,,1"), HasSubstr("from 0 to 1023"));
}

TEST(SharesDescription, TimesHaveAUnit) {
    const auto time = [](std::string_view text) {
        Nanos value{};
        return read_time(text, value) ? value : Nanos{-1};
    };
    EXPECT_EQ(time("50us"), micros(50));
    EXPECT_EQ(time("3ms"), millis(3));
    EXPECT_EQ(time("2s"), seconds(2));
    EXPECT_EQ(time("7ns"), Nanos{7});
    for (const char* bad : {"", "s", "3", "0ms", "-1ms", "1.5ms", "3 ms", "1001s", "ms3"})
        EXPECT_EQ(time(bad), Nanos{-1}) << bad;
    EXPECT_EQ(time_text(micros(1500)), "1500us");
    EXPECT_EQ(time_text(millis(3)), "3ms");
    EXPECT_EQ(time_text(seconds(2)), "2s");
}

TEST(SharesDescription, AGroupIsWithinItselfAndItsParents) {
    EXPECT_TRUE(within("a/b", "a"));
    EXPECT_TRUE(within("a", "a"));
    EXPECT_FALSE(within("ab", "a"));
    EXPECT_FALSE(within("a", "a/b"));
    EXPECT_FALSE(within("", "a"));
}

TEST(SharesDraw, TheSameSeedDrawsTheSameTree) {
    EXPECT_EQ(draw_tree(7), draw_tree(7));
    std::set<std::string> texts;
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
        texts.insert(to_text(draw_tree(seed)));
    EXPECT_EQ(texts.size(), 20U);
}

TEST(SharesDraw, EachTreeCanBeRunAndHasSomethingToDivide) {
    std::set<TaskKind> kinds;
    std::size_t deepest = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        const Configuration tree = draw_tree(seed);
        EXPECT_TRUE(parse(to_text(tree))) << to_text(tree);
        unsigned tasks = 0;
        bool busy = false;
        for (const TaskLine& line : tree.tasks) {
            tasks += line.count;
            busy = busy || line.kind == TaskKind::hog;
            kinds.insert(line.kind);
            const auto slashes = std::count(line.group.begin(), line.group.end(), '/');
            deepest = std::max(deepest, static_cast<std::size_t>(slashes) + 1);
        }
        EXPECT_TRUE(busy) << to_text(tree);
        EXPECT_LE(tasks, 44U);
        EXPECT_GE(tree.groups.size(), 2U);
    }
    EXPECT_EQ(kinds.size(), 5U);
    EXPECT_EQ(deepest, 3U);
}
