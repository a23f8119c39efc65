// SPDX-License-Identifier: GPL-2.0-only
// Tasks for the VM tests to schedule, and what else they need that a shell cannot do.
#include "commands.hpp"

#include <CLI/CLI.hpp>

using namespace rustland::vm;

int main(int argc, char** argv) {
    pose_if_told();
    CLI::App app("Tasks for the VM tests");
    app.require_subcommand(1);

    BeatOptions beats;
    auto* beat_command = app.add_subcommand("beat", "threads that sleep and work in turn");
    beat_command->add_option("--cpus", beats.cpus, "one thread bound to each")->delimiter(',');
    beat_command->add_option("--threads", beats.threads, "threads that may run anywhere");
    beat_command->add_option("--sleep-us", beats.sleep_us);
    beat_command->add_option("--work", beats.work, "loop iterations");

    ChurnOptions churns;
    auto* churn_command = app.add_subcommand("churn", "threads that change each other");
    churn_command->add_option("--threads", churns.threads);
    churn_command->add_option("--rounds", churns.rounds);
    churn_command->add_option("--changers", churns.changers);
    churn_command->add_option("--urgent", churns.urgent);
    churn_command->add_flag("--classes", churns.classes);
    churn_command->add_option("--work", churns.work);
    churn_command->add_option("--limit-s", churns.limit_s);

    StormOptions storms;
    auto* storm_command = app.add_subcommand("storm", "processes that create processes");
    storm_command->add_option("--parents", storms.parents);
    storm_command->add_option("--children", storms.children);
    storm_command->add_option("--work", storms.work);
    storm_command->add_option("--exec", storms.exec, "a program that every child becomes");

    StartsOptions games;
    auto* starts_command = app.add_subcommand("starts", "games that start and end, with times");
    starts_command->add_option("--scheduler", games.scheduler)->required();
    starts_command->add_option("--count", games.count)->check(CLI::PositiveNumber);
    starts_command->add_option("command", games.command)->required();

    PoseOptions poses;
    auto* pose_command = app.add_subcommand("pose", "looks like another program");
    pose_command->prefix_command();
    pose_command->add_option("--open", poses.open, "a file that it holds open");
    pose_command->add_option("comm", poses.comm, "the kernel's name of it")->required();

    std::string class_name;
    std::vector<pid_t> pids;
    auto* class_command = app.add_subcommand("set-class", "puts tasks into a scheduling class");
    class_command->add_option("class", class_name)->required();
    class_command->add_option("pids", pids)->required();

    std::string socket_path = "/run/rustland/scheduler.sock";
    auto* stats_command = app.add_subcommand("stats", "what the running scheduler has counted");
    stats_command->add_option("--socket", socket_path);

    int agree_limit_s = 10;
    auto* agree_command =
        app.add_subcommand("agree", "waits until the scheduler's counters of tasks agree");
    agree_command->add_option("--socket", socket_path);
    agree_command->add_option("--limit-s", agree_limit_s)->check(CLI::PositiveNumber);

    std::string request;
    auto* ask_command = app.add_subcommand("ask", "sends a request to the running scheduler");
    ask_command->add_option("--socket", socket_path);
    ask_command->add_option("request", request)->required();

    auto* programs_command =
        app.add_subcommand("bpf-programs", "the loaded ones and their run time");

    WakeupOptions wakes;
    auto* wakeups_command = app.add_subcommand("wakeups", "messengers that wake workers");
    wakeups_command->add_option("--messengers", wakes.messengers)->check(CLI::PositiveNumber);
    wakeups_command->add_option("--workers", wakes.workers)->check(CLI::PositiveNumber);
    wakeups_command->add_option("--work", wakes.work);
    wakeups_command->add_option("--pause-us", wakes.pause_us);
    wakeups_command->add_option("--warmup-ms", wakes.warmup_ms);
    wakeups_command->add_option("--duration-ms", wakes.duration_ms)->check(CLI::PositiveNumber);

    HogOptions hogging;
    auto* hogs_command = app.add_subcommand("hogs", "threads that never sleep");
    hogs_command->add_option("--threads", hogging.threads)->check(CLI::PositiveNumber);
    hogs_command->add_option("--warmup-ms", hogging.warmup_ms);
    hogs_command->add_option("--duration-ms", hogging.duration_ms)->check(CLI::PositiveNumber);

    WaitOptions waiting;
    auto* waits_command = app.add_subcommand("waits", "tasks that record how long they wait");
    waits_command->add_option("--kind", waiting.kind)
        ->check(CLI::IsMember({"hog", "sleeper", "pinned"}));
    waits_command->add_option("--threads", waiting.threads)->check(CLI::PositiveNumber);
    waits_command->add_option("--cpus", waiting.cpus, "one thread bound to each")->delimiter(',');
    waits_command->add_option("--nice", waiting.nice);
    waits_command->add_option("--warmup-ms", waiting.warmup_ms);
    waits_command->add_option("--duration-ms", waiting.duration_ms)->check(CLI::PositiveNumber);

    CLI11_PARSE(app, argc, argv);
    if (beat_command->parsed())
        return beat(beats);
    if (churn_command->parsed())
        return churn(churns);
    if (storm_command->parsed())
        return storm(storms);
    if (starts_command->parsed())
        return starts(games);
    if (pose_command->parsed()) {
        poses.command = pose_command->remaining();
        return pose(poses);
    }
    if (class_command->parsed())
        return set_class(class_name, pids);
    if (programs_command->parsed())
        return bpf_programs();
    if (wakeups_command->parsed())
        return wakeups(wakes);
    if (hogs_command->parsed())
        return hogs(hogging);
    if (waits_command->parsed())
        return waits(waiting);
    if (agree_command->parsed())
        return agree(socket_path, agree_limit_s);
    return ask(socket_path, ask_command->parsed() ? request : R"({"request":"stats"})");
}
