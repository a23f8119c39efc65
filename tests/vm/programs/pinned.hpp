// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/unique_fd.hpp"

namespace rustland::vm {

// Work in the kernel during which a task can be preempted but not moved to another CPU: a BPF
// program of the type that may sleep, as the kernel disables migration around it.
class PinnedLoop {
  public:
    static PinnedLoop load(); // ends the program if the kernel refuses it
    void run() const;         // about a tenth of a millisecond of CPU time

  private:
    explicit PinnedLoop(UniqueFd program) : program_(std::move(program)) {}
    UniqueFd program_;
};

} // namespace rustland::vm
