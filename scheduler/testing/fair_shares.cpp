// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/testing/fair_shares.hpp"

#include "fair_math.h"
#include "rustland_abi.h"

#include <algorithm>

namespace rustland::testing {

std::uint64_t FairShares::own_weight(const FairAccount& account) {
    const std::uint64_t weight = std::uint64_t{account.weight} * 1024 / 100;
    return std::max<std::uint64_t>(account.background ? weight / RL_BACKGROUND_DIVISOR : weight, 1);
}

std::uint64_t FairShares::flat(const FairAccount& account) {
    const std::uint64_t own = own_weight(account);
    if (account.group == 0)
        return own << RL_FLAT_SHIFT;
    const Group& group = groups_[account.group];
    const std::uint64_t whole = (std::uint64_t{group.weight} * 1024 / 100) << RL_FLAT_SHIFT;
    return own * whole / std::max(group.active, own);
}

void FairShares::settle(FairAccount& account, Nanos used) {
    const Clock& clock = clocks_[account.clock];
    const std::uint64_t advance = clock.time - account.clock_at;
    account.flat = flat(account);
    account.lag.value =
        account.asleep
            ? rl_lag_after_sleep(account.lag.value, advance, account.flat)
            : rl_lag_after(account.lag.value, advance, account.flat,
                           static_cast<std::uint64_t>(used.value), account.request_cap.value);
    account.asleep = false;
    account.clock_at = clock.time;
}

void FairShares::enter(FairAccount& account, std::size_t clock) {
    account.clock = clock;
    account.clock_at = clocks_[clock].time;
    account.asleep = false;
}

void FairShares::runnable(FairAccount& account, std::size_t clock) {
    if (!account.active) {
        account.active = true;
        groups_[account.group].active += own_weight(account);
    }
    settle(account, Nanos{});
    if (account.clock != clock) {
        account.clock = clock;
        account.clock_at = clocks_[clock].time;
        account.lag = std::min(account.lag, Nanos{});
    }
}

void FairShares::quiescent(FairAccount& account) {
    if (account.active)
        groups_[account.group].active -= own_weight(account);
    account.active = false;
    account.round_from = Nanos{};
}

void FairShares::used(FairAccount& account, Nanos time) {
    account.sum_exec += time;
    settle(account, time);
}

// A task that goes on has no new turn before the longest span is over: it waits later, or not at
// all.
void FairShares::count_round(FairAccount& account, bool goes_on, Nanos now) {
    Clock& clock = clocks_[account.clock];
    if (account.round_from.value != 0) {
        const auto round = static_cast<std::uint64_t>((now - account.round_from).value);
        const auto used = static_cast<std::uint64_t>((account.sum_exec - account.round_exec).value);
        if (goes_on && round < RL_PACE_SPAN_MAX_NS)
            return;
        if (rl_had_to_wait(used, round)) {
            clock.served += used;
            clock.weight_time += rl_weight_time(account.flat, round);
        }
    }
    account.round_from = now;
    account.round_exec = account.sum_exec;
}

void FairShares::measure(Clock& clock, Nanos now) {
    const std::uint64_t span = static_cast<std::uint64_t>(now.value) - clock.span_since;
    if (span < RL_PACE_SPAN_MIN_NS)
        return;
    if (span <= RL_PACE_SPAN_MAX_NS)
        clock.pace = rl_pace_after(clock.pace, clock.time - clock.span_from, span);
    clock.pace_of_service = rl_pace_of_service(clock.served, clock.weight_time, clock.pace);
    clock.served = rl_remembered(clock.served);
    clock.weight_time = rl_remembered(clock.weight_time);
    clock.span_since = static_cast<std::uint64_t>(now.value);
    clock.span_from = clock.time;
}

void FairShares::first(FairAccount& account, bool goes_on, Nanos now) {
    Clock& clock = clocks_[account.clock];
    static_cast<void>(stretch(account));
    const std::int64_t cap = account.request_cap.value;
    const std::int64_t request = account.request.value != 0 ? account.request.value : cap;
    std::uint64_t push = rl_clock_push(account.lag.value, request, cap, account.flat);
    if (account.start == FairAccount::Start::Aged)
        push = std::min<std::uint64_t>(
            push, rl_aged_push_limit(clock.pace_of_service,
                                     static_cast<std::uint64_t>(now.value) - clock.span_since,
                                     clock.time - clock.span_from));
    clock.time = std::max(clock.time, account.clock_at + push);
    settle(account, Nanos{});
    count_round(account, goes_on, now);
    measure(clock, now);
}

void FairShares::running(FairAccount& account, Nanos now) {
    settle(account, Nanos{});
    if (account.start == FairAccount::Start::First || account.start == FairAccount::Start::Aged)
        first(account, false, now);
    else if (account.start == FairAccount::Start::Idle)
        forgive(account);
    account.start = FairAccount::Start::Other;
}

void FairShares::forgive(FairAccount& account) { account.lag = std::max(account.lag, Nanos{}); }

std::uint32_t FairShares::stretch(FairAccount& account) {
    const std::uint64_t stretch = rl_stretch(account.flat, clocks_[account.clock].pace);
    account.request_cap = Nanos{rl_request_cap(stretch)};
    return static_cast<std::uint32_t>(stretch);
}

} // namespace rustland::testing
