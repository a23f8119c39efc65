// SPDX-License-Identifier: GPL-2.0-only
// What rustlandctl status says of the scheduler, line by line, from the daemon's answer. Pure, but
// for colours and users' names.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace rustland::supervisor {

// What to do where the scheduler is not told the classes of tasks.
inline constexpr const char* kMendClasses = "games are not put in front: sudo rustlandctl restart";

// The text of a field, fit for a terminal; empty where it is missing or null.
std::string field_text(const nlohmann::json& value, const char* key);
// The whole number in a field; 0 where it is missing or none.
std::int64_t field_number(const nlohmann::json& value, const char* key);
// The object in a field; an empty one where it is missing.
nlohmann::json field_part(const nlohmann::json& value, const char* key);
// "3min 5s ago"; "just now" within a second.
std::string ago(std::int64_t then_ms, std::int64_t now_ms);

// The program that is starting, on or stopping, with its arguments.
std::string scheduler_command(const nlohmann::json& status);
// "on", "off" … as one reads it; where rustland.service keeps it on, that.
std::string state_words(const nlohmann::json& status);
// Why there is no scheduler, with what to do, for who waits for one; empty where one is on or on
// its way.
std::string why_off(const nlohmann::json& status);
// A reason as the daemon tells it, without and with what is said behind it to do about it; the
// latter empty where nothing is.
std::pair<std::string, std::string> reason_and_advice(const std::string& reason);
// "crashed 3min 5s ago: killed by SIGKILL"; empty where nothing has ended yet, or where what is on
// followed an end that was asked for.
std::string last_run(const nlohmann::json& status, std::int64_t now_ms);

// What runs and why, with what to do where that is not as it should be: the lines before those of
// the workloads. `now_ms`: of the wall clock, since 1970.
std::vector<std::string> scheduler_lines(const nlohmann::json& status, std::int64_t now_ms);
// What is wrong: the lines behind those of the workloads.
std::vector<std::string> trouble_lines(const nlohmann::json& status, std::int64_t now_ms);

// Why what is listed does not turn the scheduler on, each reason once; "no game runs" where nothing
// is listed.
std::vector<std::string> list_notes(const nlohmann::json& listed);

} // namespace rustland::supervisor
