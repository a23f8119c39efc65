// SPDX-License-Identifier: GPL-2.0-only
// The subcommands of rustlandctl. Each returns the exit code: 0 done, 1 refused or failed, 2 wrong
// use, 3 the daemon does not run.
#pragma once

#include "rustland/common/result.hpp"
#include "supervisor/config/load.hpp"
#include "supervisor/ctl/client.hpp"
#include "supervisor/ctl/game_list.hpp"

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace rustland::supervisor {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kNoDaemon = 3;

struct CtlOptions {
    std::string socket = "/run/rustland/control.sock";
    std::string bus_address; // empty: the system bus
    ConfigPaths config;
    std::string proc = "/proc";
    bool json = false;
};

struct StartOptions {
    std::string scheduler;              // empty: the configured one
    std::vector<std::string> arguments; // with `with_arguments`
    bool with_arguments = false;
    bool take_over = false;
};

// Says on standard error, or in JSON, what went wrong; returns `code`.
int complain(const CtlOptions& options, const Error& error, int code);
// A connection to the daemon, on the way that this user has to go for this request.
struct ReachedDaemon {
    std::unique_ptr<Connection> connection;
    // The bus, which takes such requests from others than root, was not there.
    bool around_the_bus = false;
};
Result<ReachedDaemon> reach_daemon(const CtlOptions& options, const nlohmann::json& request);
// The request to start, or to hold, this scheduler.
nlohmann::json start_request(const StartOptions& start, const std::string& verb);
// One request to the daemon, on the way that this user has to go. An error as well where the daemon
// refuses it.
Result<nlohmann::json> ask_daemon(const CtlOptions& options, const nlohmann::json& request);

int show_status(const CtlOptions& options);
int show_list(const CtlOptions& options);
int show_history(const CtlOptions& options, bool dumps);
int start(const CtlOptions& options, const StartOptions& start, const std::string& verb);
int stop(const CtlOptions& options);
// What still runs after a stop, whoever started it, and how to end it; nothing where nothing does.
std::optional<std::string> still_on(const nlohmann::json& status);
// What a stop that left nothing on says: how long it lasts.
std::string stop_answer(const nlohmann::json& status);
// With what check would note, too.
int reload(const CtlOptions& options);
// resume, restart, reset-failed
int simple(const CtlOptions& options, const std::string& request, const std::string& done);
int release(const CtlOptions& options, std::uint64_t cookie);
// `process`: its number or what it is called. `all`: every rule, and lists at full length.
int explain(const CtlOptions& options, const std::string& process, bool all);
int monitor(const CtlOptions& options);
// `show`: what all files together say, with where each key is from.
int check(const CtlOptions& options, std::vector<std::string> files, bool show);
int doctor(const CtlOptions& options);
// Writes what was imported, to the terminal where `output` is empty.
int import_rules(const CtlOptions& options, const Result<ImportedRules>& imported,
                 const std::string& output);

} // namespace rustland::supervisor
