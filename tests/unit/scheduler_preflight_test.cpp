// SPDX-License-Identifier: GPL-2.0-only
#include "preflight.hpp"
#include "rustland/common/file.hpp"
#include "rustland/kernel/cgroup_limits.hpp"
#include "rustland/kernel/kernel_types.hpp"
#include "rustland/kernel/memory.hpp"
#include "rustland/kernel/process_figures.hpp"
#include "support/temp_tree.hpp"

#include <bpf/btf.h>
#include <gmock/gmock.h>
#include <memory>
#include <unistd.h>

using namespace rustland;
using rustland::test::TempTree;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

constexpr const char* kAllCapabilities = "000001ffffffffff";

// A machine on which everything is fine, to be broken.
class Preflight : public testing::Test {
  protected:
    Preflight() {
        tree.write("sys/kernel/sched_ext/state", "disabled");
        tree.write("sys/kernel/btf/vmlinux", "");
        tree.write("proc/sys/net/core/bpf_jit_enable", "1");
        capabilities(kAllCapabilities);
        limits("8388608", "0");
    }
    void capabilities(const std::string& effective) {
        tree.write("proc/self/status", "Name:\trustland\nCapPrm:\t" +
                                           std::string(kAllCapabilities) + "\nCapEff:\t" +
                                           effective + "\nSeccomp:\t0");
    }
    void limits(const std::string& memlock, const std::string& rtprio) {
        tree.write("proc/self/limits",
                   "Limit                     Soft Limit           Hard Limit           Units\n"
                   "Max locked memory         " +
                       memlock + "              " + memlock +
                       "              bytes\n"
                       "Max realtime priority     " +
                       rtprio + "                    0");
    }
    [[nodiscard]] std::optional<Obstacle> find(bool realtime = true) const {
        return find_obstacle(roots, realtime);
    }
    [[nodiscard]] std::string missing(bool realtime = true) const {
        const auto obstacle = find(realtime);
        if (!obstacle)
            return "nothing";
        EXPECT_EQ(obstacle->code, ExitCode::NoPrivilege);
        return obstacle->line;
    }

    TempTree tree;
    SystemRoots roots{tree.path("proc"), tree.path("sys")};
};

struct BtfDeleter {
    void operator()(btf* types) const { btf__free(types); }
};

// Type information with a few functions, as a kernel has them.
class TypesBuilder {
  public:
    TypesBuilder() : types_(btf__new_empty()) {
        int_ = add(btf__add_int(types_.get(), "int", 4, BTF_INT_SIGNED));
        aux_ = add(btf__add_struct(types_.get(), "bpf_prog_aux", 0));
        aux_ = add(btf__add_const(types_.get(), aux_));
        aux_pointer_ = add(btf__add_ptr(types_.get(), aux_));
        task_ = add(btf__add_struct(types_.get(), "task_struct", 0));
        task_pointer_ = add(btf__add_ptr(types_.get(), task_));
    }
    // int name(struct task_struct *p [, const struct bpf_prog_aux *aux]);
    void function(const char* name, bool with_aux) {
        const int proto = add(btf__add_func_proto(types_.get(), int_));
        add(btf__add_func_param(types_.get(), "p", task_pointer_));
        if (with_aux)
            add(btf__add_func_param(types_.get(), "aux", aux_pointer_));
        add(btf__add_func(types_.get(), name, BTF_FUNC_STATIC, proto));
    }
    [[nodiscard]] const btf& types() const { return *types_; }

  private:
    static int add(int id) {
        EXPECT_GE(id, 0);
        return id;
    }
    std::unique_ptr<btf, BtfDeleter> types_;
    int int_, aux_, aux_pointer_, task_, task_pointer_;
};

} // namespace

TEST_F(Preflight, NothingStandsInTheWayOnASoundMachine) { EXPECT_FALSE(find()); }

TEST_F(Preflight, AKernelWithoutSchedExtIsToldTheOption) {
    tree.remove("sys/kernel/sched_ext");
    const auto obstacle = find();
    ASSERT_TRUE(obstacle);
    EXPECT_EQ(obstacle->code, ExitCode::NoSchedExt);
    EXPECT_THAT(obstacle->line, HasSubstr("CONFIG_SCHED_CLASS_EXT"));
}

TEST_F(Preflight, SysfsThatIsNotMounted) {
    tree.remove("sys");
    const auto obstacle = find();
    ASSERT_TRUE(obstacle);
    EXPECT_THAT(obstacle->line, HasSubstr("is not mounted"));
}

TEST_F(Preflight, AKernelWithoutTypeInformation) {
    tree.remove("sys/kernel/btf");
    const auto obstacle = find();
    ASSERT_TRUE(obstacle);
    EXPECT_EQ(obstacle->code, ExitCode::KernelTypes);
    EXPECT_THAT(obstacle->line, HasSubstr("CONFIG_DEBUG_INFO_BTF"));
}

TEST_F(Preflight, AnotherSchedulerIsNamed) {
    tree.write("sys/kernel/sched_ext/state", "enabled");
    tree.write("sys/kernel/sched_ext/root/ops", "scx_simple_1.2");
    const auto obstacle = find();
    ASSERT_TRUE(obstacle);
    EXPECT_EQ(obstacle->code, ExitCode::OtherScheduler);
    EXPECT_THAT(obstacle->line, HasSubstr("'scx_simple_1.2'"));
}

TEST_F(Preflight, ASchedulerThatIsGoingIsNoObstacle) {
    tree.write("sys/kernel/sched_ext/state", "disabling");
    EXPECT_FALSE(find());
}

TEST_F(Preflight, TheBpfCompilerIsNeeded) {
    tree.write("proc/sys/net/core/bpf_jit_enable", "0");
    const auto obstacle = find();
    ASSERT_TRUE(obstacle);
    EXPECT_EQ(obstacle->code, ExitCode::LoadFailed);
    EXPECT_THAT(obstacle->line, HasSubstr("net.core.bpf_jit_enable=1"));
    // Only root can read it: unreadable is not off.
    tree.remove("proc/sys");
    EXPECT_FALSE(find());
}

TEST_F(Preflight, MissingPrivilegesAreListed) {
    capabilities("0000000000000000");
    EXPECT_THAT(missing(), HasSubstr("CAP_BPF CAP_PERFMON CAP_IPC_LOCK CAP_SYS_NICE"));
}

TEST_F(Preflight, FourCapabilitiesAreEnough) {
    capabilities("000000c000804000"); // BPF, PERFMON, SYS_NICE, IPC_LOCK
    EXPECT_EQ(missing(), "nothing");
    capabilities("0000008000804000"); // without PERFMON
    EXPECT_THAT(missing(), testing::EndsWith(" CAP_PERFMON"));
    capabilities("0000000000a04000"); // SYS_ADMIN stands for both of BPF's
    EXPECT_EQ(missing(), "nothing");
}

TEST_F(Preflight, LimitsCanStandInForCapabilities) {
    capabilities("000000c000000000"); // BPF, PERFMON
    EXPECT_THAT(missing(), testing::EndsWith("CAP_IPC_LOCK CAP_SYS_NICE"));
    EXPECT_THAT(missing(false), testing::EndsWith(" CAP_IPC_LOCK"));
    limits("unlimited", "0");
    EXPECT_EQ(missing(false), "nothing");
    limits("134217728", "1");
    EXPECT_EQ(missing(), "nothing");
}

TEST_F(Preflight, WithoutProcNothingIsClaimed) {
    tree.remove("proc");
    EXPECT_FALSE(find());
}

TEST(KernelTypes, FindsPublicFunctionsWithTheHiddenArgument) {
    TypesBuilder kernel;
    kernel.function("scx_bpf_kick_cpu", false);
    kernel.function("scx_bpf_select_cpu_and", true);
    kernel.function("scx_bpf_select_cpu_and_impl", true); // has it by right
    kernel.function("bpf_other_thing", true);             // not ours
    EXPECT_THAT(kfuncs_with_hidden_argument(kernel.types()), ElementsAre("scx_bpf_select_cpu_and"));
}

TEST(KernelTypes, ASoundKernelHasNone) {
    TypesBuilder kernel;
    kernel.function("scx_bpf_kick_cpu", false);
    kernel.function("scx_bpf_kick_cpu_impl", true);
    EXPECT_TRUE(kfuncs_with_hidden_argument(kernel.types()).empty());
}

TEST(LoadFailure, IsExplained) {
    const Error invalid = Error::from_code("loading", EINVAL);
    const auto broken = explain_load_failure(invalid, "", {"scx_bpf_a", "scx_bpf_b"});
    EXPECT_EQ(broken.code, ExitCode::KernelTypes);
    EXPECT_THAT(broken.line, HasSubstr("scx_bpf_a (2 in all)"));

    const auto refused = explain_load_failure(Error::from_code("loading", EPERM), "", {});
    EXPECT_EQ(refused.code, ExitCode::NoPrivilege);

    const auto no_jit = explain_load_failure(Error::from_code("loading", 524), "", {});
    EXPECT_THAT(no_jit.line, HasSubstr("bpf_jit_enable"));

    const auto other = explain_load_failure(invalid, "one\ntwo\n\nthree\nfour\n", {});
    EXPECT_EQ(other.code, ExitCode::LoadFailed);
    EXPECT_THAT(other.line, HasSubstr("two / three / four"));
    EXPECT_THAT(other.line, Not(HasSubstr("one")));
    EXPECT_THAT(other.line, HasSubstr("--verbose"));
}

TEST(AttachFailure, NamesTheOtherScheduler) {
    const TempTree tree;
    tree.write("kernel/sched_ext/root/ops", "foreign");
    const SystemRoots roots{"/nonexistent", tree.root()};
    const auto busy = explain_attach_failure(Error::from_code("attaching", EBUSY), "", roots);
    EXPECT_EQ(busy.code, ExitCode::OtherScheduler);
    EXPECT_THAT(busy.line, HasSubstr("'foreign'"));
    const auto other =
        explain_attach_failure(Error::from_code("attaching", EINVAL), "word\n", roots);
    EXPECT_EQ(other.code, ExitCode::LoadFailed);
    EXPECT_THAT(other.line, HasSubstr("word"));
}

TEST(CgroupLimits, AreFoundAtAnyDepth) {
    const TempTree tree;
    tree.write("cpu.max", "max 100000");
    tree.write("user.slice/cpu.max", "max 100000");
    tree.write("user.slice/game.scope/cpu.max", "50000 100000");
    tree.write("system.slice/a.service/cpu.max", "200000 100000");
    tree.mkdir("system.slice/without-the-controller");
    EXPECT_THAT(cgroups_with_cpu_max(tree.root()),
                ElementsAre("system.slice/a.service", "user.slice/game.scope"));
    EXPECT_TRUE(cgroups_with_cpu_max(tree.path("missing")).empty());
}

TEST(SysctlOverride, RestoresTheOldValueAtTheEnd) {
    const TempTree tree;
    tree.write("value", "1");
    const auto read = [&] { return read_line(tree.path("value")).value_or("unreadable"); };
    {
        auto set = SysctlOverride::set(tree.path("value"), "0");
        ASSERT_TRUE(set);
        EXPECT_EQ(read().front(), '0');
        const SysctlOverride moved = *std::move(set);
        EXPECT_EQ(read().front(), '0') << "moving restores nothing";
    }
    EXPECT_EQ(read().front(), '1');
    EXPECT_FALSE(SysctlOverride::set(tree.path("missing"), "0"));
}

TEST(ProcessFigures, PageFaultsComeAfterTheLastParenthesis) {
    EXPECT_EQ(parse_page_faults("7 (a) b) c) R 1 2 3 4 5 6 10 20 30 40 50"), 40U);
    EXPECT_FALSE(parse_page_faults("7 (name) R 1 2 3"));
    EXPECT_FALSE(parse_page_faults("nonsense"));
    EXPECT_FALSE(parse_page_faults(""));
}

TEST(ProcessFigures, OfThisProcess) {
    EXPECT_GT(read_page_faults(Pid{::getpid()}).value_or(0), 0U);
    EXPECT_GT(read_resident_bytes().value_or(0), 100'000U);
    EXPECT_GE(read_runnable().value_or(0), 1U);
    EXPECT_GE(read_online_cpus().value_or(0), 1U);
    const TempTree empty;
    EXPECT_FALSE(read_resident_bytes(empty.root()));
    EXPECT_FALSE(read_online_cpus(empty.root()));
}

TEST_F(Preflight, WhatTheKernelAnswersWithEinvalIsNamed) {
    const Error invalid = Error::from_code("loading", EINVAL);
    const auto load = [&](const std::string& said) {
        return explain_load_failure(invalid, said, {}, roots).line;
    };
    const auto attach = [&] {
        return explain_attach_failure(Error::from_code("attaching", EINVAL), "", roots).line;
    };
    EXPECT_THAT(load("bpf_timer cannot be used for PREEMPT_RT"), HasSubstr("verifier's whole log"));
    tree.write("sys/kernel/realtime", "1");
    EXPECT_THAT(load("bpf_timer cannot be used for PREEMPT_RT"),
                HasSubstr("boot a kernel without PREEMPT_RT"));
    EXPECT_THAT(load("something else"), HasSubstr("verifier's whole log"));

    tree.write("sys/kernel/security/lockdown", "none [integrity] confidentiality");
    EXPECT_THAT(load("x"), HasSubstr("verifier's whole log"));
    tree.write("sys/kernel/security/lockdown", "none integrity [confidentiality]");
    EXPECT_THAT(load("x"), HasSubstr("boot with lockdown=integrity"));

    for (const char* allowed : {"quiet", "isolcpus=managed_irq,1-3", "isolcpus=nohz,2 quiet",
                                "noisolcpus=1", "isolcpus="}) {
        tree.write("proc/cmdline", allowed);
        EXPECT_THAT(attach(), HasSubstr("dmesg")) << allowed;
    }
    for (const char* isolated :
         {"isolcpus=1-3", "quiet isolcpus=domain,1\n", "isolcpus=nohz,domain,managed_irq,2-3 quiet",
          "isolcpus=managed_irq,1 isolcpus=2"}) {
        tree.write("proc/cmdline", isolated);
        EXPECT_THAT(attach(), HasSubstr("boot without isolcpus=")) << isolated;
    }
}
