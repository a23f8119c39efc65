// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/explain.hpp"

#include "rustland/common/clock.hpp"
#include "supervisor/system/explanation.hpp"
#include "supervisor/system/gpu_reader.hpp"
#include "supervisor/system/proc_reader.hpp"
#include "supervisor/system/seats.hpp"

#include <chrono>
#include <thread>

namespace rustland::supervisor {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{500};

GpuUse look_twice(const std::string& proc_root, const ProcessKey& key) {
    GpuWatch watch;
    const GpuUse first = watch.look(key, read_gpu(proc_root, key.pid), monotonic_now());
    if (first.state != GpuUse::State::FirstLook)
        return first;
    std::this_thread::sleep_for(kBetweenLooks);
    return watch.look(key, read_gpu(proc_root, key.pid), monotonic_now());
}

} // namespace

Result<nlohmann::json> explain_by_itself(const Config& config, std::int32_t pid,
                                         const std::string& proc_root) {
    const ProcReader proc(proc_root);
    const auto group = proc.thread_group(Pid{pid});
    if (!group)
        return group.error();
    auto info = proc.read(*group, Needs::everything(), true);
    if (!info)
        return info.error();
    const Matcher matcher(config.rules);
    if (matcher.needs().gpu)
        info->gpu = look_twice(proc_root, info->key);
    const auto seated = [&proc](const ProcessInfo& process) {
        const auto user = proc.user(process.key.pid);
        return user && sits_at_the_machine(*user, process.key.pid);
    };
    const Matcher companions(config.used_companions());
    return explanation_json(*info, matcher.explain(*info, seated),
                            companions.explain(*info, seated));
}

} // namespace rustland::supervisor
