// SPDX-License-Identifier: GPL-2.0-only
#include "monitor.hpp"
#include "options.hpp"
#include "rustland/common/log.hpp"
#include "rustland/kernel/memory.hpp"
#include "session.hpp"

#include <cstdio>
#include <fmt/format.h>

using namespace rustland;

namespace {

void print(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

ExitCode run(const Options& options) {
    setup_logging("rustland", options.verbose ? LogLevel::Debug : LogLevel::Info);
    if (options.monitor)
        return run_monitor(options.socket, *options.monitor, print);
    return run_scheduler(options, make_policy);
}

} // namespace

int main(int argc, char** argv) {
    prepare_allocator();
    const auto parsed = parse_options(argc, argv);
    if (const auto* message = std::get_if<Message>(&parsed)) {
        fmt::print(message->code == ExitCode::Stopped ? stdout : stderr, "{}", message->text);
        return static_cast<int>(message->code);
    }
    return static_cast<int>(run(std::get<Options>(parsed)));
}
