// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/core/failures.hpp"

#include <algorithm>
#include <cmath>

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

std::optional<Nanos> FailureBook::retry_at(const SchedulerSpec& spec) const {
    const auto it = records_.find(spec.command());
    return it == records_.end() ? std::nullopt : std::optional(it->second.retry_at);
}

bool FailureBook::quarantined(const SchedulerSpec& spec) const {
    const auto it = records_.find(spec.command());
    return it != records_.end() && it->second.quarantined;
}

std::vector<FailureBook::Quarantined> FailureBook::quarantine() const {
    std::vector<Quarantined> out;
    for (const auto& [command, record] : records_)
        if (record.quarantined)
            out.push_back({command, record.reason});
    return out;
}

} // namespace rustland::supervisor
