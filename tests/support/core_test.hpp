// SPDX-License-Identifier: GPL-2.0-only
// The decision core with the clock in the test's hand: seconds after the start.
#pragma once

#include "support/sample_config.hpp"

namespace rustland::test {

class CoreTest : public testing::Test {
  protected:
    supervisor::Decision at(std::int64_t second, const supervisor::Event& event) {
        last = seconds(1000) + seconds(second);
        return core.on(event, last);
    }
    // What would be answered when the last event came.
    [[nodiscard]] std::string why() const { return core.why(last); }
    void attach(std::int64_t second) {
        EXPECT_TRUE(is<supervisor::Keep>(
            at(second, supervisor::event::Attached{*core.current(), {}, false, {}})));
    }
    supervisor::Decision fail(std::int64_t second,
                              supervisor::ExitKind kind = supervisor::ExitKind::Failed) {
        return at(second,
                  supervisor::event::StartFailed{*core.current(), {kind, 1, 0, "broken", ""}});
    }

    Nanos last;
    std::shared_ptr<Config> config = sample_config();
    supervisor::DecisionCore core{config, [] { return 0.5; }};
};

} // namespace rustland::test
