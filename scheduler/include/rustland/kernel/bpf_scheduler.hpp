// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/unique_fd.hpp"
#include "rustland/core/kernel.hpp"
#include "rustland/kernel/exit_info.hpp"
#include "rustland/kernel/mapped.hpp"
#include "rustland_abi.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

struct bpf_link;
struct bpf_map;
struct bpf_object;
struct ring_buffer;

namespace rustland {

struct KernelFacts;

// What the BPF side is told before it is loaded.
struct BpfSettings {
    Nanos lease = millis(20);
    Nanos leave = seconds(2);
    Nanos slice = millis(20);
    Nanos slice_busy = millis(5);
    Nanos notify = millis(3); // longest time that a deferred record lies in the ring
    Nanos preempt_margin = millis(2);
    std::uint32_t timeout_ms = 10000; // the kernel's watchdog, at most 30000
    std::uint32_t exit_dump_len = 0;  // bytes, 0: the kernel's default
    bool partial = false;             // only tasks of class SCHED_EXT
    bool numa_local = false;          // look for idle CPUs per NUMA node
    bool defer = true;                // batch the records of tasks that used their slice up
    bool hand_on = false;             // Policy::hands_on()
    bool percpu_local = false;        // tasks bound to one CPU do not ask user space
    bool cpufreq = true;              // tell the frequency governor how fast CPUs should run
    bool report_exits = false;        // for receive_exited(): Policy::wants_exits()
    std::uint32_t nr_cpus = 1;        // possible CPU ids
    std::uint32_t nr_online = 1;
    std::vector<std::uint16_t> cpu_llc; // by CPU id; may be shorter than nr_cpus
    // By CPU id: whether it is one of the large CPUs; empty where all have the same capacity.
    std::vector<std::uint8_t> big_cpu;
};

// A process by its thread group id, and the class that it gets.
struct ClassedProcess {
    Pid tgid;
    TaskClass task_class = TaskClass::Normal;
    bool alone = false; // what descends from it does not get the class
};

// The loaded BPF program: owns the object, the link while attached, and the mapped tables.
//
// load(), attach(), detach() and the destructor belong to the main thread; receive(),
// receive_exited() and commit() to the scheduling thread, between attach() and detach(); the
// counters can be read by any thread at any time.
class BpfScheduler final : public Kernel {
  public:
    // Verifies and loads the program. Nothing is scheduled yet.
    static Result<std::unique_ptr<BpfScheduler>> load(const BpfSettings& settings);
    BpfScheduler(const BpfScheduler&) = delete;
    BpfScheduler& operator=(const BpfScheduler&) = delete;
    BpfScheduler(BpfScheduler&&) = delete;
    BpfScheduler& operator=(BpfScheduler&&) = delete;
    ~BpfScheduler() override;

    // Takes over the machine's scheduling. EBUSY: another scheduler is attached. The thread that
    // calls receive() and commit() comes before all others; it must be there already.
    Status attach(Pid scheduling_thread);
    // Gives it back; returns when the kernel's own scheduler runs everything again.
    void detach();

    // Replaces the classes of processes: each named process, with all its threads and, unless it is
    // named alone, all that descends from it, is in the given class from its next wake-up on; every
    // other one is Normal again, but for the cgroups' classes. A process that has ended is passed
    // over. At most RL_MAX_CLASSED_PROCESSES; more is E2BIG, and nothing changes. Main thread.
    Status set_process_classes(std::span<const ClassedProcess> processes);
    // The same for one cgroup, by its inode number in cgroupfs, and those below it.
    Status set_cgroup_class(std::uint64_t id, TaskClass task_class);

    std::size_t receive_exited(std::span<Pid> out) override;
    std::size_t receive(std::span<QueuedTask> out) override;
    void commit(std::span<const Decision> decisions, std::span<CommitResult> results) override;

    // Becomes readable when tasks wait for a decision.
    [[nodiscard]] int queued_fd() const;
    // Becomes readable when the kernel has ended us.
    [[nodiscard]] int news_fd() const;
    // Becomes readable, and stays so, when there is a CPU limit (cpu.max) that is not enforced.
    [[nodiscard]] int limits_fd() const;

    // How the kernel ended the scheduling; kind is None while attached.
    [[nodiscard]] ExitInfo exit_info() const;
    // The sum over all CPUs.
    [[nodiscard]] rl_counters counters() const;
    [[nodiscard]] rl_waits waits() const;
    [[nodiscard]] const rl_control& control() const { return *control_; }

  private:
    BpfScheduler() = default;
    Status configure(const BpfSettings& settings, const KernelFacts& facts);
    Status configure_ops(const BpfSettings& settings, const KernelFacts& facts);
    Status map_tables(const BpfSettings& settings);
    Status prepare_commit();
    static int on_record(void* context, void* data, std::size_t size);
    static int on_exited(void* context, void* data, std::size_t size);

    bpf_object* object_ = nullptr;
    bpf_link* link_ = nullptr;
    bpf_map* ops_ = nullptr;
    ring_buffer* ring_ = nullptr;
    ring_buffer* exited_ring_ = nullptr; // only where exits are reported
    int queued_fd_ = -1;
    int news_fd_ = -1;
    int limits_fd_ = -1;
    int dump_fd_ = -1;
    int commit_fd_ = -1;
    int process_classes_fd_ = -1;
    int cgroup_classes_fd_ = -1;
    std::uint32_t dump_len_ = 0;
    Mapped<rl_control> control_;
    Mapped<rl_decision> decisions_;
    Mapped<rl_counters> counters_;
    Mapped<rl_waits> waits_;
    // Where on_record() puts what it reads during one receive().
    std::span<QueuedTask> sink_;
    std::size_t received_ = 0;
    // The same of on_exited() and receive_exited().
    std::span<Pid> exited_sink_;
    std::size_t exited_ = 0;
};

// Sends libbpf's messages to the log: warnings as warnings while verbose, nothing else otherwise.
void set_libbpf_verbosity(bool verbose);

// What libbpf had to say since the last call, for the message of an error.
std::string take_libbpf_messages();

} // namespace rustland
