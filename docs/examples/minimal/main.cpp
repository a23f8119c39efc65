// SPDX-License-Identifier: GPL-2.0-only
// A scheduler of one's own with librustland: who has computed least since it last slept goes first,
// 5 ms each, for the number of seconds that is given (default 10). Run it as root; when it ends, in
// whatever way, the kernel's own scheduler goes on.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <rustland/kernel/bpf_scheduler.hpp>
#include <rustland/kernel/memory.hpp>
#include <rustland/kernel/scheduler_thread.hpp>
#include <rustland/kernel/sysfs_topology.hpp>
#include <rustland/policy/run_queue.hpp>

using namespace rustland;

class InteractiveFirst final : public Policy {
  public:
    const char* name() const override { return "interactive-first"; }
    bool enqueue(const QueuedTask& task, Nanos) override {
        Decision decision;
        decision.seq = task.seq;
        decision.pid = task.pid;
        decision.slice = millis(5);
        // Tasks run in the order of their deadlines. A point in time, so that nobody waits for
        // ever.
        decision.deadline = task.enqueued_at + std::min(task.burst_exec, millis(100));
        return queue_.push(decision);
    }
    std::optional<Decision> pick(Nanos) override {
        if (queue_.empty())
            return std::nullopt;
        return queue_.pop();
    }
    std::size_t waiting() const override { return queue_.size(); }

  private:
    RunQueue queue_{4096}; // memory is taken once, before anything is scheduled
};

template <typename T> T need(Result<T> result) {
    if (result)
        return *std::move(result);
    std::fprintf(stderr, "%s\n", result.error().message().c_str());
    std::exit(1);
}

int main(int argc, char** argv) {
    const int run_seconds = argc > 1 ? std::atoi(argv[1]) : 10;
    prepare_allocator();
    const Topology topology = need(read_topology("/sys"));
    BpfSettings settings;
    settings.nr_cpus = topology.nr_ids;
    settings.nr_online = topology.nr_online;
    const auto kernel = need(BpfScheduler::load(settings));
    InteractiveFirst policy;
    const LockedMemory locked = need(LockedMemory::lock());
    const auto thread = need(SchedulerThread::start(*kernel, kernel->queued_fd(), policy, {}));
    if (const auto done = kernel->attach(thread->tid()); !done) {
        std::fprintf(stderr, "%s\n", done.error().message().c_str());
        thread->request_stop();
        return thread->join_for(seconds(1)) ? 1 : 2;
    }
    pollfd ended{kernel->news_fd(), POLLIN, 0};
    ::poll(&ended, 1, run_seconds * 1000);
    kernel->detach();
    thread->request_stop();
    std::printf("%s: %llu tasks decided\n", policy.name(),
                static_cast<unsigned long long>(thread->loop_counters().moved.get()));
    std::fflush(stdout);
    if (!thread->join_for(seconds(1)))
        std::_Exit(2);
}
