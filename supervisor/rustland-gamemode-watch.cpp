// SPDX-License-Identifier: GPL-2.0-only
// rustland-gamemode-watch: tells rustlandd which games have registered with GameMode. One for each
// user, as GameMode is on the user's bus and rustlandd is not.
#include "rustland/common/log.hpp"
#include "rustland/common/usage.hpp"
#include "rustland/common/version.hpp"
#include "supervisor/gamemode/game_watch.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <systemd/sd-daemon.h>

using namespace rustland;
using namespace rustland::supervisor;

namespace {

struct CloseBus {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
};
using BusPtr = std::unique_ptr<sd_bus, CloseBus>;

Result<BusPtr> open_bus(Loop& loop, int (*open)(sd_bus**), const char* name) {
    sd_bus* raw = nullptr;
    int r = open(&raw);
    BusPtr bus(r < 0 ? nullptr : raw);
    if (r >= 0)
        r = sd_bus_attach_event(raw, loop.raw(), SD_EVENT_PRIORITY_NORMAL);
    // Without either bus there is nothing to do; who started us may try again.
    if (r >= 0)
        r = sd_bus_set_exit_on_disconnect(raw, 1);
    if (r < 0)
        return Error::from_code(name, -r);
    return bus;
}

Result<int> run() {
    auto loop = Loop::create();
    if (!loop)
        return loop.error();
    auto user = open_bus(**loop, sd_bus_open_user, "the user's message bus");
    if (!user)
        return user.error();
    auto system = open_bus(**loop, sd_bus_open_system, "the system's message bus");
    if (!system)
        return system.error();
    auto watch = GameWatch::create(**loop, user->get(), system->get());
    if (!watch)
        return watch.error();
    auto on_term = (*loop)->signal(SIGTERM, [&loop] { (*loop)->exit(0); });
    auto on_int = (*loop)->signal(SIGINT, [&loop] { (*loop)->exit(0); });
    if (!on_term || !on_int)
        return on_term ? on_int.error() : on_term.error();
    ::sd_notify(0, "READY=1");
    return (*loop)->run();
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("Keeps the CPU scheduler on for games that are registered with GameMode.",
                 "rustland-gamemode-watch");
    app.set_version_flag("--version", std::string("rustland-gamemode-watch ") + kVersion);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return report_parse_error(app, e, argc, argv);
    }
    setup_logging("rustland-gamemode-watch", LogLevel::Info);
    const auto code = run();
    if (!code) {
        log::error("{}", code.error().message());
        return 1;
    }
    return *code;
}
