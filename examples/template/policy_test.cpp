// SPDX-License-Identifier: GPL-2.0-only
// The policy on a machine in memory: no kernel, no root, and no time passes.
#include "policy.hpp"

#include <iostream>
#include <rustland/testing/replay.hpp>
#include <rustland/testing/simulation.hpp>
#include <sstream>

using namespace rustland;
using namespace rustland::testing;

namespace {

int failures = 0;

void check(bool condition, const char* what) {
    std::cout << (condition ? "ok      " : "FAILED  ") << what << '\n';
    failures += condition ? 0 : 1;
}

// What the library gives to a policy.
struct Setting {
    Topology topology;
    PolicyMemory memory{1 << 20};
    PolicyContext context{.topology = topology, .memory = memory};
};

// One CPU, three tasks that compute for ever, and one that needs a millisecond now and then.
void those_that_sleep_do_not_wait_long() {
    Setting setting;
    Simulation<MyPolicy> machine(MachineParams{.cpus = 1}, setting.context);
    for (int i = 0; i < 3; ++i)
        machine.kernel.spawn(hog());
    const Pid sleeper = machine.kernel.spawn(periodic(millis(1), millis(20)));
    machine.run_for(seconds(5));
    // In 5 s it could sleep and work 238 times; behind all three it would be 140 times.
    check(machine.kernel.stats(sleeper).starts > 180, "a task that sleeps waits for one at most");
    check(machine.kernel.counters().fallback == 0, "no task is forgotten");
    check(setting.memory.overflows().get() == 0, "the memory suffices");
}

// A trace in, decisions out.
void the_shorter_burst_comes_first() {
    Setting setting;
    MyPolicy policy(setting.context);
    std::istringstream trace(R"({"time":1000,"pid":1,"burst_exec":8000000}
{"time":1000,"pid":2,"burst_exec":500000}
)");
    std::ostringstream decisions;
    const auto done = replay(trace, policy, decisions);
    check(done.ok() && done->decisions == 2, "both are decided");
    const std::string text = decisions.str();
    check(text.find("\"pid\":2") < text.find("\"pid\":1"), "the shorter burst comes first");
}

} // namespace

int main() {
    those_that_sleep_do_not_wait_long();
    the_shorter_burst_comes_first();
    return failures == 0 ? 0 : 1;
}
