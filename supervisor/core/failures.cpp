// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/core/failures.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace rustland::supervisor {

void FailureBook::failed(const SchedulerSpec& spec, const CleanLine& reason, Nanos uptime,
                         const Settings& settings, Nanos now) {
    Record& record = records_[spec.command()];
    if (uptime >= settings.healthy_time) {
        record.consecutive = 0;
        record.times.clear();
    }
    ++record.consecutive;
    record.reason = reason;
    record.last = now;
    record.times.push_back(now);
    while (!record.times.empty() && record.times.front() <= now - settings.crash_limit.window)
        record.times.pop_front();
    if (static_cast<int>(record.times.size()) >= settings.crash_limit.count)
        record.quarantined = true;
    const double grown = static_cast<double>(settings.restart_initial.value) *
                         std::pow(settings.restart_factor, record.consecutive - 1);
    const double delay = std::min(grown, static_cast<double>(settings.restart_max.value));
    const double jitter = settings.restart_jitter * (2 * random_() - 1);
    record.retry_at = now + Nanos{std::llround(delay * (1 + jitter))};
}

void FailureBook::give_up(const SchedulerSpec& spec, const CleanLine& reason, Nanos now) {
    Record& record = records_[spec.command()];
    record.quarantined = record.hopeless = true;
    record.reason = reason;
    record.last = now;
}

const FailureBook::Record* FailureBook::find(const SchedulerSpec& spec) const {
    const auto it = records_.find(spec.command());
    return it == records_.end() ? nullptr : &it->second;
}

std::optional<Nanos> FailureBook::retry_at(const SchedulerSpec& spec) const {
    const Record* record = find(spec);
    return record == nullptr ? std::nullopt : std::optional(record->retry_at);
}

bool FailureBook::quarantined(const SchedulerSpec& spec) const {
    const Record* record = find(spec);
    return record != nullptr && record->quarantined;
}

bool FailureBook::hopeless(const SchedulerSpec& spec) const {
    const Record* record = find(spec);
    return record != nullptr && record->hopeless;
}

std::optional<std::string> FailureBook::why_quarantined(const SchedulerSpec& spec) const {
    if (!quarantined(spec))
        return std::nullopt;
    if (hopeless(spec))
        return fmt::format("{} is in quarantine: {}", spec.command(), find(spec)->reason);
    return fmt::format("{} is in quarantine after repeated failures, the last: {}; mend that, then "
                       "sudo rustlandctl reload (rustlandctl history --dump has more)",
                       spec.command(), reason(spec));
}

CleanLine FailureBook::reason(const SchedulerSpec& spec) const {
    const Record* record = find(spec);
    return record == nullptr ? CleanLine() : record->reason;
}

std::vector<FailureBook::Quarantined> FailureBook::quarantine() const {
    std::vector<Quarantined> out;
    for (const auto& [command, record] : records_)
        if (record.quarantined)
            out.push_back({command, record.reason, record.last});
    return out;
}

} // namespace rustland::supervisor
