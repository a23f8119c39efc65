// SPDX-License-Identifier: GPL-2.0-only
// Processes that serve workloads: compositors, sound servers. They keep no scheduler on; while a
// workload that names them is in the foreground they are, too. Pure.
#pragma once

#include "rustland/common/clean_text.hpp"
#include "supervisor/match/matcher.hpp"

#include <functional>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace rustland::supervisor {

struct Companion {
    ProcessKey key;
    std::string name; // of its [companion NAME]
    CleanLine comm;
    uid_t user = 0;
};

class Companions {
  public:
    // Judges one process as it is now; true if it became one. What is one stays one whatever it is
    // called later, and what descends from it is none for that.
    bool judge(const Matcher& matcher, const ProcessInfo& process, const SessionTest& seated = {});
    void note_user(Pid pid, uid_t user);
    // False where it was none.
    bool gone(const ProcessKey& key);
    // True where some were taken out.
    bool remove_if(const std::function<bool(const Companion&)>& unwanted);
    void clear() { all_.clear(); }

    [[nodiscard]] const Companion* find(Pid pid) const;
    [[nodiscard]] std::vector<Companion> all() const;

  private:
    std::map<Pid, Companion> all_;
};

} // namespace rustland::supervisor
