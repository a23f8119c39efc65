// SPDX-License-Identifier: GPL-2.0-only
// Begin here: a policy that runs those first that have computed least since they last slept.
#pragma once

#include <rustland/policy/run_queue.hpp>
#include <rustland/run_policy.hpp>

class MyPolicy final : public rustland::Policy {
  public:
    explicit MyPolicy(const rustland::PolicyContext& context);

    const char* name() const override { return "my-policy"; }
    bool enqueue(const rustland::QueuedTask& task, rustland::Nanos now) override;
    std::optional<rustland::Decision> pick(rustland::Nanos now) override;
    std::size_t waiting() const override { return queue_.size(); }

  private:
    rustland::Nanos slice_;
    rustland::RunQueue queue_;
};
