// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace rustland {

// Which function of the policy is being called.
enum class PolicyCall : std::uint8_t { None, Tick, Exited, Enqueue, Pick, Waiting };

// What other threads may know, at any time and without a lock, of how the policy does: where it
// is, and what it threw first. Written by the scheduling thread.
class PolicyFault {
  public:
    void enter(PolicyCall call) { call_.store(call, std::memory_order_relaxed); }
    void leave() { enter(PolicyCall::None); }

    // Keeps the first one.
    void note(const char* what) {
        if (known_.load(std::memory_order_relaxed))
            return;
        std::size_t at = 0;
        for (; what[at] != '\0' && at + 1 < text_.size(); ++at)
            text_[at] = what[at];
        text_[at] = '\0';
        where_ = call_.load(std::memory_order_relaxed);
        known_.store(true, std::memory_order_release);
    }

    [[nodiscard]] bool known() const { return known_.load(std::memory_order_acquire); }
    // "enqueue(): what it threw"; empty while it has thrown nothing.
    [[nodiscard]] std::string first() const {
        return known() ? std::string(name_of(where_)) + ": " + text_.data() : std::string();
    }
    // "enqueue()" and so on while the policy is being asked, else empty.
    [[nodiscard]] const char* where() const {
        return name_of(call_.load(std::memory_order_relaxed));
    }

  private:
    static const char* name_of(PolicyCall call) {
        constexpr std::array<const char*, 6> kNames{"",          "tick()", "exited()",
                                                    "enqueue()", "pick()", "waiting()"};
        return kNames.at(static_cast<std::size_t>(call));
    }

    std::atomic<PolicyCall> call_{PolicyCall::None};
    std::atomic<bool> known_{false};
    PolicyCall where_ = PolicyCall::None; // these two are final once known_ is set
    std::array<char, 160> text_{};
};

} // namespace rustland
