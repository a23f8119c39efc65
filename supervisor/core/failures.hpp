// SPDX-License-Identifier: GPL-2.0-only
// Failures of schedulers: exponential back-off with jitter, and quarantine for crash loops.
#pragma once

#include "supervisor/config/config.hpp"
#include "supervisor/core/event.hpp"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace rustland::supervisor {

class FailureBook {
  public:
    // `random` returns a number in [0, 1).
    explicit FailureBook(std::function<double()> random) : random_(std::move(random)) {}

    // Counts a failure of `spec` after it had been attached for `uptime`.
    void failed(const SchedulerSpec& spec, const CleanLine& reason, Nanos uptime,
                const Settings& settings, Nanos now);

    // Puts `spec` into quarantine at once, because it would fail the same way again. `reason` says
    // what to do about it, too.
    void give_up(const SchedulerSpec& spec, const CleanLine& reason, Nanos now);

    // When `spec` may be tried again: never before this time.
    [[nodiscard]] std::optional<Nanos> retry_at(const SchedulerSpec& spec) const;
    [[nodiscard]] bool quarantined(const SchedulerSpec& spec) const;
    // In quarantine by give_up().
    [[nodiscard]] bool hopeless(const SchedulerSpec& spec) const;
    // Of its last failure; empty where there was none.
    [[nodiscard]] CleanLine reason(const SchedulerSpec& spec) const;
    // For a person, with what to do; nothing where it is in no quarantine.
    [[nodiscard]] std::optional<std::string> why_quarantined(const SchedulerSpec& spec) const;
    // Forgets the failures of all.
    void reset() { records_.clear(); }

    struct Quarantined {
        std::string command;
        CleanLine reason;
        Nanos last; // when it failed the last time
    };
    [[nodiscard]] std::vector<Quarantined> quarantine() const;

  private:
    struct Record {
        std::deque<Nanos> times; // within the crash limit's window
        int consecutive = 0;
        Nanos retry_at;
        bool quarantined = false;
        bool hopeless = false;
        CleanLine reason;
        Nanos last;
    };
    [[nodiscard]] const Record* find(const SchedulerSpec& spec) const;

    std::function<double()> random_;
    std::map<std::string, Record> records_; // by command line
};

} // namespace rustland::supervisor
