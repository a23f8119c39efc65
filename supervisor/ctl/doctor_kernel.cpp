// SPDX-License-Identifier: GPL-2.0-only
// Which kernel to boot where this one has no sched_ext, by the names of this distribution.
#include "rustland/common/file.hpp"
#include "supervisor/config/values.hpp"
#include "supervisor/ctl/doctor.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>
#include <sys/utsname.h>

namespace rustland::supervisor {
namespace {

// The value of KEY=VALUE in os-release(5), without its quotes.
std::string value_of(const std::string& text, std::string_view key) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = std::string_view(text).substr(at, end - at);
        at = end + 1;
        if (!line.starts_with(key) || line.substr(key.size(), 1) != "=")
            continue;
        std::string_view value = trim(line.substr(key.size() + 1));
        if (value.size() > 1 && (value.front() == '"' || value.front() == '\''))
            value = value.substr(1, value.size() - 2);
        return std::string(value);
    }
    return "";
}

} // namespace

std::string kernel_to_boot(const std::string& os_release, std::string_view machine) {
    const std::string id = value_of(os_release, "ID");
    if (id == "debian" && value_of(os_release, "VERSION_CODENAME") == "trixie") {
        const std::string_view flavour = machine == "aarch64" ? "arm64" : "amd64";
        return fmt::format(
            "add trixie-backports to apt's sources (deb http://deb.debian.org/debian "
            "trixie-backports main), then: sudo apt update && sudo apt install -t "
            "trixie-backports linux-image-{}; and boot it",
            flavour);
    }
    if (id == "ubuntu")
        return "Ubuntu 25.10 and later bring one (Linux 6.17); on an older one install a newer "
               "kernel, 6.16 at least";
    return "boot Linux 6.16 or newer with CONFIG_SCHED_CLASS_EXT=y";
}

std::string kernel_to_boot(const std::string& root) {
    utsname name{};
    ::uname(&name);
    const auto text = read_file(root + "/etc/os-release");
    return kernel_to_boot(text ? *text : "", name.machine);
}

} // namespace rustland::supervisor
