// SPDX-License-Identifier: GPL-2.0-only
// Who may do what: root always, others as polkit says, nobody else where there is no polkit.
#pragma once

#include "supervisor/system/bus.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace rustland::supervisor {

// polkit's name of what whoever sits at the machine may do.
inline constexpr std::string_view kHoldAction = "org.rustland1.hold";

// Who sent a message, as the bus vouches for it.
struct Sender {
    std::string name; // ":1.42"
    uid_t uid = 0;
    Pid pid;
};

class Authority {
  public:
    explicit Authority(Bus& bus) : bus_(bus) {}

    using Identified = std::function<void(const Result<Sender>&)>;
    void identify(const std::string& bus_name, Identified answer);

    // What is asked for. `program` is shown to whoever is asked for a password.
    struct Question {
        std::string action; // polkit's name of it
        std::string program;
        std::string request;      // "stop": what is said of a refusal names it
        bool interactive = false; // polkit may ask the user, which can take minutes
    };
    // Ok, or why not.
    using Checked = std::function<void(const Status&)>;
    void check(const Sender& sender, const Question& question, Checked answer);

  private:
    Bus& bus_;
    std::shared_ptr<int> life_ = std::make_shared<int>();
};

} // namespace rustland::supervisor
