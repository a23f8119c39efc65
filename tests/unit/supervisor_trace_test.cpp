// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/file.hpp"
#include "supervisor/ctl/trace_record.hpp"
#include "supervisor/ctl/trace_summary.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::supervisor;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

namespace {

const std::string kHead = "# tracer: nop\n#\n# entries-in-buffer/entries-written: 7/7   #P:4\n#\n";

// As Linux 6.18 writes it.
std::string entry(int cpu, double time, const std::string& what) {
    return fmt::format("{:>16}-{:<7} [{:03}] d..2. {:>12.6f}: {}\n", "x-1 [0] y", 1, cpu, time,
                       what);
}
std::string change(int cpu, double time, const std::string& prev, int prev_pid, char state,
                   const std::string& next, int next_pid) {
    return entry(
        cpu, time,
        fmt::format("sched_switch: prev_comm={} prev_pid={} prev_prio=120 prev_state={} ==> "
                    "next_comm={} next_pid={} next_prio=120",
                    prev, prev_pid, state, next, next_pid));
}
std::string waking(int cpu, double time, const std::string& comm, int pid) {
    return entry(
        cpu, time,
        fmt::format("sched_waking: comm={} pid={} prio=120 target_cpu={:03}", comm, pid, cpu));
}

Trace read(const std::string& text) {
    auto trace = parse_trace(text, "t");
    EXPECT_TRUE(trace) << trace.error().message();
    return trace ? *std::move(trace) : Trace{};
}
std::string refusal(const std::string& text) {
    const auto trace = parse_trace(text, "t");
    return trace ? "accepted" : trace.error().message();
}

const TaskSummary& task(const TraceSummary& summary, int pid) {
    for (const TaskSummary& t : summary.tasks)
        if (t.pid == pid)
            return t;
    static const TaskSummary none;
    ADD_FAILURE() << "no task " << pid;
    return none;
}

} // namespace

TEST(TraceText, ReadsWhatTheKernelWrites) {
    const Trace trace = read(
        kHead +
        "            bash-183     [000] d..2.     3.771355: sched_switch: prev_comm=bash "
        "prev_pid=183 "
        "prev_prio=120 prev_state=R+ ==> next_comm=kworker/0:1 next_pid=11 next_prio=120\n"
        "##### CPU 1 buffer started ####\n"
        "          <idle>-0       [001] d.s3.     3.775497: sched_waking: comm=rcu_preempt pid=15 "
        "prio=120 target_cpu=001\n"
        "CPU:3 [LOST 1234 EVENTS]\n"
        "     rustlandctl-12345   [013] .....   100.000001: tracing_mark_write: C|1|rustland "
        "idle|5\n"
        "     rustlandctl-12345   [013] .....   100.000002: sched_ext_event: name X delta 1\n"
        "            bash-183     [000]   100.000003: sched_waking: comm=sh pid=16 prio=120 "
        "target_cpu=002\n");
    EXPECT_EQ(trace.lost, 1234U);
    ASSERT_EQ(trace.events.size(), 5U);
    const auto& first = std::get<SwitchEvent>(trace.events[0].what);
    EXPECT_EQ(trace.events[0].at, micros(3'771'355));
    EXPECT_EQ(first.prev_comm, "bash");
    EXPECT_EQ(first.prev_pid, 183);
    EXPECT_TRUE(first.prev_runnable);
    EXPECT_EQ(first.next_comm, "kworker/0:1");
    EXPECT_EQ(first.next_pid, 11);
    EXPECT_EQ(std::get<WakingEvent>(trace.events[1].what).comm, "rcu_preempt");
    EXPECT_EQ(trace.events[2].cpu, 13);
    EXPECT_EQ(std::get<OtherEvent>(trace.events[2].what).name, "tracing_mark_write");
    EXPECT_EQ(std::get<WakingEvent>(trace.events[4].what).pid, 16);
    EXPECT_EQ(trace.events[4].at, seconds(100) + micros(3));
}

TEST(TraceText, ReadsTheColumnOfThreadGroups) {
    const Trace trace = read(
        kHead +
        "         rcuop/6-60    (   60) [002] d..4 6824711.826731: sched_wakeup: comm=rcuop/7 "
        "pid=68 "
        "prio=120 target_cpu=002\n"
        "          <idle>-0     (-------) [003] d..3 6824711.826820: sched_switch: "
        "prev_comm=swapper/3 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=rcuos/0 "
        "next_pid=11 next_prio=120\n"
        " x (-----) [000]-4194303 (4194303) [000] 6824711.826821: sched_waking: comm=sh pid=16 "
        "prio=120 target_cpu=002\n");
    ASSERT_EQ(trace.events.size(), 3U);
    EXPECT_EQ(trace.events[0].cpu, 2);
    EXPECT_EQ(trace.events[1].cpu, 3);
    EXPECT_EQ(std::get<SwitchEvent>(trace.events[1].what).next_pid, 11);
    EXPECT_EQ(std::get<WakingEvent>(trace.events[2].what).pid, 16);
    for (const char* bad : {"(", "()", "(x)", "(60", "(60)["})
        EXPECT_THAT(refusal(kHead + "         rcuop/6-60    " + bad +
                            " [002] d..4 1.826731: sched_wakeup: comm=x pid=1 prio=1 "
                            "target_cpu=002\n"),
                    HasSubstr("not understood"))
            << bad;
}

TEST(TraceText, NamesOfTasksMayHoldAnything) {
    const std::string odd = "a prev_pid=1 ==>";
    const Trace trace = read(kHead + change(0, 1, odd, 7, 'S', "n next_pid=2", 8) +
                             waking(0, 1, "w pid=3 prio=4", 9));
    EXPECT_EQ(std::get<SwitchEvent>(trace.events[0].what).prev_comm, odd);
    EXPECT_EQ(std::get<SwitchEvent>(trace.events[0].what).prev_pid, 7);
    EXPECT_EQ(std::get<SwitchEvent>(trace.events[0].what).next_comm, "n next_pid=2");
    EXPECT_EQ(std::get<WakingEvent>(trace.events[1].what).comm, "w pid=3 prio=4");
}

TEST(TraceText, RefusesWithTheLine) {
    EXPECT_THAT(refusal(""), HasSubstr("t:1: not a trace"));
    EXPECT_THAT(refusal("hello\n"), HasSubstr("t:1: not a trace"));
    EXPECT_THAT(refusal(kHead + "x"), HasSubstr("cut off"));
    EXPECT_THAT(refusal(kHead + "nonsense\n"), HasSubstr("t:5: not understood: 'nonsense'"));
    EXPECT_THAT(refusal(kHead + entry(0, 1, "sched_switch: prev_comm=x")), HasSubstr("t:5: "));
    EXPECT_THAT(refusal(kHead + entry(0, 1, "sched_waking: comm=x pid=y prio=1 target_cpu=0")),
                HasSubstr("t:5: "));
    EXPECT_THAT(refusal(kHead + entry(0, 1, "no name")), HasSubstr("t:5: "));
    EXPECT_THAT(refusal(kHead + "            bash-183     [000] 3.771355 a: b\n"),
                HasSubstr("t:5: "));
    EXPECT_THAT(refusal(kHead + entry(0, 2, "a: b") + entry(0, 1, "a: b")),
                HasSubstr("t:6: goes back in time"));
    std::string short_time = entry(0, 1, "a: b");
    short_time.replace(short_time.find("1.000000"), 8, "1.00000 ");
    EXPECT_THAT(refusal(kHead + short_time), HasSubstr("t:5: "));
}

TEST(TraceSummary, SaysWhoRanWhoWaitedAndForWhom) {
    // The game wakes at 1.000 and gets CPU 0 at 1.030, as the build has it, then a daemon for 5 ms.
    const TraceSummary summary = summarise(
        read(kHead + change(0, 0.990, "swapper/0", 0, 'R', "cc1", 20) +
             waking(0, 1.000, "game", 10) + waking(1, 1.001, "game", 10) + // again, while it waits
             change(0, 1.025, "cc1", 20, 'R', "daemon", 30) +
             change(0, 1.030, "daemon", 30, 'S', "game", 10) +
             change(0, 1.0302, "game", 10, 'S', "cc1", 20) +
             change(0, 1.0352, "cc1", 20, 'X', "swapper/0", 0)));
    EXPECT_EQ(summary.switches, 5U);
    EXPECT_EQ(summary.wakeups, 2U);
    EXPECT_EQ(summary.length, micros(45'200));
    const TaskSummary& game = task(summary, 10);
    EXPECT_EQ(game.waits.count, 1U);
    EXPECT_EQ(game.waits.longest, millis(30));
    EXPECT_THAT(game.waits.counts, ElementsAre(0, 0, 0, 0, 1, 0));
    EXPECT_EQ(game.runs.total, micros(200));
    EXPECT_THAT(game.runs.counts, ElementsAre(0, 0, 1, 0, 0, 0));
    // It was interrupted, and so it waited, too.
    EXPECT_EQ(task(summary, 20).waits.longest, micros(5200));
    EXPECT_EQ(task(summary, 20).runs.total, millis(40));
    EXPECT_EQ(summary.tasks.front().comm, "cc1"); // most CPU time
    ASSERT_EQ(summary.longest_waits.size(), 2U);
    EXPECT_EQ(summary.longest_waits[0].comm, "game");
    EXPECT_THAT(summary.longest_waits[0].meanwhile,
                ElementsAre(Pair("cc1 (20)", millis(25)), Pair("daemon (30)", millis(5))));
    const std::string text = to_text(summary);
    EXPECT_THAT(text, HasSubstr("30.0 ms  game (10) at 1.000000 s, CPU 0: cc1 (20) 25.0 ms, "
                                "daemon (30) 5.0 ms\n"));
    const auto json = to_json(summary);
    EXPECT_EQ(json["tasks"][0]["runs"]["total_ns"], 40'000'000);
    EXPECT_EQ(json["longest_waits"][0]["meanwhile"][0]["name"], "cc1 (20)");
}

TEST(TraceSummary, AnIdleCpuIsNamed) {
    const TraceSummary summary =
        summarise(read(kHead + change(0, 1, "a", 5, 'S', "swapper/0", 0) +
                       waking(0, 1.001, "b", 6) + change(0, 1.002, "swapper/0", 0, 'R', "b", 6)));
    ASSERT_EQ(summary.longest_waits.size(), 1U);
    EXPECT_THAT(summary.longest_waits[0].meanwhile, ElementsAre(Pair("idle", millis(1))));
}

TEST(TraceSummary, OfNothingIsEmpty) {
    const TraceSummary summary = summarise(read(kHead));
    EXPECT_EQ(summary.switches, 0U);
    EXPECT_TRUE(summary.tasks.empty());
}

TEST(DurationHistogram, BoundsBelongToTheNextBucket) {
    DurationHistogram histogram;
    for (const Nanos duration : {Nanos{9'999}, Nanos{10'000}, millis(100), seconds(5)})
        histogram.add(duration);
    EXPECT_THAT(histogram.counts, ElementsAre(1, 1, 0, 0, 0, 2));
    EXPECT_EQ(histogram.longest, seconds(5));
}

TEST(TraceFile, IsWrittenAsTheKernelMakesItUnlessSomebodyAsksForTheEnd) {
    const test::TempDir dir;
    const std::string text(200'000, 'x');
    dir.write("trace", text);
    const auto go_on = [] { return false; };
    ASSERT_TRUE(copy_trace(dir.path("trace"), dir.path("out"), go_on));
    EXPECT_EQ(*read_file(dir.path("out")), text);

    int pieces = 0;
    const auto interrupted =
        copy_trace(dir.path("trace"), dir.path("out"), [&] { return ++pieces == 2; });
    ASSERT_FALSE(interrupted);
    EXPECT_EQ(interrupted.error().code(), EINTR);
    EXPECT_THAT(interrupted.error().message(), HasSubstr("is incomplete"));
    EXPECT_LT(read_file(dir.path("out"))->size(), text.size());

    EXPECT_THAT(copy_trace(dir.path("none"), dir.path("out"), go_on).error().message(),
                HasSubstr("none: No such file"));
    EXPECT_THAT(copy_trace(dir.path("trace"), dir.path("no/out"), go_on).error().message(),
                HasSubstr("no/out: No such file"));
}

TEST(TraceInstance, SaysWhatIsMissingAndLeavesNothing) {
    const test::TempDir dir;
    EXPECT_THAT(TraceInstance::create(64, dir.path("tracing")).error().message(),
                HasSubstr("mount -t tracefs"));
    std::filesystem::create_directories(dir.path("tracing/instances/rustland"));
    EXPECT_THAT(TraceInstance::create(64, dir.path("tracing")).error().message(),
                HasSubstr("another trace runs"));
    // The folder is made, but there is nothing in it that could be set.
    std::filesystem::remove(dir.path("tracing/instances/rustland"));
    EXPECT_THAT(TraceInstance::create(64, dir.path("tracing")).error().message(),
                HasSubstr("rustland/tracing_on: No such file"));
    EXPECT_FALSE(std::filesystem::exists(dir.path("tracing/instances/rustland")));
}
