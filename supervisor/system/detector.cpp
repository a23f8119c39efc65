// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/detector.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/log.hpp"
#include "supervisor/system/gpu_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fmt/format.h>
#include <set>
#include <string>
#include <sys/epoll.h>

namespace rustland::supervisor {
namespace {

// A process joins its cgroup, or gets its final name, after exec. Two more looks find it.
constexpr std::array<Nanos, 2> kLooks{millis(100), seconds(2)};
// Looks that fall due close together are made together.
constexpr Nanos kTogether = millis(20);
// Processes that are looked at as soon as they exec, per second. In a storm of short ones the rest
// wait for the first later look; most of them are gone by then, and a missing process costs little.
constexpr double kTokensPerSecond = 100;
constexpr double kMostTokens = 100;
constexpr int kDatagramsPerRound = 256;
// Timers before events, so that a storm of events cannot starve the scan.
constexpr std::int64_t kTimerPriority = -10;

} // namespace

Detector::Detector(Loop& loop, DetectorOptions options, Listener listener)
    : loop_(loop), options_(std::move(options)), listener_(std::move(listener)),
      proc_(options_.proc_root), matcher_(std::make_shared<Matcher>()),
      companion_matcher_(matcher_), tokens_(kMostTokens) {
    options_.real_processes = options_.real_processes && options_.proc_root == "/proc";
    if (!options_.open_pidfd)
        options_.open_pidfd = open_pidfd;
    if (!options_.seated && options_.real_processes)
        options_.seated = sits_at_the_machine;
}

Result<std::unique_ptr<Detector>> Detector::create(Loop& loop, DetectorOptions options,
                                                   Listener listener) {
    std::unique_ptr<Detector> self(new Detector(loop, std::move(options), std::move(listener)));
    if (const Status status = self->init(); !status)
        return status.error();
    return self;
}

Status Detector::init() {
    auto scan_timer = loop_.timer([this] { scan(); });
    auto look_timer = loop_.timer([this] { look_now_due(); });
    if (!scan_timer || !look_timer)
        return scan_timer ? look_timer.error() : scan_timer.error();
    scan_timer_ = *std::move(scan_timer);
    look_timer_ = *std::move(look_timer);
    scan_timer_.priority(kTimerPriority);
    look_timer_.priority(kTimerPriority);
    if (options_.process_events)
        open_events();
    else
        source_text_ = "events handed in";
    watch_seats();
    return {};
}

// Also later, should logind come after us. Without it the scans notice who comes and goes.
void Detector::watch_seats() {
    if (seats_ || !options_.real_processes)
        return;
    if (auto seats = SeatWatch::create(loop_, [this] { scan(); }))
        seats_ = *std::move(seats);
}

void Detector::open_events() {
    auto opened = ProcEvents::open(options_.event_buffer);
    if (!opened) {
        source_text_ =
            fmt::format("scans every {} only ({})", format_duration(options_.scan_interval),
                        opened.error().message());
        log::warn("{}", source_text_);
        return;
    }
    process_events_ = std::make_unique<ProcEvents>(*std::move(opened));
    auto source =
        loop_.io(process_events_->fd(), EPOLLIN, [this](std::uint32_t) { read_events(); });
    if (!source) {
        log::warn("{}; scanning only", source.error().message());
        process_events_.reset();
        return;
    }
    events_source_ = *std::move(source);
    source_text_ = process_events_->masked() ? "process events (exec and rename)"
                                             : "process events (all; this kernel has no mask)";
}

void Detector::read_events() {
    const auto batch = process_events_->read(kDatagramsPerRound);
    if (!batch) {
        log::warn("{}; scanning only", batch.error().message());
        source_text_ = batch.error().message() + "; scans only";
        events_source_.reset();
        process_events_.reset();
        return;
    }
    handle(batch->events);
    if (batch->overrun) {
        ++statistics_.overruns;
        // Not at once: the storm that overran us goes on, and one scan after it serves for all.
        scan_timer_.arm(monotonic_now() + millis(200));
    }
}

void Detector::handle(const std::vector<ProcessEvent>& events) {
    const Nanos now = monotonic_now();
    for (const ProcessEvent& event : events) {
        if (event.kind == ProcessEvent::Kind::Other)
            continue;
        ++statistics_.events;
        // A thread's name says nothing about its process.
        if (event.kind == ProcessEvent::Kind::Comm && event.thread != event.group)
            continue;
        if (take_token(now))
            judge(event.group);
        else
            ++statistics_.postponed;
        look_later(event.group, now);
    }
    flush();
}

bool Detector::take_token(Nanos now) {
    const double passed = static_cast<double>((now - tokens_at_).value) / 1e9;
    tokens_ = std::min(kMostTokens, tokens_ + passed * kTokensPerSecond);
    tokens_at_ = now;
    if (tokens_ < 1)
        return false;
    tokens_ -= 1;
    return true;
}

void Detector::look_later(Pid pid, Nanos now) {
    const bool idle = looks_[0].empty() && looks_[1].empty();
    for (std::size_t i = 0; i < looks_.size(); ++i)
        looks_[i].push_back({now + kLooks[i], pid});
    if (idle)
        arm_looks();
}

void Detector::arm_looks() {
    std::optional<Nanos> next;
    for (const auto& queue : looks_)
        if (!queue.empty() && (!next || queue.front().due < *next))
            next = queue.front().due;
    if (next)
        look_timer_.arm(*next + kTogether);
}

void Detector::look_now_due() {
    const Nanos now = monotonic_now();
    for (auto& queue : looks_)
        while (!queue.empty() && queue.front().due <= now) {
            const Pid pid = queue.front().pid;
            queue.pop_front();
            if (workloads_.find(pid) != nullptr)
                judge_children(pid);
            else
                judge(pid);
        }
    // None of it is good any more, and nobody else would throw it away.
    if (looks_[0].empty() && looks_[1].empty())
        parents_.entries.clear();
    arm_looks();
    flush();
}

void Detector::look_at_gpu(ProcessInfo& info, const SessionTest& test) {
    if (matcher_->waits_for_gpu(info, test) && seated(info))
        info.gpu = gpu_.look(info.key, read_gpu(proc_.root(), info.key.pid), monotonic_now());
}

void Detector::judge(Pid pid, Look look) {
    // Most processes of a storm are gone at their later looks: this is the cheapest way to know.
    if (options_.real_processes && ::kill(pid.value, 0) != 0 && errno == ESRCH)
        return;
    auto info = proc_.read_program(pid, needs_, !workloads_.empty(), parents_, monotonic_now());
    if (!info)
        return;
    ++statistics_.judged;
    const bool known = workloads_.find(pid) != nullptr;
    const auto test = [this](const ProcessInfo& process) { return seated(process); };
    if (look == Look::WithGpu && !known)
        look_at_gpu(*info, test);
    if (!workloads_.judge(*matcher_, *info, pending_, test)) {
        const bool member = workloads_.find(pid) != nullptr;
        members_changed_ = members_changed_ || (known && !member);
        if (!member)
            judge_companion(*info, test);
        return;
    }
    members_changed_ = true;
    companions_.gone(info->key); // what is a workload needs no other reason
    if (!watch_exit(info->key)) {
        workloads_.gone(info->key, pending_);
        return;
    }
    if (const auto user = proc_.user(pid))
        workloads_.note_user(pid, *user);
    const Member* member = workloads_.find(pid);
    log::info("process {} ({}) belongs to workload {}{}", pid.value, member->name, member->rule,
              member->inherited ? " as a child" : "");
    judge_children(pid);
}

void Detector::judge_companion(const ProcessInfo& info, const SessionTest& test) {
    if (!companions_.judge(*companion_matcher_, info, test))
        return;
    if (!watch_exit(info.key)) {
        companions_.gone(info.key);
        return;
    }
    members_changed_ = true;
    const Pid pid = info.key.pid;
    if (const auto user = proc_.user(pid))
        companions_.note_user(pid, *user);
    const Companion* companion = companions_.find(pid);
    log::info("process {} ({}) is the companion {}", pid.value, companion->comm, companion->name);
}

bool Detector::seated(const ProcessInfo& process) const {
    if (!options_.seated)
        return true;
    const auto user = proc_.user(process.key.pid);
    return user && options_.seated(*user, process.key.pid);
}

void Detector::drop_absent() {
    if (!options_.seated)
        return;
    workloads_.remove_if(
        [this](const Member& member) {
            const Rule* rule = matcher_->find(member.rule);
            const bool out = rule != nullptr && rule->session == SessionCondition::Active &&
                             !options_.seated(member.user, member.key.pid);
            members_changed_ = members_changed_ || out;
            return out;
        },
        pending_);
    const bool left = companions_.remove_if([this](const Companion& companion) {
        const Rule* rule = companion_matcher_->find(companion.name);
        return rule != nullptr && rule->session == SessionCondition::Active &&
               !options_.seated(companion.user, companion.key.pid);
    });
    members_changed_ = members_changed_ || left;
}

void Detector::drop_denied() {
    std::set<std::string> rules;
    workloads_.remove_if(
        [&](const Member& member) {
            const auto info = proc_.read(member.key.pid, needs_, true);
            const Rule* rule = info && info->key == member.key ? matcher_->match(*info) : nullptr;
            const bool denied = rule != nullptr && rule->deny;
            if (denied)
                rules.insert(member.rule);
            return denied;
        },
        pending_);
    // The scan that follows takes back those that still descend from a member.
    workloads_.remove_if(
        [&](const Member& member) { return member.inherited && rules.count(member.rule) > 0; },
        pending_);
}

void Detector::judge_children(Pid pid) {
    for (const Pid child : proc_.children(pid))
        if (workloads_.find(child) == nullptr)
            judge(child);
}

bool Detector::watch_exit(const ProcessKey& key) {
    auto fd = options_.open_pidfd(key.pid);
    if (!fd)
        return false;
    // The pidfd pins the pid, so this comparison holds from here on.
    const auto now = proc_.key(key.pid);
    if (!now || *now != key)
        return false;
    auto source = loop_.io(fd->get(), EPOLLIN, [this, key](std::uint32_t) { member_gone(key); });
    if (!source)
        return false;
    exits_.insert_or_assign(key, Watched{*std::move(fd), *std::move(source)});
    return true;
}

void Detector::member_gone(const ProcessKey& key) {
    exits_.erase(key);
    workloads_.gone(key, pending_);
    companions_.gone(key);
    members_changed_ = true;
    flush();
}

void Detector::scan() {
    ++statistics_.scans;
    const Nanos begin = monotonic_now();
    watch_seats();
    drop_absent();
    const auto pids = proc_.list();
    if (!pids)
        log::warn("scan: {}", pids.error().message());
    else
        for (const Pid pid : *pids)
            judge(pid, Look::WithGpu);
    gpu_.forget_before(begin);
    // What was watched by a pid that has been used again.
    std::erase_if(exits_, [&](const auto& watched) {
        const Member* member = workloads_.find(watched.first.pid);
        const Companion* companion = companions_.find(watched.first.pid);
        return (member == nullptr || member->key != watched.first) &&
               (companion == nullptr || companion->key != watched.first);
    });
    scan_timer_.arm(monotonic_now() + options_.scan_interval);
    flush();
    if (options_.on_scan)
        options_.on_scan();
}

void Detector::use(std::shared_ptr<const Matcher> matcher, Nanos scan_interval,
                   std::shared_ptr<const Matcher> companions) {
    matcher_ = std::move(matcher);
    companion_matcher_ = companions ? std::move(companions) : std::make_shared<const Matcher>();
    needs_ = matcher_->needs() | companion_matcher_->needs();
    companions_.clear();      // the scan finds them again
    parents_.entries.clear(); // it may need other parts of them
    gpu_.clear();
    options_.scan_interval = scan_interval;
    workloads_.keep_rules(*matcher_, pending_);
    drop_denied();
    members_changed_ = true;
    cgroups_.reset(); // what was of no interest before may be now
    if (needs_.cgroup) {
        auto watch = CgroupWatch::create(
            loop_, options_.cgroup_root,
            [this](const std::string& path) {
                return matcher_->wants_cgroup(path) || companion_matcher_->wants_cgroup(path);
            },
            [this](const std::string& path) { cgroup_appeared(path); });
        if (watch)
            cgroups_ = *std::move(watch);
        else
            log::warn("{}; cgroups are seen by events and scans only", watch.error().message());
    }
    scan();
}

void Detector::cgroup_appeared(const std::string& path) {
    for (const Pid pid : cgroup_processes(options_.cgroup_root, path)) {
        judge(pid);
        look_later(pid, monotonic_now());
    }
    flush();
}

void Detector::flush() {
    const bool changed = std::exchange(members_changed_, false);
    if (pending_.empty() && !changed)
        return;
    const std::vector<Event> events = std::exchange(pending_, {});
    listener_(events, changed);
}

} // namespace rustland::supervisor
