// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/notifier.hpp"

#include "rustland/common/clock.hpp"

#include <utility>

namespace rustland::supervisor {
namespace {

constexpr Nanos kPause = millis(100);
// Beyond, the oldest is forgotten: how things stand now is in the newest.
constexpr std::size_t kMostWaiting = 16;

} // namespace

Result<std::unique_ptr<Notifier>> Notifier::create(Loop& loop, const std::string& address) {
    std::unique_ptr<Notifier> self(new Notifier(address));
    auto again = loop.timer([raw = self.get()] { raw->flush(); });
    auto alive = loop.timer([raw = self.get()] { raw->alive(); });
    if (!again || !alive)
        return !again ? again.error() : alive.error();
    self->again_ = *std::move(again);
    self->alive_ = *std::move(alive);
    return self;
}

void Notifier::tell(std::string state) {
    if (!socket_)
        return;
    if (waiting_.size() >= kMostWaiting)
        waiting_.pop_front();
    waiting_.push_back(std::move(state));
    flush();
}

void Notifier::flush() {
    while (!waiting_.empty()) {
        if (socket_->send(waiting_.front()) == DatagramSender::Sent::Full)
            return again_.arm(monotonic_now() + kPause);
        waiting_.pop_front();
    }
}

void Notifier::keep_alive(Nanos span) {
    beat_ = span / 2;
    if (beat_ > Nanos{})
        alive();
}

// Not queued behind others: it only says something about this moment.
void Notifier::alive() {
    if (socket_)
        static_cast<void>(socket_->send("WATCHDOG=1"));
    alive_.arm(monotonic_now() + beat_);
}

} // namespace rustland::supervisor
