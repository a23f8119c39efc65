// SPDX-License-Identifier: GPL-2.0-only
// What the library gives to policies: contexts of tasks, memory, and the choice of a CPU.
#include "rustland/core/topology.hpp"
#include "rustland/policy/policy_memory.hpp"
#include "rustland/policy/run_queue.hpp"
#include "rustland/policy/task_map.hpp"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <list>
#include <map>
#include <memory_resource>
#include <random>

using namespace rustland;

namespace {

// Counts what it is asked for.
class CountingMemory final : public std::pmr::memory_resource {
  public:
    int allocations = 0;

  private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        ++allocations;
        return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    }
    void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
        std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
    }
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
        return this == &other;
    }
};

template <typename T> std::optional<T> found(TaskMap<T>& map, std::int32_t pid) {
    const T* value = map.find(Pid{pid});
    return value != nullptr ? std::optional<T>(*value) : std::nullopt;
}

CpuFacts cpu_facts(std::int32_t id, std::int32_t core, std::int32_t llc, std::int32_t node,
                   bool online = true) {
    CpuFacts facts;
    facts.id = CpuId{id};
    facts.online = online;
    facts.sibling_cpus = {CpuId{core}};
    facts.llc_cpus = {CpuId{llc}};
    facts.node = node;
    return facts;
}

QueuedTask task_on(std::int32_t cpu, bool restricted = false) {
    QueuedTask task;
    task.cpu = CpuId{cpu};
    task.restricted = restricted;
    return task;
}

} // namespace

TEST(TaskMap, KeepsWhatWasNotedOfATask) {
    TaskMap<int> map(4);
    EXPECT_EQ(map[Pid{7}], 0);
    map[Pid{7}] = 5;
    map[Pid{8}] = 6;
    EXPECT_EQ(map[Pid{7}], 5);
    EXPECT_EQ(found(map, 8), 6);
    EXPECT_EQ(map.find(Pid{9}), nullptr);
    EXPECT_EQ(map.size(), 2U);
    EXPECT_TRUE(map.erase(Pid{7}));
    EXPECT_FALSE(map.erase(Pid{7}));
    EXPECT_EQ(map[Pid{7}], 0) << "a new task with the same pid is not the old one";
}

TEST(TaskMap, ForgetsTheOneThatWasUsedLongestAgoWhenItIsFull) {
    TaskMap<int> map(3);
    for (const int pid : {1, 2, 3})
        map[Pid{pid}] = pid;
    map[Pid{1}] += 10;
    EXPECT_EQ(found(map, 2), 2) << "a look is no use";
    map[Pid{4}] = 4;
    EXPECT_EQ(map.find(Pid{2}), nullptr);
    EXPECT_EQ(found(map, 1), 11);
    EXPECT_EQ(map.size(), 3U);
    EXPECT_EQ(map.forgotten(), 1U);
    EXPECT_EQ(TaskMap<int>(0).capacity(), 1U);
}

TEST(TaskMap, AllocatesAtConstructionOnly) {
    CountingMemory memory;
    TaskMap<std::array<char, 100>> map(50, &memory);
    const int before = memory.allocations;
    EXPECT_GT(before, 0);
    for (std::int32_t pid = 1; pid <= 1000; ++pid)
        map[Pid{pid}][0] = 'x';
    EXPECT_EQ(memory.allocations, before);
    EXPECT_EQ(map.forgotten(), 950U);
}

// Against a plain model: a list in the order of use.
TEST(TaskMap, DoesWhatASimpleModelDoes) {
    constexpr std::size_t kRoom = 8;
    std::mt19937 random(1);
    TaskMap<unsigned> map(kRoom);
    std::list<std::pair<int, unsigned>> model; // newest first
    for (unsigned step = 1; step < 20000; ++step) {
        const int pid = static_cast<int>(random() % 20) * 1024;
        const auto known = std::find_if(model.begin(), model.end(),
                                        [&](const auto& entry) { return entry.first == pid; });
        if (random() % 3 == 0) {
            EXPECT_EQ(map.erase(Pid{pid}), known != model.end());
            if (known != model.end())
                model.erase(known);
            continue;
        }
        unsigned& value = map[Pid{pid}];
        EXPECT_EQ(value, known != model.end() ? known->second : 0);
        value = step;
        if (known != model.end())
            model.erase(known);
        model.emplace_front(pid, step);
        if (model.size() > kRoom)
            model.pop_back();
        ASSERT_EQ(map.size(), model.size());
    }
    for (const auto& [pid, value] : model)
        EXPECT_EQ(found(map, pid), value);
}

TEST(TaskPolicy, FreesTheContextOfATaskThatIsGone) {
    class Kept final : public TaskPolicy<int> {
      public:
        Kept() : TaskPolicy(4) {}
        [[nodiscard]] const char* name() const override { return "kept"; }
        [[nodiscard]] bool enqueue(const QueuedTask& task, Nanos) override {
            ++tasks()[task.pid];
            return false;
        }
        [[nodiscard]] std::optional<Decision> pick(Nanos) override { return std::nullopt; }
        [[nodiscard]] std::size_t waiting() const override { return 0; }
        using TaskPolicy::tasks;
    } policy;
    QueuedTask task;
    task.pid = Pid{3};
    EXPECT_FALSE(policy.enqueue(task, {}));
    EXPECT_TRUE(policy.wants_exits());
    EXPECT_EQ(policy.tasks().size(), 1U);
    policy.exited(Pid{3}, {});
    EXPECT_EQ(policy.tasks().size(), 0U);
}

TEST(PolicyMemory, UsesAgainWhatIsGivenBack) {
    PolicyMemory memory(std::size_t{256} * 1024);
    std::pmr::map<int, int> map(memory.resource());
    for (int round = 0; round < 1000; ++round) {
        for (int i = 0; i < 100; ++i)
            map[i] = round;
        map.clear();
    }
    EXPECT_EQ(memory.overflows().get(), 0U);
    EXPECT_EQ(memory.size(), 256U * 1024);
}

TEST(PolicyMemory, CountsWhatDoesNotFitIn) {
    PolicyMemory memory(4096);
    {
        std::pmr::vector<int> much(100'000, 1, memory.resource());
        EXPECT_EQ(much.at(99'999), 1);
    }
    EXPECT_GE(memory.overflows().get(), 1U);
}

TEST(PolicyMemory, WithoutMemoryAllComesFromTheHeap) {
    PolicyMemory memory(0);
    const std::pmr::vector<int> numbers(10, 1, memory.resource());
    EXPECT_GE(memory.overflows().get(), 1U);
}

TEST(PolicyMemory, ARunQueueFits) {
    PolicyMemory memory(std::size_t{1024} * 1024);
    RunQueue queue(4096, memory.resource());
    for (int i = 0; i < 4096; ++i)
        EXPECT_TRUE(queue.push({}));
    EXPECT_TRUE(queue.full());
    EXPECT_EQ(memory.overflows().get(), 0U);
}

TEST(SelectCpu, TakesThePreferredCpuOrItsNearestNeighbour) {
    // Two nodes; the first with two caches of two cores with two threads each.
    std::vector<CpuFacts> facts;
    for (std::int32_t id = 0; id < 8; ++id)
        facts.push_back(cpu_facts(id, id / 2 * 2, id / 4 * 4, 0, id != 1 && id != 4 && id != 5));
    facts.push_back(cpu_facts(8, 8, 8, 0));
    facts.push_back(cpu_facts(9, 9, 9, 1));
    const Topology topology = build_topology(std::move(facts));

    EXPECT_EQ(select_cpu(topology, CpuId{3}, task_on(0)), CpuId{3});
    EXPECT_EQ(select_cpu(topology, CpuId{1}, task_on(8)), CpuId{0}) << "the same core";
    EXPECT_EQ(select_cpu(topology, CpuId{4}, task_on(0)), CpuId{6}) << "the same cache";
    EXPECT_EQ(select_cpu(topology, CpuId{77}, task_on(0)), CpuId{0}) << "none of the machine's";
    EXPECT_EQ(select_cpu(topology, CpuId{3}, task_on(8, true)), CpuId{8})
        << "a task that may not run everywhere";
    EXPECT_EQ(select_cpu(Topology{}, CpuId{0}, task_on(0)), kAnyCpu);
}

TEST(SelectCpu, StaysOnTheNodeIfTheWholeCacheIsOffline) {
    const Topology topology = build_topology(
        {cpu_facts(0, 0, 0, 0), cpu_facts(1, 1, 1, 1), cpu_facts(2, 2, 2, 1, false)});
    EXPECT_EQ(select_cpu(topology, CpuId{2}, task_on(0)), CpuId{1});
}
