// SPDX-License-Identifier: GPL-2.0-only
// What a command writes, read on the event loop and with a deadline, so that nothing waits for it.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/loop.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rustland::supervisor {

struct CommandLimits {
    std::size_t bytes = 16384; // of the output's end; what comes before is dropped
    Nanos patience = seconds(2);
};

struct CommandEvents {
    // The output; once, when the command has ended or its time is over. Then it is killed.
    std::function<void(std::string)> output;
    // The command is gone and waited for. May end this object.
    std::function<void()> gone;
};

class CommandOutput {
  public:
    static Result<std::unique_ptr<CommandOutput>> start(Loop& loop,
                                                        const std::vector<std::string>& command,
                                                        CommandLimits limits, CommandEvents events);
    CommandOutput(const CommandOutput&) = delete;
    CommandOutput& operator=(const CommandOutput&) = delete;
    CommandOutput(CommandOutput&&) = delete;
    CommandOutput& operator=(CommandOutput&&) = delete;
    // Kills the command where it still runs.
    ~CommandOutput();

  private:
    CommandOutput(CommandLimits limits, CommandEvents events)
        : limits_(limits), events_(std::move(events)) {}
    Status watch(Loop& loop, Pid pid);
    void read();
    void too_late();
    void ended();
    void hand_over();

    CommandLimits limits_;
    CommandEvents events_;
    std::string text_;
    bool handed_over_ = false;
    UniqueFd pipe_;
    UniqueFd pidfd_;
    Source readable_;
    Source exit_;
    Source deadline_;
};

} // namespace rustland::supervisor
