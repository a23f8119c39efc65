// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/core/companions.hpp"

namespace rustland::supervisor {

bool Companions::judge(const Matcher& matcher, const ProcessInfo& process,
                       const SessionTest& seated) {
    const auto it = all_.find(process.key.pid);
    if (it != all_.end() && it->second.key == process.key)
        return false;
    if (it != all_.end())
        all_.erase(it); // the PID was used again
    const Rule* rule = matcher.match(process, seated);
    if (rule == nullptr)
        return false;
    all_[process.key.pid] = {process.key, rule->name, process.comm, 0};
    return true;
}

void Companions::note_user(Pid pid, uid_t user) {
    if (const auto it = all_.find(pid); it != all_.end())
        it->second.user = user;
}

bool Companions::gone(const ProcessKey& key) {
    const auto it = all_.find(key.pid);
    if (it == all_.end() || it->second.key != key)
        return false;
    all_.erase(it);
    return true;
}

bool Companions::remove_if(const std::function<bool(const Companion&)>& unwanted) {
    return std::erase_if(all_, [&](const auto& entry) { return unwanted(entry.second); }) > 0;
}

const Companion* Companions::find(Pid pid) const {
    const auto it = all_.find(pid);
    return it == all_.end() ? nullptr : &it->second;
}

std::vector<Companion> Companions::all() const {
    std::vector<Companion> out;
    for (const auto& [pid, companion] : all_)
        out.push_back(companion);
    return out;
}

} // namespace rustland::supervisor
