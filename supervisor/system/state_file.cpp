// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/state_file.hpp"

#include "rustland/common/file.hpp"
#include "supervisor/config/load.hpp"

#include <nlohmann/json.hpp>
#include <unistd.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

json spec_json(const SchedulerSpec& spec) {
    return {{"scheduler", spec.path}, {"arguments", spec.args}};
}

SchedulerSpec read_spec(const json& from) {
    return {from.at("scheduler").get<std::string>(),
            from.at("arguments").get<std::vector<std::string>>()};
}

ProcessKey read_process(const json& from) {
    return {Pid{from.at("pid").get<std::int32_t>()}, from.at("start_time").get<std::uint64_t>()};
}

json holds_json(const std::vector<HoldRecord>& holds) {
    json out = json::array();
    for (const HoldRecord& hold : holds)
        out.push_back({{"cookie", hold.id},
                       {"spec", hold.spec ? spec_json(*hold.spec) : json()},
                       {"reason", hold.reason},
                       {"uid", hold.uid},
                       {"pid", hold.process.pid.value},
                       {"start_time", hold.process.start_time}});
    return out;
}

HoldRecord read_hold(const json& from) {
    HoldRecord hold;
    hold.id = from.at("cookie").get<std::uint64_t>();
    if (const json& spec = from.at("spec"); !spec.is_null())
        hold.spec = read_spec(spec);
    hold.reason = from.at("reason").get<std::string>();
    hold.uid = from.at("uid").get<std::uint32_t>();
    hold.process = read_process(from);
    return hold;
}

Error not_understood(const std::string& path) { return Error(path + ": not understood"); }

// Null where there is no such file; an error where it cannot be trusted or holds no object.
Result<json> read_object(const std::string& path) {
    if (!path_exists(path))
        return json();
    const auto text = read_trusted_file(path);
    if (!text)
        return text.error().with(path);
    json object = json::parse(*text, nullptr, false);
    if (!object.is_object())
        return not_understood(path);
    return object;
}

} // namespace

Status StateFile::save(const RunRecord& record) const {
    const json state = {{"version", 1},
                        {"scheduler", record.spec.path},
                        {"arguments", record.spec.args},
                        {"pid", record.process.pid.value},
                        {"start_time", record.process.start_time},
                        {"ops", record.ops},
                        {"backend", record.backend},
                        {"unit", record.unit},
                        {"by_command", record.by_command},
                        {"holds", holds_json(record.holds)},
                        {"attached_ns", record.attached_at.value}};
    const std::string text = state.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
    return replace_file(path_, text, 0600);
}

void StateFile::clear() const { ::unlink(path_.c_str()); }

bool StateFile::exists() const { return path_exists(path_); }

Result<std::optional<RunRecord>> StateFile::load() const {
    const auto state = read_object(path_);
    if (!state)
        return state.error();
    if (state->is_null())
        return std::optional<RunRecord>();
    try {
        RunRecord record;
        record.spec = read_spec(*state);
        record.process = read_process(*state);
        record.ops = state->at("ops").get<std::string>();
        record.backend = state->at("backend").get<std::string>();
        record.unit = state->value("unit", std::string());
        record.by_command = state->value("by_command", false);
        for (const json& hold : state->value("holds", json::array()))
            record.holds.push_back(read_hold(hold));
        record.attached_at = Nanos{state->value("attached_ns", std::int64_t{0})};
        return std::optional(record);
    } catch (const json::exception&) {
        return not_understood(path_);
    }
}

Status StopFile::save(const StopOrder& order) const {
    const json state = {{"version", 1}, {"uid", order.uid}, {"since_ms", order.since_ms}};
    return replace_file(path_, state.dump(2) + "\n", 0600);
}

void StopFile::clear() const { ::unlink(path_.c_str()); }

Result<std::optional<StopOrder>> StopFile::load() const {
    const auto state = read_object(path_);
    if (!state)
        return state.error();
    if (state->is_null())
        return std::optional<StopOrder>();
    const auto uid = state->find("uid");
    const auto since = state->find("since_ms");
    if (uid == state->end() || since == state->end() || !uid->is_number_unsigned() ||
        !since->is_number_unsigned())
        return not_understood(path_);
    return std::optional(StopOrder{uid->get<std::uint32_t>(), since->get<std::int64_t>()});
}

} // namespace rustland::supervisor
