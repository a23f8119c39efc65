// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/gpu_reader.hpp"

#include "rustland/common/file.hpp"

#include <array>
#include <dirent.h>
#include <fmt/format.h>
#include <memory>
#include <string_view>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

// A server with more open files than this is no game.
constexpr int kMostFiles = 4096;

// NVIDIA's own driver has devices of its own, which tell nothing.
bool is_graphics_device(std::string_view path) {
    return path.starts_with("/dev/dri/") || path.starts_with("/dev/nvidia");
}

struct CloseFiles {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

} // namespace

GpuReading read_gpu(const std::string& proc_root, Pid pid) {
    GpuReading reading;
    const std::string base = fmt::format("{}/{}", proc_root, pid.value);
    const std::unique_ptr<DIR, CloseFiles> dir(::opendir((base + "/fd").c_str()));
    int files = 0;
    while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
        if (++files > kMostFiles)
            break;
        std::array<char, 64> path{};
        const ssize_t length =
            ::readlinkat(::dirfd(dir.get()), entry->d_name, path.data(), path.size());
        if (length <= 0 || !is_graphics_device({path.data(), static_cast<std::size_t>(length)}))
            continue;
        reading.device = true;
        const auto text = read_file(fmt::format("{}/fdinfo/{}", base, entry->d_name));
        if (auto client = text ? parse_drm_fdinfo(*text) : std::nullopt)
            reading.clients.push_back(*std::move(client));
    }
    return reading;
}

} // namespace rustland::supervisor
