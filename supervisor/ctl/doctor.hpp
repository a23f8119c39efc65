// SPDX-License-Identifier: GPL-2.0-only
// Whether this machine can run the scheduler, point by point, with what to do.
#pragma once

#include <string>
#include <vector>

namespace rustland::supervisor {

struct Finding {
    enum class Verdict { Good, Note, Bad };
    Verdict verdict = Verdict::Good;
    std::string subject;
    std::string text;
    std::string advice; // where something is to be done
};

struct DoctorOptions {
    std::string root; // before /sys, /proc, /boot …
    std::string socket = "/run/rustland/control.sock";
    std::string scheduler = "/usr/sbin/rustland";
};

std::vector<Finding> examine(const DoctorOptions& options);

} // namespace rustland::supervisor
