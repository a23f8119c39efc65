// SPDX-License-Identifier: GPL-2.0-only
// What the kernel says about sched_ext: state, ops name and counters from sysfs, changes by uevent.
#pragma once

#include "rustland/common/clean_text.hpp"
#include "rustland/common/result.hpp"
#include "rustland/common/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace rustland::supervisor {

struct KernelState {
    bool supported = false;
    std::string state;            // "enabled", "disabled", "enabling", "disabling", "bypass"
    std::optional<CleanLine> ops; // the name of the scheduler that is attached
    std::uint64_t enable_seq = 0; // how many were ever enabled
    std::uint64_t rejected = 0;   // tasks that were refused entry

    [[nodiscard]] bool attached() const { return supported && ops && state != "disabled"; }
};

class SchedExtReader {
  public:
    explicit SchedExtReader(std::string root = "/sys/kernel/sched_ext") : root_(std::move(root)) {}
    [[nodiscard]] KernelState read() const;
    [[nodiscard]] const std::string& root() const { return root_; }

  private:
    std::string root_;
};

// True for a kernel uevent about sched_ext ("add@/kernel/sched_ext/root\0ACTION=add\0…").
bool is_sched_ext_uevent(std::string_view datagram);

// True for one about a battery or a mains adapter.
bool is_power_uevent(std::string_view datagram);

// The kernel's uevents, read without anybody in between.
class UeventSocket {
  public:
    static Result<UeventSocket> open();
    [[nodiscard]] int fd() const { return fd_.get(); }
    struct Seen {
        bool sched_ext = false;
        bool power = false;
    };
    // Reads what is there and says what it concerned; lost events count as all of it.
    Seen drain();

  private:
    UniqueFd fd_;
};

} // namespace rustland::supervisor
