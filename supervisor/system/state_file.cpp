// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/state_file.hpp"

#include "rustland/common/unique_fd.hpp"
#include "supervisor/config/load.hpp"

#include <cstdio>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace rustland::supervisor {

using nlohmann::json;

Status StateFile::save(const RunRecord& record) const {
    const json state = {{"version", 1},
                        {"scheduler", record.spec.path},
                        {"arguments", record.spec.args},
                        {"pid", record.process.pid.value},
                        {"start_time", record.process.start_time},
                        {"ops", record.ops},
                        {"backend", record.backend}};
    const std::string text = state.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
    const std::string fresh = path_ + ".new";
    {
        const UniqueFd fd(
            ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!fd)
            return Error::from_errno(fresh);
        if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
            return Error::from_errno(fresh);
    }
    if (::rename(fresh.c_str(), path_.c_str()) != 0)
        return Error::from_errno(path_);
    return {};
}

void StateFile::clear() const { ::unlink(path_.c_str()); }

Result<std::optional<RunRecord>> StateFile::load() const {
    if (::access(path_.c_str(), F_OK) != 0)
        return std::optional<RunRecord>();
    const auto text = read_trusted_file(path_);
    if (!text)
        return text.error().with(path_);
    const json state = json::parse(*text, nullptr, false);
    const Error bad(path_ + ": not understood");
    if (!state.is_object())
        return bad;
    try {
        RunRecord record;
        record.spec.path = state.at("scheduler").get<std::string>();
        record.spec.args = state.at("arguments").get<std::vector<std::string>>();
        record.process = {Pid{state.at("pid").get<std::int32_t>()},
                          state.at("start_time").get<std::uint64_t>()};
        record.ops = state.at("ops").get<std::string>();
        record.backend = state.at("backend").get<std::string>();
        return std::optional(record);
    } catch (const json::exception&) {
        return bad;
    }
}

} // namespace rustland::supervisor
