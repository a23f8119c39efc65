// SPDX-License-Identifier: GPL-2.0-only
// What real drivers wrote into /proc/PID/fdinfo, line by line as their public records show it. Each
// says where the record stands.
#pragma once

#include <cstddef>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>

namespace rustland::test::fdinfo {

// A Ryzen's graphics, June 2024: issue 87 of github.com/Umio-Yasuno/amdgpu_top.
inline constexpr std::string_view kAmdgpu = "pos:\t0\n"
                                            "flags:\t02104002\n"
                                            "mnt_id:\t24\n"
                                            "ino:\t614\n"
                                            "pasid:\t32784\n"
                                            "drm-driver:\tamdgpu\n"
                                            "drm-pdev:\t0000:08:00.0\n"
                                            "drm-client-id:\t217\n"
                                            "drm-memory-vram:\t2068 KiB\n"
                                            "drm-memory-gtt: \t8192 KiB\n"
                                            "drm-memory-cpu: \t0 KiB\n"
                                            "drm-engine-gfx:\t107322799 ns\n";

// December 2024: the example in the patch "proc_pid_fdinfo.5: Add DRM subsection" by Ian Rogers for
// the Linux man-pages (dri-devel, 20241206073828.1119464-4-irogers@google.com).
inline constexpr std::string_view kI915 = "pos:\t0\n"
                                          "flags:\t02100002\n"
                                          "mnt_id:\t26\n"
                                          "ino:\t284\n"
                                          "drm-driver:\ti915\n"
                                          "drm-client-id:\t39\n"
                                          "drm-pdev:\t0000:00:02.0\n"
                                          "drm-total-system0:\t6044 KiB\n"
                                          "drm-shared-system0:\t0\n"
                                          "drm-active-system0:\t0\n"
                                          "drm-resident-system0:\t6044 KiB\n"
                                          "drm-purgeable-system0:\t1688 KiB\n"
                                          "drm-total-stolen-system0:\t0\n"
                                          "drm-shared-stolen-system0:\t0\n"
                                          "drm-active-stolen-system0:\t0\n"
                                          "drm-resident-stolen-system0:\t0\n"
                                          "drm-purgeable-stolen-system0:\t0\n"
                                          "drm-engine-render:\t346249 ns\n"
                                          "drm-engine-copy:\t0 ns\n"
                                          "drm-engine-video:\t0 ns\n"
                                          "drm-engine-capacity-video:\t2\n"
                                          "drm-engine-video-enhance:\t0 ns\n";

// The example in the kernel's drivers/gpu/drm/xe/xe_drm_client.c ("DRM Client usage stats").
inline constexpr std::string_view kXe = "drm-total-vram0:\t23992 KiB\n"
                                        "drm-shared-vram0:\t16 MiB\n"
                                        "drm-active-vram0:\t0\n"
                                        "drm-resident-vram0:\t23992 KiB\n"
                                        "drm-total-stolen:\t0\n"
                                        "drm-shared-stolen:\t0\n"
                                        "drm-active-stolen:\t0\n"
                                        "drm-resident-stolen:\t0\n"
                                        "drm-cycles-rcs:\t28257900\n"
                                        "drm-total-cycles-rcs:\t7655183225\n"
                                        "drm-cycles-bcs:\t0\n"
                                        "drm-total-cycles-bcs:\t7655183225\n"
                                        "drm-cycles-vcs:\t0\n"
                                        "drm-total-cycles-vcs:\t7655183225\n"
                                        "drm-engine-capacity-vcs:\t2\n"
                                        "drm-cycles-vecs:\t0\n"
                                        "drm-total-cycles-vecs:\t7655183225\n"
                                        "drm-engine-capacity-vecs:\t2\n"
                                        "drm-cycles-ccs:\t0\n"
                                        "drm-total-cycles-ccs:\t7655183225\n"
                                        "drm-engine-capacity-ccs:\t4\n";

// glmark2 on an Adreno, 2022: Rob Clark's patch "drm/msm: Expose client engine utilization via
// fdinfo" (dri-devel).
inline constexpr std::string_view kMsm = "pos:\t0\n"
                                         "flags:\t02400002\n"
                                         "mnt_id:\t21\n"
                                         "ino:\t162\n"
                                         "drm-driver:\tmsm\n"
                                         "drm-client-id:\t7\n"
                                         "drm-engine-gpu:\t1734371319 ns\n"
                                         "drm-cycles-gpu:\t1153645024\n"
                                         "drm-maxfreq-gpu:\t800000000 Hz\n";

// The kernel's Documentation/gpu/panfrost.rst.
inline constexpr std::string_view kPanfrost = "pos:\t0\n"
                                              "flags:\t02400002\n"
                                              "mnt_id:\t27\n"
                                              "ino:\t531\n"
                                              "drm-driver:\tpanfrost\n"
                                              "drm-client-id:\t14\n"
                                              "drm-engine-fragment:\t1846584880 ns\n"
                                              "drm-cycles-fragment:\t1424359409\n"
                                              "drm-maxfreq-fragment:\t799999987 Hz\n"
                                              "drm-curfreq-fragment:\t799999987 Hz\n"
                                              "drm-engine-vertex-tiler:\t71932239 ns\n"
                                              "drm-cycles-vertex-tiler:\t52617357\n"
                                              "drm-maxfreq-vertex-tiler:\t799999987 Hz\n"
                                              "drm-curfreq-vertex-tiler:\t799999987 Hz\n"
                                              "drm-total-memory:\t290 MiB\n"
                                              "drm-shared-memory:\t0 MiB\n"
                                              "drm-active-memory:\t226 MiB\n"
                                              "drm-resident-memory:\t36496 KiB\n"
                                              "drm-purgeable-memory:\t128 KiB\n";

// The kernel's Documentation/gpu/panthor.rst. Unless its profiling is on, the lines with "-engine-"
// and "-cycles-" are missing.
inline constexpr std::string_view kPanthor = "pos:\t0\n"
                                             "flags:\t02400002\n"
                                             "mnt_id:\t29\n"
                                             "ino:\t491\n"
                                             "drm-driver:\tpanthor\n"
                                             "drm-client-id:\t10\n"
                                             "drm-engine-panthor:\t111110952750 ns\n"
                                             "drm-cycles-panthor:\t94439687187\n"
                                             "drm-maxfreq-panthor:\t1000000000 Hz\n"
                                             "drm-curfreq-panthor:\t1000000000 Hz\n"
                                             "panthor-resident-memory:\t10396 KiB\n"
                                             "panthor-active-memory:\t10396 KiB\n"
                                             "drm-total-memory:\t16480 KiB\n"
                                             "drm-shared-memory:\t0\n"
                                             "drm-active-memory:\t16200 KiB\n"
                                             "drm-resident-memory:\t16480 KiB\n"
                                             "drm-purgeable-memory:\t0\n";

// A Raspberry Pi's, July 2024: the example in Maíra Canal's patch "drm/v3d: Expose memory stats
// through fdinfo" (dri-devel, 20240711142736.783816-1-mcanal@igalia.com). The driver puts a space
// before some of its tabs.
inline constexpr std::string_view kV3d = "pos:\t0\n"
                                         "flags:\t02400002\n"
                                         "mnt_id:\t25\n"
                                         "ino:\t521\n"
                                         "drm-driver:\tv3d\n"
                                         "drm-client-id:\t81\n"
                                         "drm-engine-bin: \t4916187 ns\n"
                                         "v3d-jobs-bin: \t98 jobs\n"
                                         "drm-engine-render: \t154563573 ns\n"
                                         "v3d-jobs-render: \t98 jobs\n"
                                         "drm-engine-tfu: \t10574 ns\n"
                                         "v3d-jobs-tfu: \t1 jobs\n"
                                         "drm-engine-csd: \t0 ns\n"
                                         "v3d-jobs-csd: \t0 jobs\n"
                                         "drm-engine-cache_clean: \t0 ns\n"
                                         "v3d-jobs-cache_clean: \t0 jobs\n"
                                         "drm-engine-cpu: \t0 ns\n"
                                         "v3d-jobs-cpu: \t0 jobs\n"
                                         "drm-total-memory:\t15168 KiB\n"
                                         "drm-shared-memory:\t9336 KiB\n"
                                         "drm-active-memory:\t0\n";

// What the kernel writes for every open file, and nothing else. So do the drivers that have no
// function for their own lines: nouveau, radeon, vmwgfx, virtio-gpu, qxl and ast as Debian builds
// them for Linux 6.18 (`nm` finds no drm_show_fdinfo in the module, as it does in i915, xe and
// amdgpu), and NVIDIA's own.
inline constexpr std::string_view kNoDrmLines =
    "pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t123\n";

// An NPU, which draws nothing, December 2024: issue 324 of github.com/amd/xdna-driver.
inline constexpr std::string_view kXdna = "drm-driver:\tamdxdna_accel_driver\n"
                                          "drm-client-id:\t76\n"
                                          "drm-pdev:\t0000:c5:00.1\n"
                                          "drm-engine-npu-amdxdna:\t0 ns\n"
                                          "drm-total-memory:\t0\n"
                                          "drm-shared-memory:\t0\n"
                                          "drm-active-memory:\t0\n";

// The record with another value for one of its keys, which it must have.
inline std::string with(std::string_view record, std::string_view key, std::string_view value) {
    std::string text(record);
    const std::string begin = fmt::format("\n{}:", key);
    const std::size_t at = text.find(begin);
    EXPECT_NE(at, std::string::npos) << key;
    if (at == std::string::npos)
        return text;
    const std::size_t from = text.find_first_not_of(" \t", at + begin.size());
    return text.replace(from, text.find('\n', from) - from, value);
}

// The record without the lines whose key begins like this.
inline std::string without(std::string_view record, std::string_view beginning) {
    std::string text;
    while (!record.empty()) {
        const std::size_t end = record.find('\n') + 1;
        if (!record.starts_with(beginning))
            text += record.substr(0, end);
        record.remove_prefix(end);
    }
    return text;
}

} // namespace rustland::test::fdinfo
