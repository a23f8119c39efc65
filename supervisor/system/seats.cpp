// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/seats.hpp"

#include "rustland/common/clock.hpp"

#include <sys/epoll.h>
#include <systemd/sd-login.h>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

constexpr Nanos kSettled = millis(200);

bool has_active_seat(uid_t user) { return sd_uid_get_seats(user, 1, nullptr) > 0; }

} // namespace

// Without logind everybody does. A link that points nowhere is no logind, so that access(2) asks
// for its folder and not path_exists().
bool sits_at_the_machine(uid_t user, Pid process) {
    if (user == 0 || ::access("/run/systemd/seats", F_OK) != 0 || has_active_seat(user))
        return true;
    uid_t owner = 0;
    return sd_pid_get_owner_uid(process.value, &owner) >= 0 && owner != user &&
           has_active_seat(owner);
}

Result<std::unique_ptr<SeatWatch>> SeatWatch::create(Loop& loop, std::function<void()> changed) {
    std::unique_ptr<SeatWatch> self(new SeatWatch());
    if (const int r = sd_login_monitor_new("seat", &self->monitor_); r < 0)
        return Error::from_code("watch who sits at the machine", -r);
    auto settled = loop.timer(std::move(changed));
    if (!settled)
        return settled.error();
    self->settled_ = *std::move(settled);
    SeatWatch* raw = self.get();
    auto source = loop.io(sd_login_monitor_get_fd(raw->monitor_), EPOLLIN, [raw](std::uint32_t) {
        sd_login_monitor_flush(raw->monitor_);
        raw->settled_.arm(monotonic_now() + kSettled);
    });
    if (!source)
        return source.error();
    self->source_ = *std::move(source);
    return self;
}

SeatWatch::~SeatWatch() {
    source_.reset();
    sd_login_monitor_unref(monitor_);
}

} // namespace rustland::supervisor
