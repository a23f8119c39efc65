// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/sleep_watch.hpp"

#include "rustland/common/log.hpp"

#include <fcntl.h>

namespace rustland::supervisor {
namespace {

constexpr const char* kLogind = "org.freedesktop.login1";
constexpr const char* kLogindPath = "/org/freedesktop/login1";
constexpr const char* kLogindManager = "org.freedesktop.login1.Manager";

} // namespace

std::unique_ptr<SleepWatch> SleepWatch::create(Bus& bus, std::function<void(bool)> on_sleep) {
    std::unique_ptr<SleepWatch> self(new SleepWatch(bus, std::move(on_sleep)));
    SleepWatch* raw = self.get();
    bus.on_state(self->life_, [raw](bool up) {
        raw->asked_ = false;
        if (!up)
            return;
        raw->listen();
        if (raw->wanted_ && !raw->lock_)
            raw->take_lock();
    });
    self->listen();
    return self;
}

void SleepWatch::listen() {
    signal_ = bus_.match({kLogind, kLogindPath, kLogindManager, "PrepareForSleep"},
                         [this](sd_bus_message* m) {
                             int asleep = 0;
                             if (sd_bus_message_read_basic(m, 'b', &asleep) < 0)
                                 return;
                             on_sleep_(asleep != 0);
                         });
}

void SleepWatch::delay_sleep(bool wanted) {
    wanted_ = wanted;
    if (!wanted)
        lock_.reset();
    else if (!lock_ && !asked_)
        take_lock();
}

void SleepWatch::take_lock() {
    BusMessage m = bus_.method(kLogind, kLogindPath, kLogindManager, "Inhibit");
    if (!m || sd_bus_message_append(m.get(), "ssss", "sleep", "rustlandd",
                                    "the CPU scheduler is taken out first", "delay") < 0)
        return;
    asked_ = true;
    bus_.call(std::move(m), life_, [this](sd_bus_message* reply, const Bus::Failure* failure) {
        if (failure != nullptr) {
            // No logind: nobody to tell of a sleep either. Not asked again before the bus is new.
            log::debug("sleep cannot be delayed: {}", failure->message);
            return;
        }
        asked_ = false;
        int fd = -1;
        if (wanted_ && sd_bus_message_read_basic(reply, 'h', &fd) >= 0)
            lock_.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    });
}

} // namespace rustland::supervisor
