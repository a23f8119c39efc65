// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "supervisor/config/load.hpp"
#include "supervisor/system/loop.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace rustland::supervisor {

// The users that names stand for. Who they are is asked of the name services, a directory in the
// network among them, which may take for ever: that happens in a thread of its own, and nobody
// waits for it longer than `patience`.
class UserNames {
  public:
    // `lookup` runs in that thread.
    UserNames(Loop& loop, UserLookup lookup, Nanos patience)
        : loop_(loop), lookup_(std::move(lookup)), patience_(patience) {}

    // Hands the answers over, from the loop, or at once where there are no names. A name that was
    // not answered in time has the answer of the last time, or is not in the table at all.
    using Deliver = std::function<void(const UserTable&)>;
    void find(const std::set<std::string>& names, const Deliver& deliver);
    // The same before the loop runs; waits.
    UserTable find_now(const std::set<std::string>& names);

  private:
    struct Task;
    bool start(const std::set<std::string>& names);
    // Takes what the thread has found; false where it has not found it yet.
    bool take();
    void finish();
    [[nodiscard]] UserTable known(const std::set<std::string>& names) const;

    Loop& loop_;
    UserLookup lookup_;
    Nanos patience_;
    UserTable known_;
    std::shared_ptr<Task> task_; // while the thread runs, however long ago it was started
    Source ready_;
    Source late_;
    std::set<std::string> wanted_;
    Deliver deliver_;
};

} // namespace rustland::supervisor
