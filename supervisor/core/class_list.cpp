// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/core/class_list.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace rustland::supervisor {
namespace {

// The scheduler looks at a process and 15 ancestors. Half of that leaves room for processes in
// between that are gone or that nobody has told us of.
constexpr int kMostSteps = 8;

// What was asked for by name first, what only helps last.
enum class Turn { Held, Member, Companion };

struct Entry {
    ProcessKey process;
    uid_t user = 0;
    Turn turn = Turn::Member;
    WorkloadClass workload_class = WorkloadClass::Normal;
};

class Roots {
  public:
    Roots(const std::vector<Member>& members, const Config& config) {
        for (const Member& member : members) {
            const Rule* rule = config.find_rule(member.rule);
            if (rule != nullptr && rule->workload_class != WorkloadClass::Normal)
                members_[member.key] = {&member, rule->workload_class, kUnknown};
        }
    }

    [[nodiscard]] std::vector<Entry> entries() {
        std::vector<Entry> out;
        for (const auto& [key, known] : members_)
            if (steps(key) == 0)
                out.push_back({key, known.member->user, Turn::Member, known.workload_class});
        return out;
    }

  private:
    static constexpr int kUnknown = -1;
    static constexpr int kOnTheWay = -2;
    struct Known {
        const Member* member = nullptr;
        WorkloadClass workload_class = WorkloadClass::Normal;
        int steps = kUnknown;
    };

    // To the nearest listed one; 0: is listed itself. Upwards without recursion, as one user may
    // have a chain of any length, and then back.
    int steps(const ProcessKey& key) {
        std::vector<Known*> chain;
        Known* at = &members_.at(key);
        while (at != nullptr && at->steps == kUnknown) {
            at->steps = kOnTheWay;
            chain.push_back(at);
            const auto parent = members_.find(at->member->parent);
            const bool covers = parent != members_.end() && parent->second.steps != kOnTheWay &&
                                parent->second.workload_class == at->workload_class;
            at = covers ? &parent->second : nullptr;
        }
        int above = at != nullptr ? at->steps : -1;
        for (auto it = chain.rbegin(); it != chain.rend(); ++it)
            above = (*it)->steps = (above + 1) % kMostSteps;
        return members_.at(key).steps;
    }

    std::map<ProcessKey, Known> members_;
};

// The companions that somebody in the foreground names.
std::set<std::string> companions_wanted(const std::vector<Member>& members, const Config& config) {
    std::set<std::string> names;
    for (const Member& member : members) {
        const Rule* rule = config.find_rule(member.rule);
        if (rule != nullptr && rule->workload_class == WorkloadClass::Foreground &&
            rule->companions)
            names.insert(rule->companions->begin(), rule->companions->end());
    }
    return names;
}

// Those of `pids` that are in neither list.
std::vector<Pid> others(const std::set<Pid>& pids, const std::set<Pid>& a, const std::set<Pid>& b) {
    std::vector<Pid> out;
    for (const Pid pid : pids)
        if (!a.contains(pid) && !b.contains(pid))
            out.push_back(pid);
    return out;
}

// How many each user may list, so that all fit.
std::size_t fair_share(const std::map<uid_t, std::size_t>& wanted) {
    std::size_t share = kMostClassedPerUser;
    const auto sum = [&] {
        std::size_t all = 0;
        for (const auto& [user, count] : wanted)
            all += std::min(count, share);
        return all;
    };
    while (share > 1 && sum() > kMostClassed)
        share /= 2;
    return share;
}

} // namespace

ClassList class_list(const std::vector<Member>& members, const Config& config,
                     const std::vector<HeldProcess>& held,
                     const std::vector<Companion>& companions) {
    std::vector<Entry> entries = Roots(members, config).entries();
    for (const HeldProcess& hold : held)
        entries.push_back({hold.process, hold.user, Turn::Held, WorkloadClass::Foreground});
    const std::set<std::string> wanted_names = companions_wanted(members, config);
    for (const Companion& companion : companions)
        if (wanted_names.contains(companion.name))
            entries.push_back(
                {companion.key, companion.user, Turn::Companion, WorkloadClass::Foreground});
    // The older before the younger.
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        if (a.turn != b.turn)
            return a.turn < b.turn;
        return a.process.start_time < b.process.start_time;
    });
    std::map<uid_t, std::size_t> wanted;
    for (const Entry& entry : entries)
        ++wanted[entry.user];
    const std::size_t share = fair_share(wanted);
    std::map<uid_t, std::size_t> listed;
    std::set<uid_t> cut;
    std::set<Pid> foreground;
    std::set<Pid> background;
    std::set<Pid> alone;
    for (const Entry& entry : entries) {
        if (listed[entry.user] >= share ||
            foreground.size() + background.size() + alone.size() >= kMostClassed) {
            cut.insert(entry.user);
            continue;
        }
        ++listed[entry.user];
        auto& list = entry.turn == Turn::Companion                       ? alone
                     : entry.workload_class == WorkloadClass::Foreground ? foreground
                                                                         : background;
        list.insert(entry.process.pid);
    }
    ClassList out;
    out.classes.foreground.assign(foreground.begin(), foreground.end());
    // A held process may be one that a rule knows, too.
    out.classes.background = others(background, foreground, {});
    out.classes.companions = others(alone, foreground, background);
    out.cut.assign(cut.begin(), cut.end());
    return out;
}

} // namespace rustland::supervisor
