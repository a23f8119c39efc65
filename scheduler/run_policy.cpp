// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/run_policy.hpp"

#include "monitor.hpp"
#include "options.hpp"
#include "run_scheduler.hpp"
#include "rustland/common/log.hpp"
#include "rustland/kernel/memory.hpp"

#include <cstdio>
#include <fmt/format.h>

namespace rustland {
namespace {

void print(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

std::string last_part(std::string_view path) {
    const auto slash = path.rfind('/');
    return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

ExitCode run(const Options& options, const PolicyFactory& make, const Program& program) {
    setup_logging(program.name, options.verbose ? LogLevel::Debug : LogLevel::Info);
    if (options.monitor)
        return run_monitor(options.socket, *options.monitor, print);
    return run_scheduler(options, make, program);
}

} // namespace

int run_policy(int argc, char** argv, const PolicyFactory& make, Program program) {
    prepare_allocator();
    if (program.name.empty())
        program.name = last_part(argc > 0 ? argv[0] : "scheduler");
    const auto parsed = parse_options(argc, argv, program);
    if (const auto* message = std::get_if<Message>(&parsed)) {
        fmt::print(message->code == ExitCode::Stopped ? stdout : stderr, "{}", message->text);
        return static_cast<int>(message->code);
    }
    return static_cast<int>(run(std::get<Options>(parsed), make, program));
}

} // namespace rustland
