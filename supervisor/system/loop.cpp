// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/loop.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <pthread.h>
#include <systemd/sd-event.h>
#include <utility>

namespace rustland::supervisor {

struct Source::Callback {
    std::function<void(std::uint32_t)> run;
    // Keeps the callback alive while it runs, even if it destroys its own Source.
    std::weak_ptr<Callback> self;
};

namespace {

int on_io(sd_event_source*, int, std::uint32_t events, void* data) {
    const auto callback = static_cast<Source::Callback*>(data)->self.lock();
    if (callback)
        callback->run(events);
    return 0;
}

int on_time(sd_event_source*, std::uint64_t, void* data) { return on_io(nullptr, -1, 0, data); }

int on_signal_info(sd_event_source*, const signalfd_siginfo*, void* data) {
    return on_io(nullptr, -1, 0, data);
}

std::shared_ptr<Source::Callback> make_callback(std::function<void(std::uint32_t)> run) {
    auto callback = std::make_shared<Source::Callback>();
    callback->run = std::move(run);
    callback->self = callback;
    return callback;
}

std::uint64_t usec(Nanos at) {
    // Rounded up: an early timer would find nothing due and arm itself again.
    return static_cast<std::uint64_t>(std::max<std::int64_t>(at.value + 999, 0) / 1000);
}

} // namespace

Source::Source(Source&& other) noexcept
    : source_(std::exchange(other.source_, nullptr)), callback_(std::move(other.callback_)) {}

Source& Source::operator=(Source&& other) noexcept {
    if (this != &other) {
        reset();
        source_ = std::exchange(other.source_, nullptr);
        callback_ = std::move(other.callback_);
    }
    return *this;
}

Source::~Source() { reset(); }

void Source::reset() {
    sd_event_source_disable_unref(std::exchange(source_, nullptr));
    callback_.reset();
}

void Source::arm(Nanos at) {
    if (source_ == nullptr)
        return;
    sd_event_source_set_time(source_, usec(at));
    sd_event_source_set_enabled(source_, SD_EVENT_ONESHOT);
}

void Source::disarm() {
    if (source_ != nullptr)
        sd_event_source_set_enabled(source_, SD_EVENT_OFF);
}

void Source::watch(std::uint32_t events) {
    if (source_ != nullptr)
        sd_event_source_set_io_events(source_, events);
}

void Source::priority(std::int64_t value) {
    if (source_ != nullptr)
        sd_event_source_set_priority(source_, value);
}

Result<std::unique_ptr<Loop>> Loop::create() {
    sd_event* event = nullptr;
    if (const int r = sd_event_new(&event); r < 0)
        return Error::from_code("event loop", -r);
    return std::unique_ptr<Loop>(new Loop(event));
}

Loop::~Loop() { sd_event_unref(event_); }

Result<Source> Loop::io(int fd, std::uint32_t events, std::function<void(std::uint32_t)> on_ready) {
    Source source;
    source.callback_ = make_callback(std::move(on_ready));
    const int r =
        sd_event_add_io(event_, &source.source_, fd, events, on_io, source.callback_.get());
    if (r < 0)
        return Error::from_code("watch a descriptor", -r);
    return source;
}

Result<Source> Loop::timer(std::function<void()> on_due) {
    Source source;
    source.callback_ = make_callback([run = std::move(on_due)](std::uint32_t) { run(); });
    // An accuracy of 1 ms: the default of 250 ms would be felt by a player.
    const int r = sd_event_add_time(event_, &source.source_, CLOCK_MONOTONIC, 0, 1000, on_time,
                                    source.callback_.get());
    if (r < 0)
        return Error::from_code("make a timer", -r);
    source.disarm();
    return source;
}

Result<Source> Loop::signal(int number, std::function<void()> on_signal) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, number);
    if (const int r = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); r != 0)
        return Error::from_code("block a signal", r);
    Source source;
    source.callback_ = make_callback([run = std::move(on_signal)](std::uint32_t) { run(); });
    const int r = sd_event_add_signal(event_, &source.source_, number, on_signal_info,
                                      source.callback_.get());
    if (r < 0)
        return Error::from_code("watch a signal", -r);
    return source;
}

Result<int> Loop::run() {
    const int r = sd_event_loop(event_);
    if (r < 0)
        return Error::from_code("event loop", -r);
    return r;
}

void Loop::exit(int code) { sd_event_exit(event_, code); }

bool Loop::run_once(Nanos timeout) { return sd_event_run(event_, usec(timeout)) > 0; }

} // namespace rustland::supervisor
