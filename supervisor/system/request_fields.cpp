// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/request_fields.hpp"

namespace rustland::supervisor {

using nlohmann::json;

json refused(const std::string& why) { return {{"ok", false}, {"error", why}}; }

std::string text_of(const json& body, const char* key) {
    const auto it = body.find(key);
    return it != body.end() && it->is_string() ? it->get<std::string>() : std::string();
}

Result<std::optional<SchedulerSpec>> spec_of(const json& body, const SchedulerSpec& standard) {
    const bool path = body.contains("scheduler");
    const bool args = body.contains("arguments");
    if (!path && !args)
        return std::optional<SchedulerSpec>();
    SchedulerSpec spec = standard;
    if (path) {
        const std::string name = text_of(body, "scheduler");
        if (!name.starts_with('/'))
            return Error("\"scheduler\" must be an absolute path");
        if (name != spec.path)
            spec = {name, {}};
    }
    if (args) {
        if (!body["arguments"].is_array())
            return Error("\"arguments\" must be a list of texts");
        spec.args.clear();
        for (const json& argument : body["arguments"]) {
            if (!argument.is_string() ||
                argument.get_ref<const std::string&>().find('\0') != std::string::npos)
                return Error("\"arguments\" must be a list of texts");
            spec.args.push_back(argument.get<std::string>());
        }
    }
    return std::optional(spec);
}

std::optional<std::int32_t> pid_of(const json& body) {
    const auto it = body.find("pid");
    if (it == body.end() || !it->is_number_integer())
        return std::nullopt;
    const auto number = it->get<std::int64_t>();
    return number > 0 && number <= 0x7fffffff ? std::optional(static_cast<std::int32_t>(number))
                                              : std::nullopt;
}

} // namespace rustland::supervisor
