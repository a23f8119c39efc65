// SPDX-License-Identifier: GPL-2.0-only
// The records as C++ sees them. The BPF object is compiled from the same header; what this pins is
// that no edit moves a field unnoticed, and that the strong types on our side have the same reach.
#include "rustland/core/kernel.hpp"
#include "rustland_abi.h"

#include <cstddef>
#include <gtest/gtest.h>
#include <limits>
#include <type_traits>

using namespace rustland;

TEST(Abi, QueuedRecordHasNoHoles) {
    EXPECT_EQ(offsetof(rl_queued, seq), 0U);
    EXPECT_EQ(offsetof(rl_queued, enqueued_at), 8U);
    EXPECT_EQ(offsetof(rl_queued, sum_exec), 16U);
    EXPECT_EQ(offsetof(rl_queued, burst_exec), 24U);
    EXPECT_EQ(offsetof(rl_queued, sleeps), 32U);
    EXPECT_EQ(offsetof(rl_queued, last_sleep), 40U);
    EXPECT_EQ(offsetof(rl_queued, lag), 48U);
    EXPECT_EQ(offsetof(rl_queued, state), 56U);
    EXPECT_EQ(offsetof(rl_queued, pid), 88U);
    EXPECT_EQ(offsetof(rl_queued, tgid), 92U);
    EXPECT_EQ(offsetof(rl_queued, cpu), 96U);
    EXPECT_EQ(offsetof(rl_queued, weight), 100U);
    EXPECT_EQ(offsetof(rl_queued, flags), 104U);
    EXPECT_EQ(offsetof(rl_queued, nr_cpus_allowed), 108U);
    EXPECT_EQ(offsetof(rl_queued, nr_waiting), 112U);
    EXPECT_EQ(offsetof(rl_queued, task_class), 116U);
    EXPECT_EQ(offsetof(rl_queued, stretch), 120U);
    EXPECT_EQ(sizeof(rl_queued), 128U);
}

TEST(Abi, DecisionRowHasNoHoles) {
    EXPECT_EQ(offsetof(rl_decision, seq), 0U);
    EXPECT_EQ(offsetof(rl_decision, slice), 8U);
    EXPECT_EQ(offsetof(rl_decision, deadline), 16U);
    EXPECT_EQ(offsetof(rl_decision, key), 24U);
    EXPECT_EQ(offsetof(rl_decision, request), 32U);
    EXPECT_EQ(offsetof(rl_decision, bias), 40U);
    EXPECT_EQ(offsetof(rl_decision, state), 48U);
    EXPECT_EQ(offsetof(rl_decision, pid), 80U);
    EXPECT_EQ(offsetof(rl_decision, cpu), 84U);
    EXPECT_EQ(offsetof(rl_decision, flags), 88U);
    EXPECT_EQ(offsetof(rl_decision, result), 92U);
    EXPECT_EQ(offsetof(rl_decision, valid_for), 96U);
    EXPECT_EQ(offsetof(rl_decision, valid_exec), 100U);
    EXPECT_EQ(offsetof(rl_decision, due_min), 104U);
    EXPECT_EQ(offsetof(rl_decision, due_max), 108U);
    EXPECT_EQ(offsetof(rl_decision, rate), 112U);
    EXPECT_EQ(offsetof(rl_decision, reserved) + sizeof(rl_decision{}.reserved),
              sizeof(rl_decision));
    EXPECT_EQ(sizeof(rl_decision), 128U) << "whole cache lines";
    EXPECT_EQ(alignof(rl_decision), 8U);
}

TEST(Abi, ControlPageHasItsFieldsInPlace) {
    EXPECT_EQ(offsetof(rl_control, nr_decisions), 0U);
    EXPECT_EQ(offsetof(rl_control, limits_enforced), 8U);
    EXPECT_EQ(offsetof(rl_control, self_pid), 12U);
    EXPECT_EQ(offsetof(rl_control, self_tgid), 16U);
    EXPECT_EQ(offsetof(rl_control, last_commit), 24U);
    EXPECT_EQ(offsetof(rl_control, lease_since), 32U);
    EXPECT_EQ(offsetof(rl_control, limits_missed), 40U);
    EXPECT_EQ(offsetof(rl_control, exit_code), 48U);
    EXPECT_EQ(offsetof(rl_control, exit_kind), 56U);
    EXPECT_EQ(offsetof(rl_control, exit_seen), 60U);
    EXPECT_EQ(offsetof(rl_control, exit_reason), 64U);
    EXPECT_EQ(offsetof(rl_control, exit_msg), 192U);
    EXPECT_EQ(sizeof(rl_control), 1216U);
    EXPECT_LE(sizeof(rl_control), 4096U) << "one page";
}

TEST(Abi, CountersOfACpuFillWholeCacheLinesWithWords) {
    EXPECT_EQ(sizeof(rl_counters) % 64, 0U);
    EXPECT_EQ(offsetof(rl_counters, queued), 0U);
    EXPECT_EQ(offsetof(rl_counters, decided), 8U);
    EXPECT_EQ(offsetof(rl_counters, fallback), 16U);
    EXPECT_EQ(offsetof(rl_counters, dequeued), 24U);
    EXPECT_EQ(offsetof(rl_counters, congested), 32U);
    EXPECT_EQ(offsetof(rl_counters, reserved) + sizeof(rl_counters{}.reserved),
              sizeof(rl_counters));
}

TEST(Abi, WaitsOfACpuFillWholeCacheLinesWithWords) {
    EXPECT_EQ(sizeof(rl_waits) % 64, 0U);
    EXPECT_EQ(offsetof(rl_wait_histogram, sum_ns), RL_WAIT_BUCKETS * sizeof(std::uint64_t));
    EXPECT_EQ(offsetof(rl_waits, reserved), RL_CLASSES * sizeof(rl_wait_histogram));
    EXPECT_EQ(RL_CLASSES, RL_CLASS_BACKGROUND + 1);
}

TEST(Abi, ConfigHasARowForEveryCpu) {
    EXPECT_EQ(offsetof(rl_config, lease_ns), 0U);
    EXPECT_EQ(offsetof(rl_config, leave_ns), 8U);
    EXPECT_EQ(sizeof(rl_config{}.cpu_llc) / sizeof(rl_config{}.cpu_llc[0]),
              std::size_t{RL_MAX_CPUS});
    EXPECT_GE(std::numeric_limits<std::uint16_t>::max(), RL_MAX_LLCS);
}

TEST(Abi, RecordsMayBeCopiedAsBytes) {
    EXPECT_TRUE(std::is_trivially_copyable_v<rl_queued> && std::is_standard_layout_v<rl_queued>);
    EXPECT_TRUE(std::is_trivially_copyable_v<rl_decision> &&
                std::is_standard_layout_v<rl_decision>);
    EXPECT_TRUE(std::is_trivially_copyable_v<rl_control> && std::is_standard_layout_v<rl_control>);
    EXPECT_TRUE(std::is_trivially_copyable_v<rl_config> && std::is_standard_layout_v<rl_config>);
}

TEST(Abi, FlagsAreSingleBits) {
    EXPECT_EQ(RL_QUEUED_WAKEUP, 1);
    EXPECT_EQ(RL_QUEUED_RESTRICTED, 2);
    EXPECT_EQ(RL_QUEUED_KTHREAD, 4);
    EXPECT_EQ(RL_DECISION_PREEMPT, 1);
}

TEST(Abi, AFreshRowHasNoResult) {
    EXPECT_EQ(rl_decision{}.result, static_cast<std::uint32_t>(RL_RESULT_NONE));
    EXPECT_EQ(RL_RESULT_MOVED, 1);
    EXPECT_EQ(RL_RESULT_STALE, 2);
    EXPECT_EQ(RL_RESULT_RETRY, 3);
}

TEST(Abi, OurTypesReachAsFarAsTheRecords) {
    EXPECT_EQ(sizeof(PolicyState), sizeof(rl_state));
    EXPECT_EQ(std::tuple_size_v<PolicyState>, std::size_t{RL_STATE_WORDS});
    EXPECT_EQ(Kernel::kMaxDecisions, std::size_t{RL_MAX_DECISIONS});
    EXPECT_EQ(sizeof(Pid), sizeof(rl_queued{}.pid));
    EXPECT_EQ(sizeof(CpuId), sizeof(rl_decision{}.cpu));
    EXPECT_EQ(sizeof(Nanos), sizeof(rl_decision{}.key));
    EXPECT_EQ(kAnyCpu.value, -1) << "the row's \"any\"";
    EXPECT_EQ(RL_EXIT_LEASE, 1);
}
