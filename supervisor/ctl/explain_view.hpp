// SPDX-License-Identifier: GPL-2.0-only
// An explanation as lines for people: the answer first, then why, then what else may be of use.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace rustland::supervisor {

struct ExplainView {
    std::string own_folder; // rules from there are the administrator's own
    bool by_daemon = true;  // it says what the process counts as, not only what the rules say
    bool all = false;       // every rule, and lists at full length
};

// What is added to `own_folder` by its rules is shown before the packaged ones, of which only the
// one that decided is, unless all are asked for.
std::vector<std::string> explain_lines(const nlohmann::json& explanation, const ExplainView& view);

// True where no rule takes the process or keeps it out, so that a new one could take it.
bool is_unclaimed(const nlohmann::json& explanation);
// The rule that would take the process if its user sat at the machine, or null; a part of
// `explanation`.
const nlohmann::json* rule_for_the_seated(const nlohmann::json& explanation);

} // namespace rustland::supervisor
