// SPDX-License-Identifier: GPL-2.0-only
// How busy a process keeps the graphics processor, from what DRM drivers tell of each open device
// in /proc/PID/fdinfo (the kernel's drm-usage-stats). Pure: texts and times are handed in.
#pragma once

#include "rustland/common/types.hpp"
#include "supervisor/match/process_info.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rustland::supervisor {

// What one engine has done for a client since the device was opened. Drivers tell either times or
// cycles of its own and cycles that there were.
struct EngineUse {
    std::optional<std::uint64_t> busy_ns;
    std::optional<std::uint64_t> cycles;
    std::optional<std::uint64_t> total_cycles;
    std::uint64_t capacity = 1; // identical engines behind one name
};

// One open device. Descriptors that were duplicated share a client.
struct DrmClient {
    std::string device; // driver and bus address
    std::string id;
    std::map<std::string, EngineUse> engines; // only those that draw and compute
};

// The text of one file in /proc/PID/fdinfo; nothing where no engine is told about.
std::optional<DrmClient> parse_drm_fdinfo(std::string_view text);

// What was seen of a process at one moment.
struct GpuReading {
    bool device = false; // it holds a graphics device open
    bool hidden = false; // what it holds open may not be seen
    std::vector<DrmClient> clients = {};
};

// Turns readings into shares: remembers the last one of each process.
class GpuWatch {
  public:
    // `now` is of any clock that goes on while the machine runs.
    GpuUse look(const ProcessKey& process, GpuReading reading, Nanos now);
    // The last answer about a process; nothing where it was never looked at.
    [[nodiscard]] std::optional<GpuUse> last(const ProcessKey& process) const;
    // Forgets the processes that were last looked at before `then`.
    void forget_before(Nanos then);
    void clear() { known_.clear(); }

  private:
    struct Known {
        GpuReading reading;
        Nanos at;
        GpuUse use;
    };
    std::map<ProcessKey, Known> known_;
};

} // namespace rustland::supervisor
