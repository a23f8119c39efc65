// SPDX-License-Identifier: GPL-2.0-only
// What DRM drivers tell in fdinfo, in the form in which each of them writes it.
#include "supervisor/match/gpu_use.hpp"
#include "supervisor/system/gpu_reader.hpp"

#include "support/proc_fixture.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::supervisor;

namespace {

const ProcessKey kGame{Pid{50}, 1};

std::string amdgpu(std::uint64_t gfx_ns, int client = 12) {
    return fmt::format(
        "pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t711\ndrm-driver:\tamdgpu\n"
        "drm-client-id:\t{}\ndrm-pdev:\t0000:03:00.0\npasid:\t32776\n"
        "drm-total-vram:\t1048576 KiB\ndrm-memory-vram:\t1048576 KiB\n"
        "drm-engine-gfx:\t{} ns\ndrm-engine-compute:\t0 ns\ndrm-engine-enc:\t900 ns\n",
        client, gfx_ns);
}
std::string i915(std::uint64_t render_ns, std::uint64_t video_ns) {
    return fmt::format("pos:\t0\nflags:\t02100002\ndrm-driver:\ti915\ndrm-client-id:\t7\n"
                       "drm-pdev:\t0000:00:02.0\ndrm-total-system0:\t64 MiB\n"
                       "drm-engine-render:\t{} ns\ndrm-engine-copy:\t{} ns\n"
                       "drm-engine-video:\t{} ns\ndrm-engine-capacity-video:\t2\n"
                       "drm-engine-video-enhance:\t{} ns\n",
                       render_ns, video_ns, video_ns, video_ns);
}
std::string xe(std::uint64_t cycles, std::uint64_t total) {
    return fmt::format(
        "drm-driver:\txe\ndrm-client-id:\t42\ndrm-pdev:\t0000:00:02.0\n"
        "drm-total-vram0:\t16 MiB\ndrm-cycles-rcs:\t{0}\ndrm-total-cycles-rcs:\t{1}\n"
        "drm-cycles-vcs:\t{1}\ndrm-total-cycles-vcs:\t{1}\n"
        "drm-engine-capacity-vcs:\t2\ndrm-cycles-ccs:\t{0}\n"
        "drm-total-cycles-ccs:\t{1}\ndrm-engine-capacity-ccs:\t4\n",
        cycles, total);
}
std::string msm(std::uint64_t ns) {
    return fmt::format("drm-driver:\tmsm\ndrm-client-id:\t3\ndrm-engine-gpu:\t{} ns\n"
                       "drm-cycles-gpu:\t{}\ndrm-maxfreq-gpu:\t800000000 Hz\n",
                       ns, ns / 2);
}
// Memory and no engines; an open device that tells nothing at all, as in most virtual machines.
const std::string kNouveau = "drm-driver:\tnouveau\ndrm-pdev:\t0000:01:00.0\ndrm-client-id:\t9\n"
                             "drm-total-vram:\t128 MiB\ndrm-resident-vram:\t128 MiB\n";
const std::string kNothing = "pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t123\n";

GpuReading reading(const std::vector<std::string>& texts) {
    GpuReading out{true, {}};
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
}

TEST(Gpu, WhatPlaysEncodesOrCopiesDoesNotCount) {
    EXPECT_NEAR(percent({i915(0, 0)}, {i915(10'000'000, 1'000'000'000)}), 1, 0.1);
    EXPECT_NEAR(percent({xe(0, 100)}, {xe(0, 1'000'100)}), 0, 0.1);
}

TEST(Gpu, WhatIsNotToldIsUnknown) {
    EXPECT_EQ(after_a_second({kNouveau}, {kNouveau}).state, GpuUse::State::NotTold);
    EXPECT_EQ(after_a_second({kNothing}, {kNothing}).state, GpuUse::State::NotTold);
    GpuWatch watch;
    EXPECT_EQ(watch.look(kGame, {}, seconds(1)).state, GpuUse::State::NoDevice);
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
