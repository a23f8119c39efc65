// SPDX-License-Identifier: GPL-2.0-only
// The journal: what a unit wrote, and our own events with fields to search for.
#pragma once

#include "rustland/common/clean_text.hpp"

#include <string>

namespace rustland::supervisor {

// The last lines that a unit's run wrote, oldest first; empty where they cannot be had.
std::string unit_output(const std::string& unit, const std::string& invocation);

// True where standard error is the journal, so that events may go there with their fields.
bool logs_to_journal();

// One event: RUSTLAND_EVENT=kind, and RUSTLAND_DUMP= where a scheduler left one.
void journal_event(int priority, const std::string& kind, const CleanLine& text,
                   const CleanBlock& dump);

} // namespace rustland::supervisor
