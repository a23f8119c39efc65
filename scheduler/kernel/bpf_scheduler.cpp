// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/kernel/bpf_scheduler.hpp"

#include "embedded_object.hpp"
#include "kernel_facts.hpp"
#include "ops_table.hpp"
#include "records.hpp"

#include <algorithm>
#include <bit>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace rustland {
namespace {

constexpr const char* kKernelTypes = "/sys/kernel/btf/vmlinux";
constexpr std::uint32_t kDefaultDumpLen = 32768; // the kernel's SCX_EXIT_DUMP_DFL_LEN

std::uint64_t ns(Nanos value) { return static_cast<std::uint64_t>(value.value); }

// Of a table of numbers with a row for each CPU.
template <typename Row> Row sum_of(const Mapped<Row>& rows) {
    using Words = std::array<std::uint64_t, sizeof(Row) / sizeof(std::uint64_t)>;
    Words sum{};
    for (std::size_t cpu = 0; cpu < rows.size(); ++cpu) {
        const auto row = std::bit_cast<Words>(rows[cpu]);
        for (std::size_t i = 0; i < sum.size(); ++i)
            sum[i] += row[i];
    }
    return std::bit_cast<Row>(sum);
}

// The weights that the kernel gives to nice values: each step is a factor of 1.25 (the comment on
// sched_prio_to_weight in the kernel's kernel/sched/core.c), nice 0 is 1024.
void fill_nice_weights(std::uint32_t (&weights)[RL_NICE_WIDTH]) {
    for (int i = 0; i < RL_NICE_WIDTH; ++i)
        weights[i] = static_cast<std::uint32_t>(std::lround(1024.0 * std::pow(1.25, 20 - i)));
}

} // namespace

Result<std::unique_ptr<BpfScheduler>> BpfScheduler::load(const BpfSettings& settings) {
    std::unique_ptr<BpfScheduler> self(new BpfScheduler);
    auto facts = read_kernel_facts(kKernelTypes);
    if (!facts)
        return facts.error();
    const auto embedded = embedded_bpf_object();
    std::vector<unsigned char> bytes(embedded.begin(), embedded.end());
    if (auto bound = bind_kfuncs(bytes, *facts); !bound)
        return bound.error();
    LIBBPF_OPTS(bpf_object_open_opts, open_opts, .object_name = "rustland");
    self->object_ = bpf_object__open_mem(bytes.data(), bytes.size(), &open_opts);
    if (self->object_ == nullptr)
        return Error::from_errno("opening the BPF object");
    if (auto done = self->configure(settings, *facts); !done)
        return done.error();
    if (auto done = self->configure_ops(settings, *facts); !done)
        return done.error();
    if (const int err = bpf_object__load(self->object_); err != 0)
        return Error::from_code("loading the BPF program", -err);
    if (auto done = self->map_tables(settings); !done)
        return done.error();
    if (auto done = self->prepare_commit(); !done)
        return done.error();
    return self;
}

BpfScheduler::~BpfScheduler() {
    detach();
    ring_buffer__free(ring_);
    ring_buffer__free(exited_ring_);
    bpf_object__close(object_);
}

Status BpfScheduler::configure(const BpfSettings& settings, const KernelFacts& facts) {
    bpf_map* constants = bpf_object__find_map_by_name(object_, ".rodata.config");
    std::size_t size = 0;
    auto* config =
        constants ? static_cast<rl_config*>(bpf_map__initial_value(constants, &size)) : nullptr;
    if (config == nullptr || size < sizeof(rl_config))
        return Error("the BPF object has no configuration section");
    if (settings.nr_cpus > RL_MAX_CPUS)
        return Error("this machine has " + std::to_string(settings.nr_cpus) +
                     " possible CPUs; rustland is built for at most " +
                     std::to_string(RL_MAX_CPUS));

    dump_len_ = settings.exit_dump_len != 0 ? settings.exit_dump_len : kDefaultDumpLen;
    *config = rl_config{};
    config->lease_ns = ns(settings.lease);
    config->leave_ns = ns(settings.leave);
    config->slice_ns = ns(settings.slice);
    config->slice_busy_ns = ns(settings.slice_busy);
    config->notify_ns = ns(settings.notify);
    config->preempt_margin_ns = ns(settings.preempt_margin);
    config->kfuncs = facts.kfunc_bits();
    config->nr_cpus = settings.nr_cpus;
    config->nr_online = settings.nr_online;
    config->turn_after_ms = settings.timeout_ms / 2;
    config->percpu_local = settings.percpu_local ? 1 : 0;
    config->cpufreq = settings.cpufreq ? 1 : 0;
    config->numa_local = settings.numa_local ? 1 : 0;
    config->heterogeneous = settings.big_cpu.empty() ? 0 : 1;
    for (std::size_t cpu = 0; cpu < std::min(settings.big_cpu.size(), std::size_t{RL_MAX_CPUS});
         ++cpu)
        config->big_cpu[cpu] = settings.big_cpu[cpu] != 0 ? 1 : 0;
    config->nr_llcs = 1;
    config->dump_len = dump_len_;
    config->report_exits = settings.report_exits ? 1 : 0;
    config->hand_on = settings.hand_on ? 1 : 0;
    fill_nice_weights(config->nice_weight);
    config->defer = settings.defer ? 1 : 0;
    for (std::size_t cpu = 0; cpu < std::min(settings.cpu_llc.size(), std::size_t{RL_MAX_CPUS});
         ++cpu) {
        const auto llc = std::min<std::uint16_t>(settings.cpu_llc[cpu], RL_MAX_LLCS - 1);
        config->cpu_llc[cpu] = llc;
        config->nr_llcs = std::max<std::uint32_t>(config->nr_llcs, llc + 1U);
    }

    for (const char* name : {"counters", "waits", "cpus", "cut_timers"}) {
        bpf_map* table = bpf_object__find_map_by_name(object_, name);
        if (const int err = bpf_map__set_max_entries(table, settings.nr_cpus); err != 0)
            return Error::from_code(std::string("sizing the BPF table ") + name, -err);
    }
    if (!settings.report_exits) {
        bpf_map* exited = bpf_object__find_map_by_name(object_, "exited_ring");
        const auto smallest = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE));
        if (const int err = bpf_map__set_max_entries(exited, smallest); err != 0)
            return Error::from_code("sizing the ring of exited tasks", -err);
    }
    bpf_map* dump = bpf_object__find_map_by_name(object_, "exit_dump");
    if (const int err = bpf_map__set_value_size(dump, dump_len_); err != 0)
        return Error::from_code("sizing the exit dump", -err);
    return {};
}

Status BpfScheduler::configure_ops(const BpfSettings& settings, const KernelFacts& facts) {
    ops_ = bpf_object__find_map_by_name(object_, "rustland_ops");
    auto table = OpsTable::open(object_, ops_);
    if (!table)
        return table.error();
    table->clear_unknown_to(facts.ops_members);
    const auto flag = [&](const char* name) { return facts.flag(name); };
    // A task that a higher class interrupts counts as not migratable while the kernel has it
    // enqueued anew: without the flag it would stay, each time with a fresh slice.
    std::uint64_t flags =
        flag("SCX_OPS_ALLOW_QUEUED_WAKEUP") | flag("SCX_OPS_ENQ_MIGRATION_DISABLED");
    // Without this flag the kernel lets a task whose slice is used up run on when there is no
    // other, whatever its limit is.
    flags |= flag("SCX_OPS_ENQ_LAST");
    if (settings.partial)
        flags |= flag("SCX_OPS_SWITCH_PARTIAL");
    if (settings.numa_local) {
        if (flag("SCX_OPS_BUILTIN_IDLE_PER_NODE") == 0)
            return Error("this kernel cannot look for idle CPUs per NUMA node: leave --numa-local "
                         "out");
        flags |= flag("SCX_OPS_BUILTIN_IDLE_PER_NODE");
    }
    if (auto done = table->set_u64("flags", flags); !done)
        return done;
    if (auto done = table->set_u32("exit_dump_len", dump_len_); !done)
        return done;
    return table->set_u32("timeout_ms", settings.timeout_ms);
}

Status BpfScheduler::map_tables(const BpfSettings& settings) {
    const auto fd = [this](const char* name) {
        return bpf_object__find_map_fd_by_name(object_, name);
    };
    auto control = Mapped<rl_control>::map(fd("control"), 1, "control");
    auto decisions = Mapped<rl_decision>::map(fd("decisions"), RL_MAX_DECISIONS, "decisions");
    auto counters = Mapped<rl_counters>::map(fd("counters"), settings.nr_cpus, "counters");
    auto waits = Mapped<rl_waits>::map(fd("waits"), settings.nr_cpus, "waits");
    if (!control || !decisions || !counters)
        return !control ? control.error() : !decisions ? decisions.error() : counters.error();
    if (!waits)
        return waits.error();
    control_ = *std::move(control);
    decisions_ = *std::move(decisions);
    counters_ = *std::move(counters);
    waits_ = *std::move(waits);
    news_fd_ = fd("news_ring");
    limits_fd_ = fd("limits_ring");
    dump_fd_ = fd("exit_dump");
    queued_fd_ = fd("queued_ring");
    process_classes_fd_ = fd("process_classes");
    cgroup_classes_fd_ = fd("cgroup_classes");
    ring_ = ring_buffer__new(queued_fd_, on_record, this, nullptr);
    if (ring_ == nullptr)
        return Error::from_errno("mapping the ring of queued tasks");
    if (!settings.report_exits)
        return {};
    exited_ring_ = ring_buffer__new(fd("exited_ring"), on_exited, this, nullptr);
    if (exited_ring_ == nullptr)
        return Error::from_errno("mapping the ring of exited tasks");
    return {};
}

Status BpfScheduler::prepare_commit() {
    const bpf_program* program = bpf_object__find_program_by_name(object_, "rl_commit");
    commit_fd_ = program != nullptr ? bpf_program__fd(program) : -1;
    if (commit_fd_ < 0)
        return Error("the BPF object has no commit program");
    return {};
}

Status BpfScheduler::attach(Pid scheduling_thread) {
    control_->self_pid = scheduling_thread.value;
    control_->self_tgid = ::getpid();
    link_ = bpf_map__attach_struct_ops(ops_);
    if (link_ == nullptr)
        return Error::from_errno("attaching the scheduler");
    return {};
}

void BpfScheduler::detach() {
    if (link_ == nullptr)
        return;
    bpf_link__destroy(link_);
    link_ = nullptr;
}

int BpfScheduler::on_record(void* context, void* data, std::size_t size) {
    auto& self = *static_cast<BpfScheduler*>(context);
    if (size == sizeof(rl_queued) && self.received_ < self.sink_.size())
        self.sink_[self.received_++] = to_task(*static_cast<const rl_queued*>(data));
    // A negative value stops the reading; the record just read counts as read.
    return self.received_ < self.sink_.size() ? 0 : -EAGAIN;
}

int BpfScheduler::on_exited(void* context, void* data, std::size_t size) {
    auto& self = *static_cast<BpfScheduler*>(context);
    if (size == sizeof(rl_exited) && self.exited_ < self.exited_sink_.size())
        self.exited_sink_[self.exited_++] = Pid{static_cast<const rl_exited*>(data)->pid};
    return self.exited_ < self.exited_sink_.size() ? 0 : -EAGAIN;
}

std::size_t BpfScheduler::receive_exited(std::span<Pid> out) {
    if (exited_ring_ == nullptr || out.empty())
        return 0;
    exited_sink_ = out;
    exited_ = 0;
    ring_buffer__consume(exited_ring_);
    exited_sink_ = {};
    return exited_;
}

std::size_t BpfScheduler::receive(std::span<QueuedTask> out) {
    if (out.empty())
        return 0;
    sink_ = out;
    received_ = 0;
    ring_buffer__consume(ring_);
    sink_ = {};
    // On the lease nothing new comes: show that we are well.
    if (received_ == 0 && control_->lease_since != 0)
        commit({}, {});
    return received_;
}

void BpfScheduler::commit(std::span<const Decision> decisions, std::span<CommitResult> results) {
    for (std::size_t i = 0; i < decisions.size(); ++i)
        decisions_[i] = to_row(decisions[i]);
    control_->nr_decisions = static_cast<std::uint32_t>(decisions.size());
    LIBBPF_OPTS(bpf_test_run_opts, run);
    bpf_prog_test_run_opts(commit_fd_, &run);
    for (std::size_t i = 0; i < decisions.size(); ++i) {
        switch (decisions_[i].result) {
        case RL_RESULT_MOVED:
            results[i] = CommitResult::Moved;
            break;
        case RL_RESULT_RETRY:
            results[i] = CommitResult::Retry;
            break;
        default:
            results[i] = CommitResult::Stale;
            break;
        }
    }
}

int BpfScheduler::queued_fd() const { return queued_fd_; }

int BpfScheduler::news_fd() const { return news_fd_; }

int BpfScheduler::limits_fd() const { return limits_fd_; }

ExitInfo BpfScheduler::exit_info() const {
    ExitInfo info;
    if (control_->exit_seen == 0)
        return info;
    info.kind = control_->exit_kind;
    info.code = control_->exit_code;
    info.reason.assign(control_->exit_reason,
                       ::strnlen(control_->exit_reason, sizeof(control_->exit_reason)));
    info.message.assign(control_->exit_msg,
                        ::strnlen(control_->exit_msg, sizeof(control_->exit_msg)));
    const std::uint32_t key = 0;
    std::string dump(dump_len_, '\0');
    if (bpf_map_lookup_elem(dump_fd_, &key, dump.data()) == 0)
        info.dump.assign(dump, 0, dump.find('\0'));
    return info;
}

rl_counters BpfScheduler::counters() const { return sum_of(counters_); }

rl_waits BpfScheduler::waits() const { return sum_of(waits_); }

} // namespace rustland
