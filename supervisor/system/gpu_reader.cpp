// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/gpu_reader.hpp"

#include "rustland/common/file.hpp"
#include "supervisor/system/open_files.hpp"

#include <string_view>

namespace rustland::supervisor {
namespace {

// NVIDIA's own driver has devices of its own, which tell nothing.
bool is_graphics_device(std::string_view path) {
    return path.starts_with("/dev/dri/") || path.starts_with("/dev/nvidia");
}

} // namespace

GpuReading read_gpu(const std::string& proc_root, Pid pid) {
    GpuReading reading;
    reading.hidden =
        !for_each_open_file(proc_root, pid, [&](std::string_view path, const std::string& fdinfo) {
            if (!is_graphics_device(path))
                return true;
            reading.device = true;
            const auto text = read_file(fdinfo);
            if (auto client = text ? parse_drm_fdinfo(*text) : std::nullopt)
                reading.clients.push_back(*std::move(client));
            return true;
        });
    return reading;
}

} // namespace rustland::supervisor
