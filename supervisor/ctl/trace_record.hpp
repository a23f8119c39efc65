// SPDX-License-Identifier: GPL-2.0-only
// Records what the CPUs do, with the kernel's tracing (tracefs).
#pragma once

#include "rustland/common/result.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace rustland::supervisor {

// An instance of the kernel's tracing of our own, so that no other user of it is disturbed. Gone
// with its owner.
class TraceInstance {
  public:
    static constexpr const char* kTracefs = "/sys/kernel/tracing";

    // `buffer_kib`: for each CPU.
    static Result<TraceInstance> create(std::uint64_t buffer_kib,
                                        const std::string& tracefs = kTracefs);
    TraceInstance(const TraceInstance&) = delete;
    TraceInstance& operator=(const TraceInstance&) = delete;
    TraceInstance(TraceInstance&& other) noexcept : path_(std::move(other.path_)) {
        other.path_.clear();
    }
    TraceInstance& operator=(TraceInstance&&) = delete;
    ~TraceInstance();

    Status start();
    Status stop();
    // A figure at this moment, as a track of its own; lost where there is no room.
    void counter(std::string_view name, double value) const;
    // What was recorded, as the kernel writes it. Stop before. See copy_trace().
    [[nodiscard]] Status write_to(const std::string& file,
                                  const std::function<bool()>& give_up) const;
    // Events for which there was no room.
    [[nodiscard]] std::uint64_t lost() const;

  private:
    explicit TraceInstance(std::string path) : path_(std::move(path)) {}
    [[nodiscard]] Status set(const std::string& name, std::string_view value) const;
    std::string path_;
};

// Piece by piece, as the kernel makes a trace while it is read, which takes its time on a busy
// machine: EINTR as soon as `give_up` says so between two pieces. The file then ends somewhere.
Status copy_trace(const std::string& from, const std::string& file,
                  const std::function<bool()>& give_up);

} // namespace rustland::supervisor
