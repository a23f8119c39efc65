// SPDX-License-Identifier: GPL-2.0-only
// What is read of the kernel's types before loading, and the calls of the BPF object that get it.
#include "embedded_object.hpp"
#include "kernel_facts.hpp"

#include <array>
#include <bpf/btf.h>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <memory>
#include <vector>

using namespace rustland;
using testing::HasSubstr;

namespace {

constexpr const char* kFunctions[] = {
#define NAME(name, needed) #name,
    RL_KFUNCS(NAME)
#undef NAME
};

// Type information with what loading asks for, and other types between, as a kernel's has.
class Types {
  public:
    explicit Types(const char* without = "") {
        int_ = btf__add_int(types_.get(), "int", 4, BTF_INT_SIGNED);
        EXPECT_GT(btf__add_array(types_.get(), int_, int_, 4), 0);
        proto_ = btf__add_func_proto(types_.get(), int_);
        EXPECT_EQ(btf__add_func_param(types_.get(), "p", int_), 0);
        EXPECT_GT(btf__add_struct(types_.get(), "sched_ext_ops", 16), 0);
        EXPECT_EQ(btf__add_field(types_.get(), "enqueue", int_, 0, 0), 0);
        EXPECT_EQ(btf__add_field(types_.get(), "dispatch", int_, 32, 0), 0);
        EXPECT_GT(btf__add_enum64(types_.get(), "scx_ops_flags", 8, false), 0);
        EXPECT_EQ(btf__add_enum64_value(types_.get(), "SCX_OPS_ENQ_LAST", 2), 0);
        EXPECT_EQ(btf__add_enum64_value(types_.get(), "SCX_OPS_FAR", 1ULL << 40), 0);
        for (const char* name : kFunctions)
            if (std::strcmp(name, without) != 0)
                numbers_.push_back(function(name));
            else
                numbers_.push_back(0);
    }
    int function(const char* name) {
        return btf__add_func(types_.get(), name, BTF_FUNC_GLOBAL, proto_);
    }
    [[nodiscard]] std::vector<std::byte> bytes() const {
        std::uint32_t size = 0;
        const auto* data = static_cast<const std::byte*>(btf__raw_data(types_.get(), &size));
        return {data, data + size};
    }
    [[nodiscard]] std::uint32_t number(rl_kfunc kfunc) const {
        return static_cast<std::uint32_t>(numbers_[kfunc]);
    }

  private:
    std::unique_ptr<btf, decltype(&btf__free)> types_{btf__new_empty(), btf__free};
    int int_ = 0;
    int proto_ = 0;
    std::vector<int> numbers_;
};

struct Calls {
    std::size_t by_number = 0; // still to be bound
    std::size_t bound = 0;
    std::size_t missing = 0; // bound to nothing
};

Calls calls_in(const std::vector<unsigned char>& object) {
    Calls calls;
    for (std::size_t at = 0; at + sizeof(bpf_insn) <= object.size(); at += sizeof(bpf_insn)) {
        bpf_insn insn{};
        std::memcpy(&insn, object.data() + at, sizeof(insn));
        if (insn.code != (BPF_JMP | BPF_CALL))
            continue;
        calls.by_number += insn.src_reg == 0 && insn.imm >= RL_KFUNC_FIRST &&
                           insn.imm < RL_KFUNC_FIRST + RL_NR_KFUNCS;
        calls.bound += insn.src_reg == BPF_PSEUDO_KFUNC_CALL && insn.imm > 0;
        calls.missing += insn.src_reg == BPF_PSEUDO_KFUNC_CALL && insn.imm == 0;
    }
    return calls;
}

std::vector<unsigned char> the_object() {
    const auto bytes = embedded_bpf_object();
    return {bytes.begin(), bytes.end()};
}

} // namespace

TEST(KernelFacts, AreFoundAmongOtherTypes) {
    const Types types;
    const auto facts = read_kernel_facts(types.bytes());
    ASSERT_TRUE(facts) << facts.error().message();
    for (int i = 0; i < RL_NR_KFUNCS; ++i)
        EXPECT_EQ(facts->kfuncs[static_cast<std::size_t>(i)], types.number(rl_kfunc(i)))
            << kFunctions[i];
    EXPECT_EQ(facts->kfunc_bits(), (1ULL << RL_NR_KFUNCS) - 1);
    EXPECT_THAT(facts->ops_members, testing::ElementsAre("dispatch", "enqueue"));
    EXPECT_EQ(facts->flag("SCX_OPS_ENQ_LAST"), 2U);
    EXPECT_EQ(facts->flag("SCX_OPS_FAR"), 1ULL << 40);
    EXPECT_EQ(facts->flag("SCX_OPS_UNHEARD_OF"), 0U);
}

TEST(KernelFacts, AMissingFunctionIsNamedIfItIsNeeded) {
    const auto facts = read_kernel_facts(Types("scx_bpf_kick_cpu").bytes());
    ASSERT_FALSE(facts);
    EXPECT_THAT(facts.error().message(), HasSubstr("no function scx_bpf_kick_cpu"));
    const auto other = read_kernel_facts(Types("scx_bpf_task_set_slice").bytes());
    ASSERT_TRUE(other) << other.error().message();
    EXPECT_EQ(other->kfunc_bits() >> KF_scx_bpf_task_set_slice & 1, 0U);
}

// Cut off anywhere it is an error, or what is missing is.
TEST(KernelFacts, DamagedTypesAreAnError) {
    const auto whole = Types().bytes();
    for (std::size_t size = 0; size < whole.size(); size += 7)
        EXPECT_FALSE(read_kernel_facts(std::span(whole).first(size))) << size;
    auto odd = whole;
    odd[0] ^= std::byte{1};
    EXPECT_FALSE(read_kernel_facts(odd));
    auto unknown = whole; // the kind of the first type
    btf_header header{};
    std::memcpy(&header, whole.data(), sizeof(header));
    unknown[header.hdr_len + header.type_off + 7] = std::byte{31};
    const auto facts = read_kernel_facts(unknown);
    ASSERT_FALSE(facts);
    EXPECT_THAT(facts.error().message(), HasSubstr("types of the kind 31"));
}

TEST(BindKfuncs, EachCallOfTheProgramGetsItsFunction) {
    auto facts = read_kernel_facts(Types("scx_bpf_task_set_slice").bytes());
    ASSERT_TRUE(facts) << facts.error().message();
    auto object = the_object();
    const Calls before = calls_in(object);
    ASSERT_GT(before.by_number, 100U);
    const auto bound = bind_kfuncs(object, *facts);
    ASSERT_TRUE(bound) << bound.error().message();
    EXPECT_EQ(*bound, before.by_number);
    const Calls after = calls_in(object);
    EXPECT_EQ(after.by_number, 0U);
    EXPECT_GT(after.missing, 0U);
    EXPECT_EQ(after.bound + after.missing, before.by_number + before.bound);
    EXPECT_EQ(*bind_kfuncs(object, *facts), 0U) << "nothing is left to do";
}

TEST(BindKfuncs, WhatIsNoObjectIsRefused) {
    const auto facts = read_kernel_facts(Types().bytes());
    ASSERT_TRUE(facts);
    std::vector<unsigned char> text(1000, 'x');
    EXPECT_FALSE(bind_kfuncs(text, *facts));
    auto cut = the_object();
    cut.resize(cut.size() / 2);
    EXPECT_FALSE(bind_kfuncs(cut, *facts));
}
