// SPDX-License-Identifier: GPL-2.0-only
// rustland with a policy that misbehaves, to show that the machine survives it:
//
//   bad-policy spin [OPTION]...     works well at first, then never returns from a decision
//   bad-policy forget [OPTION]...   forgets every tenth task
//   bad-policy silent [OPTION]...   takes all tasks and never decides anything
//   bad-policy wrong [OPTION]...    decides twice, for wrong enqueues, wrong tasks and wrong CPUs
//   bad-policy throw [OPTION]...    throws an exception at every tenth task
//   bad-policy block [OPTION]...    sleeps for a tenth of a second at every 200th task
//   bad-policy allocate [OPTION]... takes memory while it schedules
//
// The options are those of rustland.
#include "policies.hpp"

#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

using namespace rustland;

namespace {

constexpr std::uint64_t kGoodDecisions = 50;
constexpr std::uint64_t kForgetEvery = 10;
constexpr std::uint64_t kBlockEvery = 200;

class BadPolicy final : public Policy {
  public:
    enum class Fault { Spin, Forget, Silent, Wrong, Throw, Block, Allocate };

    BadPolicy(std::unique_ptr<Policy> good, Fault fault) : good_(std::move(good)), fault_(fault) {}

    [[nodiscard]] const char* name() const override { return "bad"; }
    [[nodiscard]] bool enqueue(const QueuedTask& task, Nanos now) override {
        ++seen_;
        if (fault_ == Fault::Silent || (fault_ == Fault::Forget && seen_ % kForgetEvery == 0))
            return true;
        if (fault_ == Fault::Spin && seen_ > kGoodDecisions) {
            for (;;)
                asm volatile("" ::: "memory");
        }
        if (fault_ == Fault::Throw && seen_ % kForgetEvery == 0)
            throw std::runtime_error("it cannot count to ten");
        if (fault_ == Fault::Block && seen_ % kBlockEvery == 0)
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        if (fault_ == Fault::Allocate)
            taken_.push_back(seen_);
        return good_->enqueue(task, now);
    }
    [[nodiscard]] std::optional<Decision> pick(Nanos now) override {
        auto decision = again_ ? std::exchange(again_, std::nullopt) : good_->pick(now);
        if (fault_ == Fault::Wrong && decision && seen_ > kGoodDecisions)
            spoil(*decision);
        return decision;
    }
    [[nodiscard]] std::size_t waiting() const override { return good_->waiting(); }

  private:
    void spoil(Decision& decision) {
        switch (++picked_ % 6) {
        case 0:
            again_ = decision;
            break;
        case 1:
            decision.seq += 1;
            break;
        case 2:
            decision.pid = Pid{1};
            break;
        case 3:
            decision.pid = Pid{-1};
            break;
        case 4:
            decision.cpu = CpuId{100000};
            decision.slice = Nanos{};
            break;
        default:
            decision.deadline = Nanos{-1};
            decision.key = Nanos{INT64_MIN};
            break;
        }
    }

    std::unique_ptr<Policy> good_;
    Fault fault_;
    std::uint64_t seen_ = 0;
    std::uint64_t picked_ = 0;
    std::optional<Decision> again_;
    std::vector<std::uint64_t> taken_;
};

std::optional<BadPolicy::Fault> parse_fault(std::string_view text) {
    if (text == "spin")
        return BadPolicy::Fault::Spin;
    if (text == "forget")
        return BadPolicy::Fault::Forget;
    if (text == "silent")
        return BadPolicy::Fault::Silent;
    if (text == "wrong")
        return BadPolicy::Fault::Wrong;
    if (text == "throw")
        return BadPolicy::Fault::Throw;
    if (text == "block")
        return BadPolicy::Fault::Block;
    if (text == "allocate")
        return BadPolicy::Fault::Allocate;
    return std::nullopt;
}

} // namespace

int main(int argc, char** argv) {
    const auto fault = parse_fault(argc > 1 ? argv[1] : "");
    if (!fault) {
        fmt::print(stderr, "usage: bad-policy {} [OPTION]...\n",
                   "spin|forget|silent|wrong|throw|"
                   "block|allocate");
        return 2;
    }
    Program program = rustland_program();
    program.name = "bad-policy";
    const auto factory = [&](const PolicyContext& context) -> Result<std::unique_ptr<Policy>> {
        auto good = make_policy(context);
        if (!good)
            return good;
        return std::unique_ptr<Policy>(std::make_unique<BadPolicy>(*std::move(good), *fault));
    };
    return run_policy(argc - 1, argv + 1, factory, program);
}
