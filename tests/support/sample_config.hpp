// SPDX-License-Identifier: GPL-2.0-only
// What the tests of the decision core share: one configuration with three rules.
#pragma once

#include "supervisor/core/decision_core.hpp"

#include <gtest/gtest.h>

namespace rustland::test {

using supervisor::BuiltConfig;
using supervisor::Config;
using supervisor::Decision;
using supervisor::Problem;
using supervisor::SchedulerSpec;

inline const SchedulerSpec kMain{"/usr/sbin/rustland", {}};
inline const SchedulerSpec kOther{"/opt/other", {"-x"}};

inline std::shared_ptr<Config> sample_config() {
    const BuiltConfig built = supervisor::build_config(
        {supervisor::parse_ini("[supervisor]\nlinger = 10s\nmin_dwell = 5s\n"
                               "switch_limit = 4/1min\nrestart_initial = 1s\nrestart_jitter = 0\n"
                               "restart_max = 8s\ncrash_limit = 3/10min\nhealthy_time = 2min\n"
                               "[workload game]\ncomm = game\n"
                               "[workload big]\ncomm = big\npriority = 5\nscheduler = /opt/other\n"
                               "scheduler_args = -x\nlinger = 2s\n"
                               "[workload ac]\ncomm = ac\non_battery = no\n",
                               "f")},
        [](const std::string&) { return std::optional<uid_t>(); });
    for (const Problem& p : built.problems)
        ADD_FAILURE() << p.message();
    return std::make_shared<Config>(built.config);
}

template <typename T> bool is(const Decision& d) { return std::holds_alternative<T>(d); }

} // namespace rustland::test
