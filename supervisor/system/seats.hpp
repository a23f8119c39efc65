// SPDX-License-Identifier: GPL-2.0-only
// Who sits at the machine, as logind knows it.
#pragma once

#include "supervisor/system/loop.hpp"

#include <functional>
#include <memory>
#include <sys/types.h>

struct sd_login_monitor;

namespace rustland::supervisor {

// True where `user`, or the user whose slice the process is in (a container of his has other user
// numbers), has the active session at a seat. True for root, and for everybody on a machine without
// logind, where there is nothing to tell users apart by.
bool sits_at_the_machine(uid_t user, Pid process);

// Tells when somebody has come to a seat or gone.
class SeatWatch {
  public:
    static Result<std::unique_ptr<SeatWatch>> create(Loop& loop, std::function<void()> changed);
    SeatWatch(const SeatWatch&) = delete;
    SeatWatch& operator=(const SeatWatch&) = delete;
    SeatWatch(SeatWatch&&) = delete;
    SeatWatch& operator=(SeatWatch&&) = delete;
    ~SeatWatch();

  private:
    SeatWatch() = default;
    sd_login_monitor* monitor_ = nullptr;
    Source source_;
    Source settled_; // logind writes a file several times for one change
};

} // namespace rustland::supervisor
