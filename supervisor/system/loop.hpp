// SPDX-License-Identifier: GPL-2.0-only
// sd-event with owners: a Source stops when it goes, whatever it called last.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"

#include <cstdint>
#include <functional>
#include <memory>

struct sd_event;
struct sd_event_source;

namespace rustland::supervisor {

// One event source. Destroying it, also from within its own callback, ends it.
class Source {
  public:
    Source() = default;
    Source(Source&& other) noexcept;
    Source& operator=(Source&& other) noexcept;
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    ~Source();

    explicit operator bool() const { return source_ != nullptr; }
    void reset();
    // Timers only: fires once at this point of CLOCK_MONOTONIC.
    void arm(Nanos at);
    void disarm();
    // I/O only: which of EPOLLIN, EPOLLOUT to wait for.
    void watch(std::uint32_t events);
    // Lower goes first among sources that are ready together.
    void priority(std::int64_t value);

    struct Callback;

  private:
    friend class Loop;
    sd_event_source* source_ = nullptr;
    std::shared_ptr<Callback> callback_;
};

class Loop {
  public:
    static Result<std::unique_ptr<Loop>> create();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    Loop(Loop&&) = delete;
    Loop& operator=(Loop&&) = delete;
    ~Loop();

    Result<Source> io(int fd, std::uint32_t events, std::function<void(std::uint32_t)> on_ready);
    // A timer that is not armed yet.
    Result<Source> timer(std::function<void()> on_due);
    // Blocks the signal for the thread and reads it here instead.
    Result<Source> signal(int number, std::function<void()> on_signal);

    // Until exit(); returns its code.
    Result<int> run();
    void exit(int code);
    // One round, for tests: false where nothing happened within `timeout`.
    bool run_once(Nanos timeout);

    [[nodiscard]] sd_event* raw() const { return event_; }

  private:
    explicit Loop(sd_event* event) : event_(event) {}
    sd_event* event_;
};

} // namespace rustland::supervisor
