// SPDX-License-Identifier: GPL-2.0-only
// What a later daemon needs to take over, in /run: lost with the machine's state, as it should be.
#pragma once

#include "supervisor/system/runner.hpp"

#include <optional>
#include <string>

namespace rustland::supervisor {

class StateFile {
  public:
    explicit StateFile(std::string path) : path_(std::move(path)) {}

    [[nodiscard]] Status save(const RunRecord& record) const;
    void clear() const;
    [[nodiscard]] bool exists() const;
    // Nothing where there is none; an error where it cannot be trusted or understood.
    [[nodiscard]] Result<std::optional<RunRecord>> load() const;

  private:
    std::string path_;
};

// By whose command the scheduler stays off, which outlives the daemon in the same way.
class StopFile {
  public:
    explicit StopFile(std::string path) : path_(std::move(path)) {}

    [[nodiscard]] Status save(const StopOrder& order) const;
    void clear() const;
    // As StateFile::load().
    [[nodiscard]] Result<std::optional<StopOrder>> load() const;

  private:
    std::string path_;
};

} // namespace rustland::supervisor
