// SPDX-License-Identifier: GPL-2.0-only
// The slice follows what tasks do: so long that most bursts of work fit into one. How many, and the
// bounds, can be set in a JSON file: {"percent": 90, "slice_us": [500, 20000]}.
#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <rustland/policy/run_queue.hpp>
#include <rustland/run_policy.hpp>

using namespace rustland;

class Histogram final : public Policy {
  public:
    Histogram(const PolicyContext& context, const nlohmann::json& settings)
        : percent_(settings.at("percent")), least_(micros(settings.at("slice_us").at(0))),
          most_(micros(settings.at("slice_us").at(1))),
          queue_(context.capacity, context.memory.resource()) {}

    const char* name() const override { return "example-histogram"; }

    bool enqueue(const QueuedTask& task, Nanos /*now*/) override {
        const auto used = static_cast<std::uint64_t>(task.sum_exec.value) / 1000; // us
        if (task.sleeps > task.state[0]) { // bursts have ended since the last decision
            const auto burst = (used - task.state[1]) / (task.sleeps - task.state[0]);
            ++bursts_.at(static_cast<std::size_t>(std::bit_width(burst)));
        }
        Decision decision;
        decision.seq = task.seq;
        decision.pid = task.pid;
        decision.slice = slice_;
        decision.deadline = task.enqueued_at + std::min(task.burst_exec, millis(100));
        decision.state = {task.sleeps, used};
        return queue_.push(decision);
    }
    std::optional<Decision> pick(Nanos /*now*/) override {
        return queue_.empty() ? std::nullopt : std::optional(queue_.pop());
    }
    std::size_t waiting() const override { return queue_.size(); }
    Nanos tick_interval() const override { return millis(500); }
    void tick(Nanos /*now*/) override {
        const auto all = std::accumulate(bursts_.begin(), bursts_.end(), std::uint64_t{0});
        std::size_t fits = 0; // bucket n: bursts shorter than 2^n us
        for (std::uint64_t sum = 0; fits < 32 && sum * 100 < all * percent_; ++fits)
            sum += bursts_[fits];
        slice_ = std::clamp(micros(std::int64_t{1} << fits), least_, most_);
        for (std::uint64_t& count : bursts_) // older bursts count less
            count -= count / 2;
    }

  private:
    std::uint64_t percent_;
    Nanos least_, most_, slice_ = millis(5);
    std::array<std::uint64_t, 65> bursts_{};
    RunQueue queue_;
};

int main(int argc, char** argv) {
    const auto make = [](const PolicyContext& context) -> Result<std::unique_ptr<Policy>> {
        nlohmann::json settings{{"percent", 90}, {"slice_us", {500, 20000}}};
        if (!context.arguments.empty()) // what this throws ends the program, with the message
            settings.update(nlohmann::json::parse(std::ifstream(context.arguments.front())));
        return std::unique_ptr<Policy>(std::make_unique<Histogram>(context, settings));
    };
    return run_policy(argc, argv, make, Program{.arguments = "[FILE]"});
}
