// SPDX-License-Identifier: GPL-2.0-only
#include "bench/bound.hpp"
#include "bench/cell.hpp"
#include "bench/load_plan.hpp"
#include "bench/places.hpp"
#include "rustland/common/file.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rustland::bench;
using testing::HasSubstr;

namespace {

std::string refusal(const char* text) {
    const auto cell = parse_cell(text);
    return cell ? "accepted" : cell.error().message();
}

Cell cell_of(const char* text) {
    const auto cell = parse_cell(text);
    EXPECT_TRUE(cell) << text;
    return cell.value_or(Cell{});
}

} // namespace

TEST(Cell, NamesHoldEveryParameter) {
    for (const GameFamily game : game_families())
        for (const LoadFamily load : load_families())
            for (const auto setup : setups()) {
                if (!undefined_because(load, setup).empty())
                    continue;
                const Cell cell{default_game(game), default_load(load, 5), setup};
                const auto read = parse_cell(to_string(cell));
                ASSERT_TRUE(read) << to_string(cell);
                EXPECT_EQ(*read, cell) << to_string(cell);
                EXPECT_EQ(*parse_cell(short_name(cell)), cell);
                EXPECT_EQ(table_name(cell), short_name(cell));
            }
}

TEST(Cell, TakesTheFamiliesFiguresAndReplacesSome) {
    const Cell cell =
        cell_of("heavy,main=3.25,workers=4/compile:8,nap=0,max=0.1,min=0.1@app-slice");
    EXPECT_EQ(cell.game.main_us, 3250U);
    EXPECT_EQ(cell.game.workers, 4U);
    EXPECT_EQ(cell.game.worker_us, 1000U);
    EXPECT_EQ(cell.load.slots, 8U);
    EXPECT_EQ(cell.load.nap_us, 0U);
    EXPECT_EQ(cell.load.max_us, 100U);
    EXPECT_EQ(cell.setup, Setup::AppSlice);
    EXPECT_EQ(table_name(cell), to_string(cell));
    EXPECT_EQ(*parse_cell(to_string(cell)), cell);
    EXPECT_EQ(cell_of("light/none").load, LoadSpec{});
}

TEST(Cell, RefusesWhatItDoesNotUnderstandAndSaysWhatToWrite) {
    EXPECT_THAT(refusal(""), HasSubstr("heavy/compile:8"));
    EXPECT_THAT(refusal("heavy"), HasSubstr("heavy/compile:8"));
    EXPECT_THAT(refusal("huge/compile:8"), HasSubstr("light, heavy"));
    EXPECT_THAT(refusal("heavy/make:8"), HasSubstr("compile, naps"));
    EXPECT_THAT(refusal("heavy/compile"), HasSubstr("compile:8"));
    EXPECT_THAT(refusal("heavy/compile:0"), HasSubstr("1 to 1024"));
    EXPECT_THAT(refusal("heavy/compile:8x"), HasSubstr("8x"));
    EXPECT_THAT(refusal("heavy/none:3"), HasSubstr("none"));
    EXPECT_THAT(refusal("heavy/compile:8@session"), HasSubstr("one-session"));
    EXPECT_THAT(refusal("heavy,mian=3/hog:8"), HasSubstr("main"));
    EXPECT_THAT(refusal("heavy,main/hog:8"), HasSubstr("main"));
    EXPECT_THAT(refusal("heavy,main=/hog:8"), HasSubstr("0.1 to 40"));
    EXPECT_THAT(refusal("heavy,main=1.2345/hog:8"), HasSubstr("3 decimals"));
    EXPECT_THAT(refusal("heavy,main=99999999999/hog:8"), HasSubstr("0.1 to 40"));
    EXPECT_THAT(refusal("heavy,main=-1/hog:8"), HasSubstr("0.1 to 40"));
    EXPECT_THAT(refusal("heavy,workers=17/hog:8"), HasSubstr("0 to 16"));
    EXPECT_THAT(refusal("heavy,workers=0/hog:8"), HasSubstr("waves"));
    EXPECT_THAT(refusal("heavy,play=1000/hog:8"), HasSubstr("no parameter of heavy"));
    EXPECT_THAT(refusal("heavy/hog:8,nap=1"), HasSubstr("no parameter of hog"));
    EXPECT_THAT(refusal("heavy/storm:8,min=2,max=1"), HasSubstr("min is above max"));
    EXPECT_THAT(refusal("heavy/shader:4@sessions"), HasSubstr("cannot be split"));
}

TEST(LoadPlan, JobsAreLogarithmicallyUniformAndRepeat) {
    LoadSpec load = default_load(LoadFamily::Compile, 8);
    int below_middle = 0;
    constexpr int kJobs = 2000;
    const double middle = std::sqrt(10.0 * 75.0);
    for (std::uint64_t job = 0; job < kJobs; ++job) {
        const auto work = job_iterations(load, 1, 2, job, 1000);
        EXPECT_EQ(work, job_iterations(load, 1, 2, job, 1000));
        EXPECT_GE(work, 9999U); // of 1,000 a millisecond; the last digit is rounded
        EXPECT_LE(work, 75'000U);
        below_middle += static_cast<double>(work) < middle * 1000 ? 1 : 0;
    }
    EXPECT_NEAR(below_middle, kJobs / 2, kJobs / 20);
    EXPECT_NE(job_iterations(load, 1, 2, 0, 1000), job_iterations(load, 1, 3, 0, 1000));
}

TEST(GroupTree, AppSliceHasOneGroupAndCgroupsHaveTwo) {
    const GroupTree app = group_tree(Setup::AppSlice);
    // Only what is a child of a controlled folder is a group to the scheduler.
    EXPECT_THAT(app.controlled, testing::ElementsAre(""));
    EXPECT_EQ(app.game, "/app.slice/game.scope");
    EXPECT_EQ(app.load, "/app.slice/load.scope");
    EXPECT_EQ(app.desktop, "/session.slice");
    const GroupTree two = group_tree(Setup::Cgroups);
    EXPECT_EQ(two.game, "/game");
    EXPECT_EQ(two.load, "/load");
    for (const GroupTree& tree : {app, two})
        for (const std::string& folder : {tree.game, tree.load, tree.desktop})
            EXPECT_THAT(tree.folders, testing::Contains(folder));
    EXPECT_TRUE(group_tree(Setup::Sessions).folders.empty());
}

TEST(Places, SessionsNeedAutogroup) {
    const rustland::test::TempDir dir;
    dir.write("autogroup", "0\n");
    const auto refused =
        Places::create(rustland::bench::Setup::Sessions, "/nowhere", dir.path("autogroup"));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("@cgroups"));
    dir.write("autogroup", "1\n");
    const auto places =
        Places::create(rustland::bench::Setup::Sessions, "/nowhere", dir.path("autogroup"));
    ASSERT_TRUE(places);
    EXPECT_TRUE(places->game().own_session);
    EXPECT_TRUE(places->load().own_session);
    // In one session only the desktop is apart, whether that makes it a group or not.
    const auto one = Places::create(rustland::bench::Setup::OneSession, "/nowhere", "/nowhere");
    ASSERT_TRUE(one);
    EXPECT_FALSE(one->game().own_session);
    EXPECT_TRUE(one->desktop().own_session);
}

TEST(Places, WhatCannotBeMadeIsSaidAndNothingStays) {
    const rustland::test::TempDir dir;
    const auto refused = Places::create(rustland::bench::Setup::Cgroups, dir.root());
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("setup cgroups"));
    EXPECT_THAT(refused.error().message(), HasSubstr("no control groups"));
    // A folder that is no file system of control groups has no files in new folders: the first
    // group is made, its controllers cannot be set, and it is removed again.
    dir.write("cgroup.controllers", "cpuset cpu io\n");
    dir.write("cgroup.subtree_control", "cpuset io\n");
    EXPECT_FALSE(Places::create(rustland::bench::Setup::AppSlice, dir.root()));
    for (const auto& entry : std::filesystem::directory_iterator(dir.root()))
        EXPECT_FALSE(entry.is_directory()) << entry.path();
    // What was switched on for it is switched off again.
    EXPECT_THAT(*rustland::read_file(dir.path("cgroup.subtree_control")), HasSubstr("-cpu"));
}

TEST(EqualShare, GivesToThoseWhoWantLittleWhatTheyWant) {
    EXPECT_TRUE(std::isinf(equal_share({{0.5, 2}, {0.1, 3}}, 4)));
    EXPECT_DOUBLE_EQ(equal_share({{1.0, 8}}, 4), 0.5);
    // 0.2 for one, and 3.8 for eight.
    EXPECT_DOUBLE_EQ(equal_share({{1.0, 8}, {0.2, 1}}, 4), 3.8 / 8);
    EXPECT_DOUBLE_EQ(equal_share({{0.5, 1}, {1.0, 0}, {1.0, 1}}, 1), 0.5);
    EXPECT_TRUE(std::isinf(equal_share({}, 1)));
    EXPECT_TRUE(std::isinf(equal_share({{0.1, 10}}, 1))); // they just fit
}

TEST(EqualShare, BoundsTheRateOfAGame) {
    EXPECT_DOUBLE_EQ(equal_share_fps(cell_of("heavy/none"), 4), 60);
    // 5.8 ms a frame, a share of 4 CPUs among 9 tasks of which few want theirs: it is enough.
    EXPECT_DOUBLE_EQ(equal_share_fps(cell_of("heavy/compile:8"), 4), 60);
    // Among 17 it is not: (4 - desktop, audio and workers) / 17 of a CPU for the main thread.
    const double left = 4 - 0.5 * 0.06 - 0.1 * 0.1875 - 0.25 * 0.1875 - 2 * 0.06;
    EXPECT_NEAR(equal_share_fps(cell_of("heavy/hog:16"), 4), left / 17 / 0.0058, 0.01);
    // In a group of its own the game does not compete with so many.
    for (const char* setup : {"sessions", "cgroups"})
        EXPECT_DOUBLE_EQ(
            equal_share_fps(cell_of(("heavy/hog:16@" + std::string(setup)).c_str()), 4), 60);
    EXPECT_LT(equal_share_fps(cell_of("heavy/hog:16@app-slice"), 4), 45);
    // One that wants more than its group's half suffers there, too.
    EXPECT_LT(equal_share_fps(cell_of("jobs,workers=16,worker=2/hog:8@cgroups"), 4), 60);
    // Threads inside of the game's process are in its group.
    EXPECT_LT(equal_share_fps(cell_of("heavy/shader:16"), 4), 45);
}
