// SPDX-License-Identifier: GPL-2.0-only
// A trace in, decisions out.
#include "rustland/policy/fifo_policy.hpp"
#include "rustland/testing/replay.hpp"
#include "rustland/testing/simulation.hpp"

#include <gtest/gtest.h>
#include <sstream>

using namespace rustland;
using namespace rustland::testing;

namespace {

// Gives each task a slice of as many milliseconds as it has seen it before, and listens to all
// that a policy can listen to.
class CountingPolicy final : public Policy {
  public:
    [[nodiscard]] const char* name() const override { return "counting"; }
    [[nodiscard]] bool enqueue(const QueuedTask& task, Nanos) override {
        if (task.weight == 1)
            return false;
        Decision decision;
        decision.seq = task.seq;
        decision.pid = task.pid;
        decision.state = task.state;
        decision.slice = millis(static_cast<std::int64_t>(++decision.state[0]));
        return queue_.push(decision);
    }
    [[nodiscard]] std::optional<Decision> pick(Nanos) override {
        if (queue_.empty() || held)
            return std::nullopt;
        return queue_.pop();
    }
    [[nodiscard]] std::size_t waiting() const override { return queue_.size(); }
    [[nodiscard]] bool hands_on() const override { return true; }
    [[nodiscard]] bool wants_exits() const override { return true; }
    void exited(Pid pid, Nanos) override { gone.push_back(pid); }
    [[nodiscard]] Nanos tick_interval() const override { return Nanos{100}; }
    void tick(Nanos now) override { ticks.push_back(now); }

    bool held = false;
    std::vector<Pid> gone;
    std::vector<Nanos> ticks;

  private:
    RunQueue queue_{16};
};

std::string error_of(const std::string& text) {
    FifoPolicy policy(millis(5), 16);
    std::istringstream trace(text);
    std::ostringstream out;
    const auto done = replay(trace, policy, out);
    return done ? "" : done.error().message();
}

} // namespace

TEST(TraceRecorder, WantsWhatItsPolicyWants) {
    CountingPolicy all;
    FifoPolicy none(millis(5), 16);
    const TraceRecorder eager(all, 1);
    const TraceRecorder modest(none, 1);
    EXPECT_TRUE(eager.hands_on());
    EXPECT_TRUE(eager.wants_exits());
    EXPECT_EQ(eager.tick_interval(), Nanos{100});
    EXPECT_FALSE(modest.hands_on());
    EXPECT_FALSE(modest.wants_exits());
    EXPECT_EQ(modest.tick_interval(), Nanos{});
}

TEST(Replay, SaysWhatThePolicyDecides) {
    FifoPolicy policy(millis(5), 1);
    std::istringstream trace("{\"time\":1000,\"pid\":7}\n"
                             "\n"
                             "{\"time\":1000,\"pid\":8,\"seq\":40}\n"
                             "{\"time\":2000,\"pid\":8,\"enqueued_at\":1500}\n");
    std::ostringstream out;
    const auto done = replay(trace, policy, out);
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(out.str(),
              "{\"time\":1000,\"pid\":8,\"seq\":40,\"refused\":true}\n"
              "{\"time\":1000,\"pid\":7,\"seq\":1,\"cpu\":-1,\"slice\":5000000,"
              "\"deadline\":1000,\"key\":0,\"preempt\":false,\"request\":0,\"bias\":0}\n"
              "{\"time\":2000,\"pid\":8,\"seq\":4,\"cpu\":-1,\"slice\":5000000,"
              "\"deadline\":1500,\"key\":0,\"preempt\":false,\"request\":0,\"bias\":0}\n");
    EXPECT_EQ(done->tasks, 3U);
    EXPECT_EQ(done->decisions, 2U);
    EXPECT_EQ(done->refused, 1U);
    EXPECT_EQ(done->left, 0U);
}

TEST(Replay, KeepsThePolicysStateUntilTheTaskExits) {
    CountingPolicy policy;
    std::istringstream trace("{\"time\":1,\"pid\":7}\n{\"time\":2,\"pid\":7}\n"
                             "{\"time\":3,\"exited\":7}\n{\"time\":4,\"pid\":7}\n");
    std::ostringstream out;
    const auto done = replay(trace, policy, out);
    ASSERT_TRUE(done) << done.error().message();
    std::vector<std::string> slices;
    for (std::size_t at = 0; (at = out.str().find("\"slice\":", at)) != std::string::npos; ++at)
        slices.push_back(out.str().substr(at + 8, 1));
    EXPECT_EQ(slices, (std::vector<std::string>{"1", "2", "1"}));
    EXPECT_EQ(done->exits, 1U);
    EXPECT_EQ(policy.gone, std::vector<Pid>{Pid{7}});
}

TEST(Replay, TicksAtTimesOfTheTraceOnly) {
    CountingPolicy policy;
    std::istringstream trace("{\"time\":10,\"pid\":1}\n{\"time\":60,\"pid\":1}\n"
                             "{\"time\":110,\"pid\":1}\n{\"time\":5000,\"pid\":1}\n");
    std::ostringstream out;
    ASSERT_TRUE(replay(trace, policy, out));
    EXPECT_EQ(policy.ticks, (std::vector<Nanos>{Nanos{10}, Nanos{110}, Nanos{5000}}));
}

TEST(Replay, TellsWhatThePolicyStillHoldsAtTheEnd) {
    CountingPolicy policy;
    policy.held = true;
    std::istringstream trace("{\"time\":10,\"pid\":1}\n{\"time\":10,\"pid\":2}\n");
    std::ostringstream out;
    const auto done = replay(trace, policy, out);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->left, 2U);
    EXPECT_EQ(out.str(), "");
}

TEST(Replay, NamesTheLineThatItDoesNotUnderstand) {
    EXPECT_EQ(error_of("nonsense\n"), "line 1: not a JSON object");
    EXPECT_EQ(error_of("{\"time\":1,\"pid\":1}\n[]\n"), "line 2: not a JSON object");
    EXPECT_EQ(error_of("{\"pid\":1}\n"), "line 1: 'time' is missing");
    EXPECT_EQ(error_of("{\"time\":1}\n"), "line 1: 'pid' is missing");
    EXPECT_EQ(error_of("{\"time\":5,\"pid\":1}\n{\"time\":4,\"pid\":1}\n"),
              "line 2: 'time' is before that of the line above");
    EXPECT_EQ(error_of("{\"time\":5,\"pid\":-1}\n"),
              "line 1: 'pid' is not a number from 0 to 2147483647");
    EXPECT_EQ(error_of("{\"time\":5,\"pid\":1,\"weight\":\"much\"}\n"),
              "line 1: 'weight' is not a number from 0 to 4294967295");
    EXPECT_EQ(error_of("{\"time\":5,\"pid\":1,\"wakeup\":1}\n"),
              "line 1: 'wakeup' is not true or false");
    EXPECT_EQ(error_of("{\"time\":5,\"pid\":1,\"class\":\"best\"}\n"),
              "line 1: 'class' is not normal, foreground or background");
    EXPECT_EQ(error_of("{\"time\":5,\"exited\":true}\n"),
              "line 1: 'exited' is not a number from 0 to 2147483647");
}

// What is recorded of a policy on a machine, played to an equal policy, gives the same decisions.
TEST(Replay, ARecordedRunIsTheSameAgain) {
    CountingPolicy first;
    FakeKernel kernel({.cpus = 2});
    TraceRecorder recorder(first, 1000);
    LoopCounters counters;
    DispatchLoop loop(kernel, recorder, counters, millis(5));
    for (int i = 0; i < 6; ++i)
        kernel.spawn(i % 2 == 0 ? hog(300) : periodic(millis(2), millis(3)));
    simulate(kernel, loop, kernel.now() + millis(400));
    ASSERT_GT(counters.received.get(), 50U);

    std::stringstream trace;
    recorder.write(trace);
    CountingPolicy second;
    std::ostringstream out;
    const auto done = replay(trace, second, out);
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(done->tasks, counters.received.get());
    EXPECT_EQ(done->decisions, counters.moved.get());
}

TEST(Replay, ARecorderKeepsAsMuchAsItHasRoomFor) {
    FifoPolicy fifo(millis(5), 16);
    TraceRecorder recorder(fifo, 2);
    QueuedTask task;
    for (std::int32_t pid = 1; pid <= 5; ++pid) {
        task.pid = Pid{pid};
        task.task_class = TaskClass::Background;
        EXPECT_TRUE(recorder.enqueue(task, Nanos{pid}));
    }
    recorder.exited(Pid{1}, Nanos{9});
    EXPECT_EQ(recorder.waiting(), 5U);
    std::ostringstream out;
    recorder.write(out);
    std::string expected;
    for (std::int32_t pid = 1; pid <= 2; ++pid) {
        task.pid = Pid{pid};
        expected += trace_line(task, Nanos{pid}) + "\n";
    }
    EXPECT_EQ(out.str(), expected);
    EXPECT_NE(expected.find("\"class\":\"background\""), std::string::npos);
}
