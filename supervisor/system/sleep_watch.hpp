// SPDX-License-Identifier: GPL-2.0-only
// Suspend and resume, from logind. While a scheduler is on, sleep is delayed until it is off: the
// kernel's watchdog would otherwise eject it on the way.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/bus.hpp"

#include <functional>
#include <memory>

namespace rustland::supervisor {

class SleepWatch {
  public:
    // `on_sleep`: the machine is about to sleep (true), has woken up (false).
    static std::unique_ptr<SleepWatch> create(Bus& bus, std::function<void(bool)> on_sleep);

    // Whether there is something that must be done before the machine sleeps.
    void delay_sleep(bool wanted);
    [[nodiscard]] bool delaying() const { return lock_.valid(); }

  private:
    SleepWatch(Bus& bus, std::function<void(bool)> on_sleep)
        : bus_(bus), on_sleep_(std::move(on_sleep)) {}
    void listen();
    void take_lock();

    Bus& bus_;
    std::function<void(bool)> on_sleep_;
    std::shared_ptr<int> life_ = std::make_shared<int>();
    BusSlot signal_;
    UniqueFd lock_; // logind's inhibitor: gone once it is closed
    bool wanted_ = false;
    bool asked_ = false;
};

} // namespace rustland::supervisor
