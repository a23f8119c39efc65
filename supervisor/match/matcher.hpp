// SPDX-License-Identifier: GPL-2.0-only
// Processes to rules. Pure: a process is a value, and so is the answer.
#pragma once

#include "supervisor/match/process_info.hpp"
#include "supervisor/match/rule.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace rustland::supervisor {

// Which parts of a ProcessInfo the rules look at, so that no more is read for every new process.
struct Needs {
    bool argv = false;
    bool exe = false;
    bool cgroup = false;
    bool uid = false;
    bool parent = false;
    bool ancestors = false;
    bool steam_appid = false;
    bool gpu = false; // not read with the process: it takes two looks

    static constexpr Needs everything() { return {true, true, true, true, true, true, true, true}; }
    // What either of the two needs.
    friend constexpr Needs operator|(const Needs& a, const Needs& b) {
        return {a.argv || b.argv,
                a.exe || b.exe,
                a.cgroup || b.cgroup,
                a.uid || b.uid,
                a.parent || b.parent,
                a.ancestors || b.ancestors,
                a.steam_appid || b.steam_appid,
                a.gpu || b.gpu};
    }
};

struct KeyVerdict {
    std::string key;
    bool matched = false;
    std::vector<std::string> wanted; // any of these
    std::string actual;
    std::vector<Place> from; // where it was given; empty for a default
};

struct RuleVerdict {
    std::string rule;
    std::string file;
    int line = 0;
    bool enabled = true;
    bool deny = false;
    int priority = 0;
    WorkloadClass workload_class = WorkloadClass::Foreground;
    bool matched = false;
    std::vector<KeyVerdict> keys;
    std::vector<Place> enabled_from; // where "enabled" was given; empty for the default
};

struct Explanation {
    std::vector<RuleVerdict> rules; // in the order in which they are tried
    std::optional<std::string> decided_by;
    bool denied = false;
};

// Whether a process belongs to somebody who sits at the machine; asked only where all else holds.
// An empty one says yes.
using SessionTest = std::function<bool(const ProcessInfo&)>;

class Matcher {
  public:
    Matcher() = default;
    explicit Matcher(std::vector<Rule> rules);

    // The first rule that matches, the highest priority first, a deny rule before others of its
    // priority, then in the order given; null where none does.
    [[nodiscard]] const Rule* match(const ProcessInfo& process,
                                    const SessionTest& seated = {}) const;
    // As match(), but tries every rule and says for every key why it holds or not.
    [[nodiscard]] Explanation explain(const ProcessInfo& process,
                                      const SessionTest& seated = {}) const;

    [[nodiscard]] const Needs& needs() const { return needs_; }
    // True where some rule names a cgroup that covers this path.
    [[nodiscard]] bool wants_cgroup(std::string_view path) const;
    // True where it depends on the graphics processor alone whether some rule takes this process.
    [[nodiscard]] bool waits_for_gpu(const ProcessInfo& process,
                                     const SessionTest& seated = {}) const;
    [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }
    [[nodiscard]] const Rule* find(std::string_view name) const;

  private:
    std::vector<Rule> rules_;
    Needs needs_;
};

} // namespace rustland::supervisor
