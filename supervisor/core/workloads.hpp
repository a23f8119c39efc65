// SPDX-License-Identifier: GPL-2.0-only
// Which processes belong to which workload. Pure: processes are values, the answers are events for
// the decision core.
#pragma once

#include "supervisor/core/event.hpp"
#include "supervisor/match/matcher.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace rustland::supervisor {

struct Member {
    ProcessKey key;
    std::string rule;
    CleanLine comm;
    bool inherited = false; // belongs as a child of a member, matched no rule itself
    ProcessKey parent;      // when it was judged; pid 0: not known
    uid_t user = 0;
    CleanLine name = {}; // what to call it, at full length
};

class Workloads {
  public:
    // Judges one process as it is now. A member stays one whatever it is called later; a deny rule
    // keeps a process out even where its parent is a member. Returns true if it became a member.
    // A process that belongs as a child does so whoever sits at the machine.
    bool judge(const Matcher& matcher, const ProcessInfo& process, std::vector<Event>& events,
               const SessionTest& seated = {});
    void note_user(Pid pid, uid_t user);

    // The process is gone.
    void gone(const ProcessKey& key, std::vector<Event>& events);

    // Takes out those that `unwanted` names.
    void remove_if(const std::function<bool(const Member&)>& unwanted, std::vector<Event>& events);

    // After a reload: drops the members whose rule is gone; the caller judges all processes anew.
    void keep_rules(const Matcher& matcher, std::vector<Event>& events);

    [[nodiscard]] const Member* find(Pid pid) const;
    [[nodiscard]] std::vector<Member> members() const;
    // The member by whose name people know the workload of a rule: one that is no launcher and no
    // interpreter where there is one, a Windows program before others, the oldest of these; null
    // where there is none.
    [[nodiscard]] const Member* face(const std::string& rule) const;
    [[nodiscard]] bool empty() const { return members_.empty(); }
    // Active rules with their number of members.
    [[nodiscard]] const std::map<std::string, int>& active() const { return active_; }

  private:
    void add(Member member, std::vector<Event>& events);
    void remove(std::map<Pid, Member>::iterator it, std::vector<Event>& events);
    // The member among the ancestors that `process` descends from.
    [[nodiscard]] const Member* owner(const ProcessInfo& process) const;

    std::map<Pid, Member> members_;
    std::map<std::string, int> active_;
};

} // namespace rustland::supervisor
