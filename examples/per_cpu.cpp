// SPDX-License-Identifier: GPL-2.0-only
// Each task has a CPU to come back to, for the sake of its cache, and leaves it only when the line
// there is much longer than elsewhere.
#include <algorithm>
#include <array>
#include <rustland/policy/run_queue.hpp>
#include <rustland/policy/task_map.hpp>
#include <rustland/run_policy.hpp>

using namespace rustland;

class PerCpu final : public TaskPolicy<CpuId> { // of each task: its CPU, any for a new one
  public:
    explicit PerCpu(const PolicyContext& context)
        : TaskPolicy(context.capacity, context.memory.resource()), topology_(context.topology),
          ends_(topology_.nr_ids, context.memory.resource()),
          queue_(context.capacity, context.memory.resource()) {}

    const char* name() const override { return "example-per-cpu"; }

    bool enqueue(const QueuedTask& task, Nanos now) override {
        CpuId& home = tasks()[task.pid];
        const CpuId shortest = shortest_line();
        if (home.any() || end(home) > end(shortest) + kMuchLonger) {
            moves_.add();
            home = shortest;
        }
        home = select_cpu(topology_, home, task); // one that is there and that it may use
        Decision decision;
        decision.seq = task.seq;
        decision.pid = task.pid;
        decision.cpu = home;
        decision.slice = kSlice;
        decision.deadline = std::max(end(home), now);
        end(home) = std::min(decision.deadline, now + kLongestLine) + kSlice;
        return queue_.push(decision);
    }
    std::optional<Decision> pick(Nanos /*now*/) override {
        return queue_.empty() ? std::nullopt : std::optional(queue_.pop());
    }
    std::size_t waiting() const override { return queue_.size(); }
    std::span<const NamedCounter> counters() const override { return counters_; }

  private:
    static constexpr Nanos kSlice = millis(5);
    static constexpr Nanos kMuchLonger = millis(15);
    static constexpr Nanos kLongestLine = millis(200);

    Nanos& end(CpuId cpu) { return ends_[static_cast<std::size_t>(cpu.value)]; }
    CpuId shortest_line() {
        const auto longer = [this](const Cpu& a, const Cpu& b) {
            return a.online != b.online ? a.online : end(a.id) < end(b.id);
        };
        return std::min_element(topology_.cpus.begin(), topology_.cpus.end(), longer)->id;
    }

    const Topology& topology_;
    std::pmr::vector<Nanos> ends_; // by CPU: when its line would be worked off
    RunQueue queue_;
    Counter moves_;
    std::array<NamedCounter, 1> counters_{{{"moves", &moves_}}}; // seen on the statistics socket
};

int main(int argc, char** argv) { return run_policy<PerCpu>(argc, argv); }
