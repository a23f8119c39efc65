// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace rustland::vm {

// Threads that sleep and work in turn, so that whoever does not get a CPU shows.
struct BeatOptions {
    std::vector<int> cpus; // one thread bound to each
    unsigned threads = 0;  // and that many that may run anywhere
    std::int64_t sleep_us = 10000;
    std::uint64_t work = 20000; // loop iterations
};
int beat(const BeatOptions& options);

// Threads that all become runnable at once, and change each other's affinity, class and nice value.
struct ChurnOptions {
    unsigned threads = 1000;
    unsigned rounds = 3;
    unsigned changers = 2; // threads that do nothing but change others' affinity
    unsigned urgent = 2;   // threads that wake each millisecond
    bool classes = false;  // change scheduling class and nice value, too
    std::uint64_t work = 20000;
    unsigned limit_s = 60; // a thread that is not done by then is lost
};
int churn(const ChurnOptions& options);

// Processes that do nothing but create processes.
struct StormOptions {
    unsigned parents = 4;
    unsigned children = 500; // of each
    std::uint64_t work = 20000;
    std::string exec; // a program that every child becomes
};
int storm(const StormOptions& options);

// Games that start and end, and how long it takes until the scheduler comes and goes.
struct StartsOptions {
    std::string scheduler; // its program, to see when it is started
    unsigned count = 20;
    std::vector<std::string> command; // the game
};
int starts(const StartsOptions& options);

// Puts tasks into a class: "ext" or "other".
int set_class(const std::string& name, const std::vector<pid_t>& pids);

// Sends a request (JSON) to the running scheduler; prints the answer as "name value", nested names
// with dots.
int ask(const std::string& socket_path, const std::string& request);

// Asks the running scheduler until each task that was given to user space is accounted for. One
// process, because whatever else runs meanwhile may be waiting for a decision itself.
int agree(const std::string& socket_path, int limit_s);

// Prints each loaded BPF program with the kernel's run-time statistics; 1 if there is none.
int bpf_programs();

// Messengers that wake workers, each of which works and then waits for its messenger: how long a
// worker waits from the wake-up until it runs.
struct WakeupOptions {
    unsigned messengers = 2;
    unsigned workers = 4;         // of each messenger
    std::uint64_t work = 200000;  // loop iterations for each message
    std::int64_t pause_us = 1000; // of a messenger between its rounds
    std::int64_t warmup_ms = 1000;
    std::int64_t duration_ms = 3000;
};
int wakeups(const WakeupOptions& options);

// Threads that never sleep: what all together get done.
struct HogOptions {
    unsigned threads = 8;
    std::int64_t warmup_ms = 1000;
    std::int64_t duration_ms = 3000;
};
int hogs(const HogOptions& options);

// One kind of task for as long as the program runs: how long it is ready to run but does not.
struct WaitOptions {
    std::string kind = "hog"; // hog, sleeper, or pinned: a hog that cannot migrate in the kernel
    unsigned threads = 1;
    std::vector<int> cpus; // one thread bound to each, instead of threads
    int nice = 0;
    std::int64_t warmup_ms = 1000;
    std::int64_t duration_ms = 10000;
};
int waits(const WaitOptions& options);

struct PoseOptions {
    std::string comm;
    std::string open;
    std::vector<std::string> command; // argv[0] first
};
int pose(const PoseOptions& options);
void pose_if_told();

} // namespace rustland::vm
