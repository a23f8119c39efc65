// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/core/decision_core.hpp"

#include "supervisor/config/wide_rules.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace rustland::supervisor {
namespace {

// Who is heard first. A lingering workload keeps what runs only while nobody else wants anything.
enum Rank { kDefault, kLingering, kHold, kWorkload, kHoldWithSpec, kCommand };

constexpr const char* kAsleep = "the machine is about to sleep";
constexpr const char* kUnsupported = "this kernel has no sched_ext; boot one with "
                                     "CONFIG_SCHED_CLASS_EXT (rustlandctl doctor names it)";

} // namespace

const char* phase_name(Phase phase) {
    switch (phase) {
    case Phase::Off:
        return "off";
    case Phase::Starting:
        return "starting";
    case Phase::On:
        return "on";
    case Phase::Stopping:
        return "stopping";
    }
    return "off";
}

DecisionCore::DecisionCore(std::shared_ptr<const Config> config, std::function<double()> random)
    : config_(std::move(config)), failures_(std::move(random)) {}

void DecisionCore::learn(const Event& event, Nanos now) {
    std::visit([&](const auto& e) { take(e, now); }, event);
}

Decision DecisionCore::on(const Event& event, Nanos now) {
    learn(event, now);
    return decide(now);
}

std::optional<Nanos> DecisionCore::on_since() const {
    return phase_ == Phase::On ? std::optional(attached_at_) : std::nullopt;
}

CleanLine DecisionCore::could_not_try() const {
    const bool waits = phase_ == Phase::Off && not_tried_ > 0 && why_.until == retry_start_at_;
    return waits ? why_not_tried_ : CleanLine();
}

std::optional<StopOrder> DecisionCore::stop_order() const {
    return stopped_ == Stopped::ByCommand ? order_ : std::nullopt;
}

std::vector<DecisionCore::HoldView> DecisionCore::holds() const {
    std::vector<HoldView> out;
    for (const auto& [id, hold] : holds_)
        out.push_back({id, hold.reason});
    return out;
}

std::optional<std::string> DecisionCore::refusal(const event::StartRequested& request) const {
    const SchedulerSpec spec = request.spec.value_or(config_->settings.scheduler);
    if (!supported_)
        return kUnsupported;
    if (failures_.quarantined(spec))
        return failures_.why_quarantined(spec);
    if (foreign_stands() && !request.take_over)
        return fmt::format("the kernel runs {}; {}", foreign_.text(), foreign_.advice());
    if (asleep_)
        return kAsleep;
    return std::nullopt;
}

bool DecisionCore::forced_off() const {
    return stopped_ != Stopped::No ||
           (asleep_ && config_->settings.sleep_action == SleepAction::Stop);
}

std::string DecisionCore::why_forced_off() const {
    switch (stopped_) {
    case Stopped::ByCommand:
        return fmt::format("stopped by command{}, until rustlandctl resume or start",
                           !order_            ? ""
                           : order_->uid == 0 ? " of root"
                                              : fmt::format(" of user {}", order_->uid));
    case Stopped::UntilNextGame:
        return "stopped from outside, until the next game begins or rustlandctl resume";
    case Stopped::No:
        break;
    }
    return kAsleep;
}

Nanos DecisionCore::linger_of(const Rule& rule) const {
    return rule.linger.value_or(config_->settings.linger);
}

std::string DecisionCore::left_alone() const {
    return fmt::format("the kernel runs {}: left alone{}", foreign_.text(),
                       foreign_.by == WhoRuns::By::AlwaysOn ? ", and games are not put in front"
                                                            : "");
}

std::optional<std::string> DecisionCore::unmet_condition(const Rule& rule) const {
    // Who wants builds to yield does not want another scheduler for each of them.
    if (rule.workload_class == WorkloadClass::Background && !rule.scheduler && !rule.scheduler_args)
        return fmt::format("{} is in the background (class = background), which does not turn the "
                           "scheduler on",
                           rule.name);
    const bool battery = power_.on_battery.value_or(false);
    if (rule.on_battery == BatteryCondition::Yes && !battery)
        return fmt::format("{} waits: only on battery (on_battery = yes), now on mains", rule.name);
    if (rule.on_battery == BatteryCondition::No && battery)
        return fmt::format("{} waits: only on mains (on_battery = no), now on battery", rule.name);
    const auto& profiles = rule.power_profiles;
    if (profiles.empty() || power_.profile.empty() ||
        std::find(profiles.begin(), profiles.end(), power_.profile) != profiles.end())
        return std::nullopt;
    return fmt::format("{0} waits: only with the power profile {1} (power_profile = {2}), now {3}",
                       rule.name, fmt::join(profiles, " or "), fmt::join(profiles, ", "),
                       power_.profile);
}

std::optional<std::string> DecisionCore::why_not_now(const Rule& rule) const {
    if (!supported_)
        return kUnsupported;
    if (forced_off())
        return why_forced_off();
    if (auto unmet = unmet_condition(rule))
        return unmet;
    return obstacle(config_->spec_for(rule));
}

std::optional<std::string> DecisionCore::obstacle(const SchedulerSpec& spec) const {
    if (auto quarantined = failures_.why_quarantined(spec))
        return quarantined;
    if (foreign_stands())
        return left_alone();
    if (asleep_)
        return kAsleep;
    return std::nullopt;
}

// Of those that run and wait, the one that would be heard first.
std::string DecisionCore::why_nobody_wants_it() const {
    const Rule* first = nullptr;
    for (const auto& [name, session] : sessions_) {
        const Rule* const rule = session.active ? config_->find_rule(name) : nullptr;
        if (rule != nullptr && unmet_condition(*rule) &&
            (first == nullptr || rule->priority > first->priority))
            first = rule;
    }
    if (first != nullptr)
        return *unmet_condition(*first);
    if (phase_ != Phase::Off)
        return "no game runs any more";
    // One that began now would not turn it on.
    if (const auto in_the_way = obstacle(config_->settings.scheduler))
        return fmt::format("no game runs, and {}", *in_the_way);
    return nothing_counts(*config_) ? kNothingCounts : kIdle;
}

void DecisionCore::consider_sessions(std::vector<Candidate>& all, Nanos now) {
    for (auto it = sessions_.begin(); it != sessions_.end();) {
        const auto& [name, session] = *it;
        const Rule* rule = config_->find_rule(name);
        const Nanos until = session.ended + (rule != nullptr ? linger_of(*rule) : Nanos{});
        if (rule == nullptr || (!session.active && until <= now)) {
            it = sessions_.erase(it);
            continue;
        }
        ++it;
        if (!session.active)
            wake_at(until);
        if (unmet_condition(*rule))
            continue;
        const SchedulerSpec spec = config_->spec_for(*rule);
        // Lingering keeps a scheduler on; it never starts one.
        if (!session.active && (phase_ == Phase::Off || current_ != spec))
            continue;
        all.push_back({spec, session.active ? kWorkload : kLingering, rule->priority, session.began,
                       session.active ? Reason{fmt::format("workload {}", name)}
                                      : Reason{fmt::format("{} ended", name), until, "", true}});
    }
}

std::optional<DecisionCore::Candidate> DecisionCore::choose(Nanos now) {
    const SchedulerSpec& standard = config_->settings.scheduler;
    std::vector<Candidate> all;
    if (manual_)
        all.push_back({*manual_, kCommand, 0, {}, {"started by command"}});
    for (const auto& [id, hold] : holds_)
        all.push_back({hold.spec.value_or(standard),
                       hold.spec ? kHoldWithSpec : kHold,
                       0,
                       Nanos{static_cast<std::int64_t>(id)},
                       {fmt::format("held: {}", hold.reason)}});
    if (config_->settings.default_action == DefaultAction::Start)
        all.push_back({standard, kDefault, 0, {}, {"default_action = start"}});
    consider_sessions(all, now);
    std::string quarantined;
    std::erase_if(all, [&](const Candidate& c) {
        const bool out = failures_.quarantined(c.spec);
        if (out)
            quarantined = *failures_.why_quarantined(c.spec);
        return out;
    });
    if (all.empty()) {
        why_ = {quarantined.empty() ? why_nobody_wants_it() : quarantined};
        return std::nullopt;
    }
    return *std::max_element(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) {
        if (a.rank != b.rank)
            return a.rank < b.rank;
        if (a.priority != b.priority)
            return a.priority < b.priority;
        // All that linger keep the same one on: until the last of them is over.
        if (a.rank == kLingering)
            return a.why.until < b.why.until;
        return a.began > b.began;
    });
}

Decision DecisionCore::decide(Nanos now) {
    wakeup_.reset();
    std::optional<Candidate> target = choose(now);
    if (forced_off()) {
        why_ = {why_forced_off()};
        target.reset();
    }
    Decision decision = Keep{};
    switch (phase_) {
    case Phase::Off:
        decision = decide_off(target, now);
        break;
    case Phase::On:
        decision = decide_on(target, now);
        break;
    case Phase::Starting:
        // A command that came meanwhile is heard once this is done.
        if (!forced_off()) {
            say_how_the_change_goes(target);
            return decision;
        }
        phase_ = Phase::Stopping;
        decision = Stop{why_.text(now)};
        break;
    case Phase::Stopping:
        say_how_the_change_goes(target);
        return decision;
    }
    commanded_ = false;
    take_over_ = false;
    return decision;
}

// What came while a start or a stop is under way is decided once it is done. Until then people are
// told both: what goes on, and what follows.
void DecisionCore::say_how_the_change_goes(const std::optional<Candidate>& target) {
    if (phase_ == Phase::Stopping) {
        if (!target)
            return;
        why_ = target->why;
        why_.then = "; it comes back once it has stopped";
    } else if (!target) {
        why_.then = "; it ends once it has started";
    } else {
        why_ = target->why;
        if (target->spec != current_)
            why_.then = "; that scheduler follows once this one has started";
    }
}

Decision DecisionCore::decide_off(const std::optional<Candidate>& target, Nanos now) {
    restart_ = false;
    if (!supported_) {
        why_ = {kUnsupported};
        return Keep{};
    }
    if (!target)
        return Keep{};
    if (foreign_stands() && !take_over_) {
        why_ = {left_alone()};
        return Keep{};
    }
    if (asleep_) {
        why_ = {kAsleep};
        return Keep{};
    }
    if (must_wait(target->spec, now, "waiting after a failure", "too many starts in a short time"))
        return Keep{};
    begin(*target, now);
    return Start{target->spec, target->why.text(now), std::exchange(take_over_, false)};
}

Decision DecisionCore::decide_on(const std::optional<Candidate>& target, Nanos now) {
    const bool restart = std::exchange(restart_, false);
    if (target && target->spec == *current_ && !restart) {
        why_ = target->why;
        return Keep{};
    }
    const Nanos dwell_until = attached_at_ + config_->settings.min_dwell;
    if (!forced_off() && !commanded_ && now < dwell_until) {
        why_ = {"stays on for the minimum time", dwell_until};
        wake_at(dwell_until);
        return Keep{};
    }
    if (!target) {
        phase_ = Phase::Stopping;
        return Stop{why_.text(now)};
    }
    // What the new one may not do, it must not stop the old one for.
    if (must_wait(target->spec, now, "waiting after a failure before a switch",
                  "too many switches in a short time"))
        return Keep{};
    begin(*target, now);
    return Switch{target->spec, target->why.text(now)};
}

bool DecisionCore::must_wait(const SchedulerSpec& spec, Nanos now, const char* failed,
                             const char* too_many) {
    if (const auto retry = failures_.retry_at(spec); retry && *retry > now && !commanded_) {
        why_ = {fmt::format("{} ({})", failed, failures_.reason(spec)), *retry};
        wake_at(*retry);
        return true;
    }
    if (retry_start_at_ > now && !commanded_) {
        why_ = {fmt::format("it could not be tried ({}), and is tried again", why_not_tried_),
                retry_start_at_};
        wake_at(retry_start_at_);
        return true;
    }
    if (const auto until = limited_until(now); until && !commanded_) {
        why_ = {too_many, *until};
        wake_at(*until);
        return true;
    }
    return false;
}

void DecisionCore::begin(const Candidate& target, Nanos now) {
    starts_.push_back(now);
    phase_ = Phase::Starting;
    current_ = target.spec;
    why_ = target.why;
}

std::optional<Nanos> DecisionCore::limited_until(Nanos now) {
    const Rate& limit = config_->settings.switch_limit;
    while (!starts_.empty() && starts_.front() + limit.window <= now)
        starts_.pop_front();
    if (static_cast<int>(starts_.size()) < limit.count)
        return std::nullopt;
    return starts_[starts_.size() - static_cast<std::size_t>(limit.count)] + limit.window;
}

void DecisionCore::wake_at(Nanos when) {
    if (!wakeup_ || when < *wakeup_)
        wakeup_ = when;
}

} // namespace rustland::supervisor
