// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/top_source.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/file.hpp"
#include "supervisor/ctl/print.hpp"
#include "supervisor/ctl/status_view.hpp"
#include "supervisor/ctl/workload_line.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <system_error>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds kRefreshPatience{2};
constexpr std::size_t kMostProcesses = 20;
constexpr std::size_t kMostEvents = 5;

template <typename T> T value_of(const json& from, const char* key, T fallback) {
    const auto found = from.find(key);
    if (found == from.end())
        return fallback;
    try {
        return found->get<T>();
    } catch (const json::exception&) {
        return fallback;
    }
}

} // namespace

TopMoment TopSource::next() {
    TopMoment moment;
    ask_scheduler(moment);
    moment.at = monotonic_now();
    if (const auto text = read_file(proc_ + "/stat"))
        moment.cpus = parse_cpu_ticks(*text);
    ask_supervisor(moment);
    return moment;
}

void TopSource::ask_scheduler(TopMoment& moment) {
    if (!feed_) {
        auto feed = SchedulerFeed::open(scheduler_socket_, interval_);
        if (!feed) {
            moment.no_scheduler = feed.error().message();
            return;
        }
        feed_ = *std::move(feed);
    }
    auto sample = feed_->next();
    if (sample) {
        moment.scheduler = *std::move(sample);
    } else {
        moment.no_scheduler = sample.error().message();
        feed_.reset();
    }
}

void TopSource::ask_supervisor(TopMoment& moment) const {
    auto client = Client::connect(daemon_socket_, kRefreshPatience);
    if (!client) {
        moment.supervisor = client.error().message();
        if (!moment.scheduler && scheduler_socket_ == kSchedulerSocket)
            moment.no_scheduler = moment.supervisor;
        return;
    }
    if (const auto answer = client->ask({{"request", "status"}})) {
        const json status = value_of(*answer, "status", json::object());
        moment.supervisor =
            fmt::format("{}: {}", state_words(status), value_of<std::string>(status, "why", ""));
        moment.others = lines_of_others(status);
        if (std::string why = why_off(status); !moment.scheduler && !why.empty())
            moment.no_scheduler = std::move(why);
    }
    if (const auto answer = client->ask({{"request", "list"}}))
        for (const json& item : value_of(*answer, "workloads", json::array())) {
            WatchedProcess process;
            process.pid = value_of(item, "pid", 0);
            process.comm = value_of<std::string>(item, "comm", "?");
            process.name = value_of<std::string>(item, "name", process.comm);
            process.rule = value_of<std::string>(item, "rule", "");
            process.task_class = value_of<std::string>(item, "class", "");
            moment.processes.push_back(std::move(process));
        }
    // Those in the foreground first; a game with its launcher has dozens.
    std::stable_sort(moment.processes.begin(), moment.processes.end(),
                     [](const WatchedProcess& a, const WatchedProcess& b) {
                         return (a.task_class == "foreground") > (b.task_class == "foreground");
                     });
    moment.processes.resize(std::min(moment.processes.size(), kMostProcesses));
    for (WatchedProcess& process : moment.processes)
        process.times = times_of(process.pid, process.threads);
    if (const auto answer = client->ask({{"request", "history"}})) {
        const json history = value_of(*answer, "history", json::array());
        const std::size_t from = history.size() - std::min(history.size(), kMostEvents);
        for (std::size_t i = from; i < history.size(); ++i)
            moment.events.push_back(fmt::format(
                "{}  {:<9} {}", local_time(value_of(history[i], "time_ms", std::int64_t{0})),
                value_of<std::string>(history[i], "event", ""),
                value_of<std::string>(history[i], "text", "")));
    }
}

TaskTimes TopSource::times_of(std::int32_t pid, std::size_t& threads) const {
    TaskTimes times;
    std::error_code failed;
    for (std::filesystem::directory_iterator thread(fmt::format("{}/{}/task", proc_, pid), failed),
         end;
         !failed && thread != end; thread.increment(failed)) {
        // Any of them may end meanwhile.
        const auto text = read_file(thread->path().string() + "/schedstat");
        const auto one = text ? parse_schedstat(*text) : Result<TaskTimes>(text.error());
        if (!one)
            continue;
        times += *one;
        ++threads;
    }
    return times;
}

} // namespace rustland::supervisor
