// SPDX-License-Identifier: GPL-2.0-only
// rustland with a policy that misbehaves, to show that the machine survives it:
//
//   bad-policy spin [OPTION]...     works well at first, then never returns from a decision
//   bad-policy forget [OPTION]...   forgets every tenth task
//   bad-policy silent [OPTION]...   takes all tasks and never decides anything
//   bad-policy wrong [OPTION]...    decides twice, for wrong enqueues, wrong tasks and wrong CPUs
//
// The options are those of rustland.
#include "options.hpp"
#include "rustland/common/log.hpp"
#include "rustland/kernel/memory.hpp"
#include "rustland/policy/deadline_policy.hpp"
#include "session.hpp"

#include <cstdio>
#include <fmt/format.h>
#include <string_view>

using namespace rustland;

namespace {

constexpr std::uint64_t kGoodDecisions = 50;
constexpr std::uint64_t kForgetEvery = 10;

class BadPolicy final : public Policy {
  public:
    enum class Fault { Spin, Forget, Silent, Wrong };

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
    return std::nullopt;
}

} // namespace

int main(int argc, char** argv) {
    prepare_allocator();
    const auto fault = parse_fault(argc > 1 ? argv[1] : "");
    if (!fault) {
        fmt::print(stderr, "usage: bad-policy spin|forget|silent|wrong [OPTION]...\n");
        return static_cast<int>(ExitCode::Usage);
    }
    const auto parsed = parse_options(argc - 1, argv + 1);
    if (const auto* message = std::get_if<Message>(&parsed)) {
        fmt::print(stderr, "{}", message->text);
        return static_cast<int>(message->code);
    }
    setup_logging("bad-policy", LogLevel::Info);
    const auto factory = [&](const Options& options, const Topology& topology) {
        return std::make_unique<BadPolicy>(make_policy(options, topology), *fault);
    };
    return static_cast<int>(run_scheduler(std::get<Options>(parsed), factory));
}
