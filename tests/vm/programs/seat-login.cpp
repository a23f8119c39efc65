// SPDX-License-Identifier: GPL-2.0-only
// seat-login UID VT: a session of this user at the first seat, as a login manager opens one. Prints
// its name and keeps it for as long as it runs.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace {

[[noreturn]] void fail(const char* what, const char* why) {
    std::fprintf(stderr, "seat-login: %s: %s\n", what, why);
    std::exit(1);
}

// The session lasts as long as the pipe that comes with the answer, which the reply keeps open.
sd_bus_message* open_session(sd_bus* bus, std::uint32_t user, std::uint32_t terminal) {
    const std::string tty = "tty" + std::to_string(terminal);
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message* reply = nullptr;
    const int r = sd_bus_call_method(
        bus, "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
        "CreateSession", &error, &reply, "uusssssussbssa(sv)", user, std::uint32_t{0}, "vm-test",
        "tty", "user", "", "seat0", terminal, tty.c_str(), "", 0, "", "", 0);
    if (r < 0)
        fail("CreateSession", error.message != nullptr ? error.message : std::strerror(-r));
    return reply;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3)
        fail("usage", "seat-login UID VT");
    sd_bus* bus = nullptr;
    if (const int r = sd_bus_open_system(&bus); r < 0)
        fail("message bus", std::strerror(-r));
    sd_bus_message* reply =
        open_session(bus, static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10)),
                     static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)));
    const char* name = nullptr;
    if (const int r = sd_bus_message_read(reply, "s", &name); r < 0)
        fail("answer", std::strerror(-r));
    std::printf("%s\n", name);
    std::fflush(stdout);
    for (;;)
        ::pause();
}
