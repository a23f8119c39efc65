// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "supervisor/system/bus.hpp"

#include <functional>
#include <memory>
#include <sys/types.h>

namespace rustland::supervisor {

// Whether systemd is ending the unit of process `pid` only to start it again: its job is then a
// restart, not a stop. Answers "no" where systemd does not say in time.
void ask_whether_restarting(Bus& bus, const std::shared_ptr<void>& owner, pid_t pid,
                            const std::function<void(bool)>& answer);

} // namespace rustland::supervisor
