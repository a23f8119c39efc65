// SPDX-License-Identifier: GPL-2.0-only
#include "protocol.hpp"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace rustland {
namespace {

constexpr std::int64_t kMostPid = 4194304; // PID_MAX_LIMIT of the kernel

Result<Nanos> parse_interval(const nlohmann::json& message) {
    const auto interval = message.find("interval");
    if (interval == message.end() || !interval->is_number())
        return Error("subscribe needs an interval in seconds");
    const auto value = interval->get<double>();
    if (!(value >= kShortestInterval && value <= kLongestInterval))
        return Error(fmt::format("the interval must be from {} to {} seconds", kShortestInterval,
                                 kLongestInterval));
    return Nanos{std::llround(value * 1e9)};
}

// A list of process ids; a missing one is empty.
Result<std::vector<Pid>> parse_pids(const nlohmann::json& message, const char* key) {
    std::vector<Pid> pids;
    const auto list = message.find(key);
    if (list == message.end())
        return pids;
    const Error wrong(std::string(key) + " must be a list of process ids");
    if (!list->is_array())
        return wrong;
    for (const auto& item : *list) {
        if (!item.is_number_integer() || item.get<std::int64_t>() < 1 ||
            item.get<std::int64_t>() > kMostPid)
            return wrong;
        pids.push_back(Pid{item.get<std::int32_t>()});
    }
    return pids;
}

} // namespace

Result<Request> parse_request(std::string_view line) {
    const auto message = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!message.is_object())
        return Error("not a JSON object");
    const auto name = message.find("request");
    if (name == message.end() || !name->is_string())
        return Error("the object names no request");
    Request request;
    if (*name == "stats") {
        request.kind = Request::Kind::Stats;
    } else if (*name == "stop") {
        request.kind = Request::Kind::Stop;
    } else if (*name == "subscribe") {
        request.kind = Request::Kind::Subscribe;
        const auto interval = parse_interval(message);
        if (!interval)
            return interval.error();
        request.interval = *interval;
    } else if (*name == "classes") {
        request.kind = Request::Kind::Classes;
        auto foreground = parse_pids(message, "foreground");
        auto background = parse_pids(message, "background");
        auto companions = parse_pids(message, "companions");
        for (const auto* list : {&foreground, &background, &companions})
            if (!*list)
                return list->error();
        request.foreground = *std::move(foreground);
        request.background = *std::move(background);
        request.companions = *std::move(companions);
    } else {
        return Error("unknown request: choose stats, subscribe, classes or stop");
    }
    return request;
}

std::string error_line(std::string_view message) {
    return nlohmann::json{{"error", message}}.dump(-1, ' ', false,
                                                   nlohmann::json::error_handler_t::replace) +
           "\n";
}

} // namespace rustland
