// SPDX-License-Identifier: GPL-2.0-only
// What DRM drivers tell in fdinfo, by records of real ones.
#include "supervisor/match/gpu_use.hpp"
#include "supervisor/system/gpu_reader.hpp"

#include "support/proc_fixture.hpp"
#include "support/recorded_fdinfo.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::supervisor;

namespace {

const ProcessKey kGame{Pid{50}, 1};

namespace fdinfo = test::fdinfo;

std::string ns(std::uint64_t value) { return fmt::format("{} ns", value); }

// The records with other counters.
std::string amdgpu(std::uint64_t gfx_ns, int client = 217) {
    return fdinfo::with(fdinfo::with(fdinfo::kAmdgpu, "drm-engine-gfx", ns(gfx_ns)),
                        "drm-client-id", std::to_string(client));
}
std::string i915(std::uint64_t render_ns, std::uint64_t video_ns) {
    std::string text = fdinfo::with(fdinfo::kI915, "drm-engine-render", ns(render_ns));
    for (const char* other : {"copy", "video", "video-enhance"})
        text = fdinfo::with(text, fmt::format("drm-engine-{}", other), ns(video_ns));
    return text;
}
// Whose engines for video are busy all the time.
std::string xe(std::uint64_t cycles, std::uint64_t total) {
    std::string text(fdinfo::kXe);
    for (const char* engine : {"rcs", "bcs", "vcs", "vecs", "ccs"})
        text =
            fdinfo::with(text, fmt::format("drm-total-cycles-{}", engine), std::to_string(total));
    text = fdinfo::with(text, "drm-cycles-vcs", std::to_string(total));
    text = fdinfo::with(text, "drm-cycles-ccs", std::to_string(cycles));
    return fdinfo::with(text, "drm-cycles-rcs", std::to_string(cycles));
}
std::string msm(std::uint64_t busy_ns) {
    return fdinfo::with(fdinfo::kMsm, "drm-engine-gpu", ns(busy_ns));
}
std::string panfrost(std::uint64_t fragment_ns, std::uint64_t vertex_ns) {
    return fdinfo::with(fdinfo::with(fdinfo::kPanfrost, "drm-engine-fragment", ns(fragment_ns)),
                        "drm-engine-vertex-tiler", ns(vertex_ns));
}
std::string panthor(std::uint64_t busy_ns) {
    return fdinfo::with(fdinfo::kPanthor, "drm-engine-panthor", ns(busy_ns));
}
std::string v3d(std::uint64_t render_ns, std::uint64_t others_ns) {
    std::string text = fdinfo::with(fdinfo::kV3d, "drm-engine-render", ns(render_ns));
    for (const char* other : {"tfu", "cache_clean", "cpu"})
        text = fdinfo::with(text, fmt::format("drm-engine-{}", other), ns(others_ns));
    return text;
}
// A driver that tells of memory and not of engines, as the documentation allows.
const std::string kMemoryAlone = fdinfo::without(fdinfo::kI915, "drm-engine-");
const std::string kNothing(fdinfo::kNoDrmLines);

GpuReading reading(const std::vector<std::string>& texts) {
    GpuReading out{.device = true};
    for (const std::string& text : texts)
        if (auto client = parse_drm_fdinfo(text))
            out.clients.push_back(*client);
    return out;
}

// The share of the second look, one second after the first.
GpuUse after_a_second(const std::vector<std::string>& first,
                      const std::vector<std::string>& second) {
    GpuWatch watch;
    EXPECT_NE(watch.look(kGame, reading(first), seconds(10)).state, GpuUse::State::Known);
    return watch.look(kGame, reading(second), seconds(11));
}

double percent(const std::vector<std::string>& first, const std::vector<std::string>& second) {
    const GpuUse use = after_a_second(first, second);
    EXPECT_EQ(use.state, GpuUse::State::Known);
    return use.percent;
}

} // namespace

TEST(Gpu, EveryDriversTimesBecomeAShare) {
    EXPECT_NEAR(percent({amdgpu(5'000'000'000)}, {amdgpu(5'600'000'000)}), 60, 0.1);
    EXPECT_NEAR(percent({i915(1'000, 0)}, {i915(250'001'000, 900'000'000)}), 25, 0.1);
    EXPECT_NEAR(percent({xe(1'000, 100'000)}, {xe(4'000, 110'000)}), 30, 0.1);
    EXPECT_NEAR(percent({msm(0)}, {msm(400'000'000)}), 40, 0.1);
    EXPECT_NEAR(percent({panthor(0)}, {panthor(350'000'000)}), 35, 0.1);
    EXPECT_NEAR(percent({v3d(0, 0)}, {v3d(200'000'000, 0)}), 20, 0.1);
}

// As the records are: a second later the counter of the one engine has gone on by half a second.
TEST(Gpu, TheRecordsAsTheyAreTellTheirEngines) {
    EXPECT_NEAR(percent({std::string(fdinfo::kAmdgpu)}, {amdgpu(607'322'799)}), 50, 0.1);
    EXPECT_NEAR(percent({std::string(fdinfo::kI915)}, {i915(500'346'249, 0)}), 50, 0.1);
    EXPECT_NEAR(percent({std::string(fdinfo::kMsm)}, {msm(2'234'371'319)}), 50, 0.1);
    EXPECT_NEAR(percent({std::string(fdinfo::kPanthor)}, {panthor(111'610'952'750)}), 50, 0.1);
    EXPECT_NEAR(percent({std::string(fdinfo::kPanfrost)}, {panfrost(2'346'584'880, 71'932'239)}),
                50, 0.1);
    EXPECT_NEAR(percent({std::string(fdinfo::kV3d)}, {v3d(654'563'573, 0)}), 50, 0.1);
    const auto xe_client = parse_drm_fdinfo(fdinfo::kXe);
    ASSERT_TRUE(xe_client);
    EXPECT_EQ(xe_client->engines.at("rcs").cycles, 28257900U);
    EXPECT_EQ(xe_client->engines.at("rcs").total_cycles, 7655183225U);
    EXPECT_EQ(xe_client->engines.at("ccs").capacity, 4U);
}

// Panthor's counters are off unless somebody profiles; an NPU draws nothing.
TEST(Gpu, ADriverThatTellsNoTimesIsUnknown) {
    const std::string off =
        fdinfo::without(fdinfo::without(fdinfo::kPanthor, "drm-engine-"), "drm-cycles-");
    EXPECT_EQ(after_a_second({off}, {off}).state, GpuUse::State::NotTold);
    const std::string busy = fdinfo::with(fdinfo::kXdna, "drm-engine-npu-amdxdna", ns(900'000'000));
    EXPECT_EQ(after_a_second({std::string(fdinfo::kXdna)}, {busy}).state, GpuUse::State::NotTold);
}

TEST(Gpu, WhatPlaysEncodesOrCopiesDoesNotCount) {
    EXPECT_NEAR(percent({i915(0, 0)}, {i915(10'000'000, 1'000'000'000)}), 1, 0.1);
    EXPECT_NEAR(percent({xe(0, 100)}, {xe(0, 1'000'100)}), 0, 0.1);
    // v3d counts what it leaves to the CPU among its engines, too.
    EXPECT_NEAR(percent({v3d(0, 0)}, {v3d(10'000'000, 900'000'000)}), 1, 0.1);
}

// Nouveau, say: nobody can tell whether it draws, and so it is no game by that.
TEST(Gpu, ADriverWithoutLinesOfItsOwnIsUnknownHoweverOftenOneLooks) {
    GpuWatch watch;
    for (int second = 1; second <= 3; ++second)
        EXPECT_EQ(watch.look(kGame, reading({kNothing}), seconds(second)).state,
                  GpuUse::State::NotTold);
}

TEST(Gpu, WhatIsNotToldIsUnknown) {
    EXPECT_EQ(after_a_second({kMemoryAlone}, {kMemoryAlone}).state, GpuUse::State::NotTold);
    EXPECT_EQ(after_a_second({kNothing}, {kNothing}).state, GpuUse::State::NotTold);
    GpuWatch watch;
    EXPECT_EQ(watch.look(kGame, {}, seconds(1)).state, GpuUse::State::NoDevice);
    EXPECT_EQ(GpuWatch().look(kGame, {.hidden = true}, seconds(1)).state, GpuUse::State::Hidden);
    EXPECT_EQ(watch.look(kGame, reading({amdgpu(1)}), seconds(2)).state, GpuUse::State::Known);
}

TEST(Gpu, ClientsAreCountedOnceAndAddedUp) {
    EXPECT_NEAR(percent({amdgpu(0), amdgpu(0)}, {amdgpu(300'000'000), amdgpu(300'000'000)}), 30,
                0.1);
    EXPECT_NEAR(
        percent({amdgpu(0, 1), amdgpu(0, 2)}, {amdgpu(300'000'000, 1), amdgpu(200'000'000, 2)}), 50,
        0.1);
    // A device that was opened in between counts from then on, one that was closed no more.
    EXPECT_NEAR(percent({amdgpu(5'000'000'000, 1)}, {amdgpu(400'000'000, 2)}), 40, 0.1);
}

TEST(Gpu, CountersThatAreSetBackAndRubbishGiveNoShare) {
    EXPECT_EQ(percent({amdgpu(5'000'000'000)}, {amdgpu(1'000)}), 0);
    for (const char* bad :
         {"", "drm-engine-:\t5 ns\n", "drm-engine-gfx:\tmany ns\n", "drm-engine-gfx:\t-5 ns\n",
          "drm-engine-gfx:\t5 ms\n", "drm-engine-gfx 5 ns\n", "drm-cycles-rcs:\t5\n",
          "drm-engine-gfx:\t99999999999999999999999 ns\n"})
        EXPECT_FALSE(parse_drm_fdinfo(bad)) << bad;
    const auto zero = parse_drm_fdinfo("drm-engine-gfx: 5 ns\r\ndrm-engine-capacity-gfx: 0\n");
    ASSERT_TRUE(zero);
    EXPECT_EQ(zero->engines.at("gfx").capacity, 1U);
}

TEST(Gpu, TheWatchForgetsWhatIsGone) {
    GpuWatch watch;
    watch.look(kGame, reading({amdgpu(1)}), seconds(1));
    EXPECT_TRUE(watch.last(kGame));
    watch.forget_before(seconds(1));
    EXPECT_TRUE(watch.last(kGame));
    watch.forget_before(seconds(2));
    EXPECT_FALSE(watch.last(kGame));
}

TEST(Gpu, IsReadFromTheFilesOfTheDevicesAlone) {
    const test::ProcFixture fixture;
    fixture.add({50, 1, "game", {"game"}, "/user.slice", "", 100, 1000});
    EXPECT_FALSE(read_gpu(fixture.proc(), Pid{50}).device);
    fixture.open_file(50, 3, "/home/a/save", amdgpu(1, 1));
    EXPECT_FALSE(read_gpu(fixture.proc(), Pid{50}).device);
    fixture.open_file(50, 4, "/dev/dri/renderD128", amdgpu(1, 2));
    fixture.open_file(50, 5, "/dev/nvidia0", kNothing);
    const GpuReading seen = read_gpu(fixture.proc(), Pid{50});
    EXPECT_TRUE(seen.device);
    ASSERT_EQ(seen.clients.size(), 1U);
    EXPECT_EQ(seen.clients[0].id, "2");
    EXPECT_FALSE(read_gpu(fixture.proc(), Pid{51}).device) << "there is no such process";
}
