// SPDX-License-Identifier: GPL-2.0-only
// The processes of a configuration.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/unique_fd.hpp"
#include "shares/description.hpp"
#include "shares/tasks.hpp"

#include <span>
#include <sys/types.h>
#include <vector>

namespace rustland::shares {

// One task of one line.
struct Player {
    const TaskLine* line = nullptr;
    std::size_t line_index = 0;
    std::span<Slot> slots;
};

// All of them, ready behind a gate. Destroying it kills and reaps them.
class Cast {
  public:
    // Each group has a process of its own that starts its tasks: the leader of its session, if it
    // is one. `configuration` must outlive the cast, its control groups must exist.
    static Result<Cast> assemble(const Configuration& configuration);

    Cast(Cast&& other) noexcept;
    Cast& operator=(Cast&&) = delete;
    Cast(const Cast&) = delete;
    Cast& operator=(const Cast&) = delete;
    ~Cast();

    [[nodiscard]] const std::vector<Player>& players() const { return players_; }
    // The processes of foreground tasks.
    [[nodiscard]] std::vector<pid_t> foreground() const;
    void open_gate() { gate_.reset(); }

    // CPU time of a player until now, its children's included.
    static Result<Nanos> cpu_time(const Player& player);

  private:
    Cast() = default;
    Status start_group(const Group& group, int gate);
    [[nodiscard]] Status wait_until_ready(const Configuration& configuration) const;

    std::vector<Player> players_;
    std::span<Slot> slots_; // a mapping of ours
    std::vector<pid_t> leaders_;
    UniqueFd gate_; // the writing end, which nobody else has
};

} // namespace rustland::shares
