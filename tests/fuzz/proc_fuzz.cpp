// SPDX-License-Identifier: GPL-2.0-only
// What the kernel and other processes write: files in /proc and netlink datagrams. The first byte
// chooses the parser.
#include "check.hpp"
#include "supervisor/match/gpu_use.hpp"
#include "supervisor/match/process_info.hpp"
#include "supervisor/system/proc_events.hpp"
#include "supervisor/system/proc_reader.hpp"
#include "supervisor/system/sched_ext.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

using namespace rustland;
using namespace rustland::supervisor;

namespace {

void stat(std::string_view text) {
    if (const auto parsed = parse_proc_stat(text)) {
        FUZZ_CHECK(text.find(parsed->comm) != std::string_view::npos);
        // Whatever the name holds: the numbers come after it.
        FUZZ_CHECK(text.rfind(')') > text.find('('));
    }
}

void cmdline(std::string_view text) {
    const std::vector<std::string> argv = parse_proc_cmdline(text);
    FUZZ_CHECK(argv.empty() || !argv.back().empty());
    for (const std::string& argument : argv)
        FUZZ_CHECK(argument.find('\0') == std::string::npos);
    for (const std::string& name : program_names(argv, text.substr(0, 15))) {
        FUZZ_CHECK(name.find('/') == std::string::npos);
        static_cast<void>(is_windows_program(name));
    }
    static_cast<void>(steam_appid_from_argv(argv));
}

void cgroup(std::string_view text) {
    if (const auto path = parse_proc_cgroup(text)) {
        FUZZ_CHECK(path->starts_with('/') && path->find('\n') == std::string::npos);
        static_cast<void>(steam_appid_from_cgroup(*path));
    }
}

void status(std::string_view text) {
    for (const char* key : {"Uid", "Tgid", "NSpid"})
        static_cast<void>(parse_proc_status(text, key));
}

void environment(std::string_view text) {
    if (const auto appid = steam_appid_from_environ(text))
        FUZZ_CHECK(*appid != 0);
}

void maps(std::string_view text) {
    if (const auto module = parse_proc_maps(text))
        FUZZ_CHECK(module->starts_with('/') && is_windows_program(*module));
}

// The text before the first NUL and the one behind it, as two looks at one process.
void fdinfo(std::string_view text) {
    const std::size_t cut = std::min(text.find('\0'), text.size());
    const ProcessKey process{Pid{1}, 1};
    GpuWatch watch;
    for (const std::int64_t at : {1, 2}) {
        const auto client = parse_drm_fdinfo(at == 1 ? text.substr(0, cut) : text.substr(cut));
        GpuReading reading{true, {}};
        if (client)
            reading.clients = {*client, *client};
        const GpuUse use = watch.look(process, reading, seconds(at));
        FUZZ_CHECK(use.percent >= 0 && use.percent <= 100);
    }
}

void datagram(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
    FUZZ_CHECK(parse_proc_events(bytes).size() <= bytes.size() / 40);
    static_cast<void>(is_sched_ext_uevent(text));
    static_cast<void>(is_power_uevent(text));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return -1;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (static_cast<char>(data[0])) {
    case 's':
        stat(text);
        return 0;
    case 'c':
        cmdline(text);
        return 0;
    case 'g':
        cgroup(text);
        return 0;
    case 'u':
        status(text);
        return 0;
    case 'd':
        datagram(text);
        return 0;
    case 'e':
        environment(text);
        return 0;
    case 'm':
        maps(text);
        return 0;
    case 'f':
        fdinfo(text);
        return 0;
    default:
        return -1;
    }
}
