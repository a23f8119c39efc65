// SPDX-License-Identifier: GPL-2.0-only
// Strong types for the numbers that are easily confused.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace rustland {

// A thread id in the initial PID namespace (what the kernel calls task_struct::pid).
struct Pid {
    std::int32_t value = 0;
    auto operator<=>(const Pid&) const = default;
};

// A logical CPU number as the kernel counts them; -1 is "any CPU".
struct CpuId {
    std::int32_t value = -1;
    auto operator<=>(const CpuId&) const = default;
    [[nodiscard]] constexpr bool any() const { return value < 0; }
};
inline constexpr CpuId kAnyCpu{-1};

// A span of time, or a point on CLOCK_MONOTONIC, in nanoseconds. Signed, so that differences are
// safe to form.
struct Nanos {
    std::int64_t value = 0;
    auto operator<=>(const Nanos&) const = default;
    constexpr Nanos& operator+=(Nanos other) {
        value += other.value;
        return *this;
    }
    constexpr Nanos& operator-=(Nanos other) {
        value -= other.value;
        return *this;
    }
    friend constexpr Nanos operator+(Nanos a, Nanos b) { return {a.value + b.value}; }
    friend constexpr Nanos operator-(Nanos a, Nanos b) { return {a.value - b.value}; }
    friend constexpr Nanos operator*(Nanos a, std::int64_t factor) { return {a.value * factor}; }
    friend constexpr Nanos operator/(Nanos a, std::int64_t divisor) { return {a.value / divisor}; }
};

constexpr Nanos micros(std::int64_t n) { return {n * 1000}; }
constexpr Nanos millis(std::int64_t n) { return {n * 1'000'000}; }
constexpr Nanos seconds(std::int64_t n) { return {n * 1'000'000'000}; }

} // namespace rustland

template <> struct std::hash<rustland::Pid> {
    std::size_t operator()(rustland::Pid pid) const noexcept {
        return std::hash<std::int32_t>{}(pid.value);
    }
};
