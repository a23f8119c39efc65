// SPDX-License-Identifier: GPL-2.0-only
// Finds workloads: process events, delayed second looks, scans, and exits by pidfd. No source is
// trusted to be complete; a scan finds what the others missed.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/core/companions.hpp"
#include "supervisor/core/workloads.hpp"
#include "supervisor/match/gpu_use.hpp"
#include "supervisor/match/matcher.hpp"
#include "supervisor/system/cgroup_watch.hpp"
#include "supervisor/system/loop.hpp"
#include "supervisor/system/proc_events.hpp"
#include "supervisor/system/proc_reader.hpp"
#include "supervisor/system/seats.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rustland::supervisor {

struct DetectorOptions {
    std::string proc_root = "/proc";
    std::string cgroup_root = "/sys/fs/cgroup";
    bool process_events = true; // ask the kernel; tests hand events in instead
    std::uint64_t event_buffer = 4U << 20U;
    Nanos scan_interval = seconds(30);
    // Called with each scan, for what else wants a look now and then.
    std::function<void()> on_scan;
    bool real_processes = true; // what `proc_root` shows are processes of this machine
    // Replaced where the processes are not real.
    std::function<Result<UniqueFd>(Pid)> open_pidfd;
    // Whether a user, to whom this process belongs, sits at the machine: for rules of
    // SessionCondition::Active, and only such users' processes are looked at for how busy they keep
    // the graphics processor. Where the processes are not real and none is given, everybody does.
    std::function<bool(uid_t, Pid)> seated;
};

struct DetectorStatistics {
    std::uint64_t events = 0;
    std::uint64_t overruns = 0;
    std::uint64_t scans = 0;
    std::uint64_t judged = 0;
    std::uint64_t postponed = 0; // looked at later because events came too fast
};

class Detector {
  public:
    using Listener = std::function<void(const std::vector<Event>&, bool members_changed)>;

    static Result<std::unique_ptr<Detector>> create(Loop& loop, DetectorOptions options,
                                                    Listener listener);

    // New rules; looks at every process again. `companions`: those of companions, null for none.
    void use(std::shared_ptr<const Matcher> matcher, Nanos scan_interval,
             std::shared_ptr<const Matcher> companions = nullptr);
    void scan();
    // What the kernel would have sent.
    void handle(const std::vector<ProcessEvent>& events);

    // How busy a process kept the graphics processor between the last two scans; nothing where no
    // rule asked for it.
    [[nodiscard]] std::optional<GpuUse> gpu_use(const ProcessKey& key) const {
        return gpu_.last(key);
    }
    // As the rules ask it.
    [[nodiscard]] bool seated(const ProcessInfo& process) const;

    [[nodiscard]] const Workloads& workloads() const { return workloads_; }
    [[nodiscard]] const Companions& companions() const { return companions_; }
    [[nodiscard]] const ProcReader& proc() const { return proc_; }
    [[nodiscard]] const DetectorStatistics& statistics() const { return statistics_; }
    // How processes are found, for people: "process events (exec, rename)" or why it only scans.
    [[nodiscard]] const std::string& source() const { return source_text_; }

  private:
    struct LaterLook {
        Nanos due;
        Pid pid;
    };

    Detector(Loop& loop, DetectorOptions options, Listener listener);
    Status init();
    void open_events();
    void read_events();
    enum class Look { Quick, WithGpu };
    void judge(Pid pid, Look look = Look::Quick);
    void look_at_gpu(ProcessInfo& info, const SessionTest& test);
    void judge_companion(const ProcessInfo& info, const SessionTest& test);
    void judge_children(Pid pid);
    bool watch_exit(const ProcessKey& key);
    void member_gone(const ProcessKey& key);
    void look_later(Pid pid, Nanos now);
    void look_now_due();
    void arm_looks();
    bool take_token(Nanos now);
    void cgroup_appeared(const std::string& path);
    void watch_seats();
    // Processes of users who have left the machine.
    void drop_absent();
    // After a reload: what a rule with deny keeps out now, and what was counted as its child.
    void drop_denied();
    void flush();

    Loop& loop_;
    DetectorOptions options_;
    Listener listener_;
    ProcReader proc_;
    AncestorCache parents_;
    GpuWatch gpu_;
    std::shared_ptr<const Matcher> matcher_;
    std::shared_ptr<const Matcher> companion_matcher_;
    Needs needs_; // of both
    Workloads workloads_;
    Companions companions_;
    struct Watched {
        UniqueFd fd;
        Source source;
    };
    std::map<ProcessKey, Watched> exits_;
    std::unique_ptr<ProcEvents> process_events_;
    Source events_source_;
    std::unique_ptr<CgroupWatch> cgroups_;
    std::unique_ptr<SeatWatch> seats_;
    Source scan_timer_;
    Source look_timer_;
    std::array<std::deque<LaterLook>, 2> looks_; // after 0.1 s and after 2 s
    std::vector<Event> pending_;
    bool members_changed_ = false;
    double tokens_ = 0;
    Nanos tokens_at_;
    DetectorStatistics statistics_;
    std::string source_text_;
};

} // namespace rustland::supervisor
