// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/core/workloads.hpp"

#include "supervisor/match/common_programs.hpp"

#include <tuple>

namespace rustland::supervisor {
namespace {

ProcessKey parent_of(const ProcessInfo& process) {
    return process.ancestors.empty() ? ProcessKey{} : process.ancestors.front().key;
}

} // namespace

bool Workloads::judge(const Matcher& matcher, const ProcessInfo& process,
                      std::vector<Event>& events, const SessionTest& seated) {
    const auto it = members_.find(process.key.pid);
    if (it != members_.end()) {
        if (it->second.key == process.key) {
            it->second.comm = process.comm;
            it->second.name = process.name();
            return false;
        }
        remove(it, events); // the PID was used again
    }
    const Rule* rule = matcher.match(process, seated);
    if (rule != nullptr && rule->deny)
        return false;
    if (rule != nullptr) {
        // A launcher or a part of Wine that has left the tree of its game is no other game.
        if (active_.count(rule->name) > 0 && owner(process) == nullptr &&
            common_program(process.name()) == nullptr)
            events.emplace_back(event::WorkloadJoined{rule->name});
        add({process.key, rule->name, process.comm, false, parent_of(process), 0, process.name()},
            events);
        return true;
    }
    if (const Member* parent = owner(process); parent != nullptr) {
        add({process.key, parent->rule, process.comm, true, parent_of(process), 0, process.name()},
            events);
        return true;
    }
    return false;
}

void Workloads::gone(const ProcessKey& key, std::vector<Event>& events) {
    const auto it = members_.find(key.pid);
    if (it != members_.end() && it->second.key == key)
        remove(it, events);
}

void Workloads::note_user(Pid pid, uid_t user) {
    if (const auto it = members_.find(pid); it != members_.end())
        it->second.user = user;
}

void Workloads::remove_if(const std::function<bool(const Member&)>& unwanted,
                          std::vector<Event>& events) {
    for (auto it = members_.begin(); it != members_.end();) {
        const auto here = it++;
        if (unwanted(here->second))
            remove(here, events);
    }
}

void Workloads::keep_rules(const Matcher& matcher, std::vector<Event>& events) {
    remove_if(
        [&](const Member& member) {
            const Rule* rule = matcher.find(member.rule);
            return rule == nullptr || !rule->enabled || rule->deny;
        },
        events);
}

const Member* Workloads::find(Pid pid) const {
    const auto it = members_.find(pid);
    return it == members_.end() ? nullptr : &it->second;
}

std::vector<Member> Workloads::members() const {
    std::vector<Member> out;
    for (const auto& [pid, member] : members_)
        out.push_back(member);
    return out;
}

const Member* Workloads::face(const std::string& rule) const {
    const Member* best = nullptr;
    const auto order = [](const Member& m) {
        const std::string& name = m.name.str();
        return std::tuple(common_program(name) != nullptr, !is_windows_program(name),
                          m.key.start_time, m.key.pid);
    };
    for (const auto& [pid, member] : members_)
        if (member.rule == rule && (best == nullptr || order(member) < order(*best)))
            best = &member;
    return best;
}

void Workloads::add(Member member, std::vector<Event>& events) {
    if (++active_[member.rule] == 1)
        events.emplace_back(event::WorkloadStarted{member.rule});
    const Pid pid = member.key.pid;
    members_.insert_or_assign(pid, std::move(member));
}

void Workloads::remove(std::map<Pid, Member>::iterator it, std::vector<Event>& events) {
    const std::string rule = it->second.rule;
    members_.erase(it);
    if (--active_[rule] > 0)
        return;
    active_.erase(rule);
    events.emplace_back(event::WorkloadEnded{rule});
}

const Member* Workloads::owner(const ProcessInfo& process) const {
    for (const Ancestor& ancestor : process.ancestors) {
        const auto it = members_.find(ancestor.key.pid);
        if (it != members_.end() && it->second.key == ancestor.key)
            return &it->second;
    }
    return nullptr;
}

} // namespace rustland::supervisor
