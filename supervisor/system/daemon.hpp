// SPDX-License-Identifier: GPL-2.0-only
// The supervisor put together: what is detected goes into the decision core, what it decides goes
// to the runner, and whoever asks is told.
#pragma once

#include "supervisor/config/load.hpp"
#include "supervisor/core/decision_core.hpp"
#include "supervisor/system/control_server.hpp"
#include "supervisor/system/detector.hpp"
#include "supervisor/system/event_journal.hpp"
#include "supervisor/system/focus_watch.hpp"
#include "supervisor/system/history.hpp"
#include "supervisor/system/power.hpp"
#include "supervisor/system/runner.hpp"
#include "supervisor/system/sched_ext.hpp"
#include "supervisor/system/scheduler_client.hpp"
#include "supervisor/system/state_file.hpp"
#include "supervisor/system/user_names.hpp"

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace rustland::supervisor {

struct DaemonOptions {
    ConfigPaths config_paths;
    std::optional<std::string> config_file; // this file alone
    std::string run_dir = "/run/rustland";
    std::string sysfs_root = "/sys";
    std::string scheduler_socket = "/run/rustland/scheduler.sock";
    DetectorOptions detector;
    bool uevents = true;
    ClientLimits clients = ControlServer::kLimits; // root's places are those of whoever runs this
    bool journal = false;                          // events go there with fields of their own
    UserLookup users = system_user;                // may wait; runs in a thread of its own …
    Nanos user_patience = seconds(5);              // … which is given up after this long
    // Makes the runner that the configuration asks for; tests put a fake here.
    std::function<Result<std::unique_ptr<SchedulerRunner>>(Loop&, RunnerKind)> make_runner;
};

class Daemon {
  public:
    // Reads the configuration (an error names every problem), adopts or cleans up what an earlier
    // daemon left, and begins to watch.
    static Result<std::unique_ptr<Daemon>> create(Loop& loop, DaemonOptions options);

    // Reads the configuration again. On an error the old one stays. `done` is called at once, or
    // from the loop where users have to be looked up.
    using ReloadDone = std::function<void(const Status&)>;
    void reload(const ReloadDone& done);
    // Ends the loop, once the scheduler that was started here is gone; or at once with the
    // scheduler left running for the next daemon.
    void shutdown(bool keep_scheduler);
    void sleep(bool asleep);

    // Answers a request as the socket would, for the bus and for tests. An answer that has to wait
    // comes later.
    using Reply = std::function<void(const nlohmann::json&)>;
    // `pidfd`: the process that a hold lasts as long as.
    void request(const Peer& peer, const nlohmann::json& request, const Reply& reply,
                 UniqueFd pidfd = {});
    // The scheduler that a request names where the configuration does not: to run that one takes a
    // right of its own (Right::RunProgram). Nothing for every other request.
    [[nodiscard]] std::optional<SchedulerSpec>
    unnamed_scheduler(const nlohmann::json& request) const;
    // Its holds end, and nothing is answered to it any more.
    void client_left(ClientId id);
    // Whether it holds something, watches or waits for an answer.
    [[nodiscard]] bool client_busy(ClientId id) const;

    [[nodiscard]] nlohmann::json status() const;
    [[nodiscard]] const DecisionCore& core() const { return *core_; }
    [[nodiscard]] const Detector& detector() const { return *detector_; }
    // Called after every change that status() shows.
    void on_change(std::function<void()> listener) { changed_.push_back(std::move(listener)); }
    // Called with each thing that happens.
    void on_event(std::function<void(const HistoryEntry&)> listener) {
        events_.push_back(std::move(listener));
    }
    // Under what the scheduler runs: "systemd" or "child".
    [[nodiscard]] const char* backend() const { return runner_->backend(); }
    [[nodiscard]] const Settings& settings() const { return config_->settings; }
    // What is wrong with our place on the message bus; empty: nothing.
    void bus_problem(const CleanLine& problem);
    // As status(), with a reason that says nothing of the time to go: for those who keep it.
    [[nodiscard]] nlohmann::json lasting_status() const;
    // For systemctl status.
    [[nodiscard]] CleanLine status_line() const;
    [[nodiscard]] const std::deque<HistoryEntry>& history_entries() const {
        return history_.entries();
    }

  private:
    Daemon(Loop& loop, DaemonOptions options);
    Status init();

    // Reading the configuration (daemon_config.cpp).
    struct ConfigText {
        std::vector<std::string> files;
        std::vector<RawFile> content;
        std::set<std::string> users;
    };
    [[nodiscard]] ConfigText read_config() const;
    struct MadeConfig {
        std::shared_ptr<const Config> config;
        std::vector<std::string> notes; // what check would note
    };
    [[nodiscard]] static Result<MadeConfig> make_config(const ConfigText& text,
                                                        const UserTable& users);
    void begin_reload();
    Status replace_config(const ConfigText& text, const UserTable& users);
    void use_rules();

    Status open_uevents();
    [[nodiscard]] std::optional<RunRecord> left_behind() const;
    void adopt(const RunRecord& left);

    struct HoldOwner {
        ClientId client = 0;
        uid_t uid = 0;
        // What it keeps the scheduler on for, part of the foreground; pid 0: not known.
        ProcessKey process;
        std::optional<SchedulerSpec> spec;
        CleanLine reason;
        // Where the hold lasts as long as a process, not as its client.
        UniqueFd pidfd;
        Source exit;
    };

    void send(const Event& event);
    void apply(const Decision& decision);
    void start_runner(const SchedulerSpec& spec, bool take_over);
    void runner_event(const RunnerEvent& event);
    void detected(const std::vector<Event>& events);
    void kernel_changed();
    // Who keeps a scheduler on that is not ours, as far as it can be found.
    [[nodiscard]] std::optional<SchedulerOwner> owner_of(const CleanLine& ops) const;
    [[nodiscard]] WhoRuns who_runs_now(const KernelState& kernel) const;
    [[nodiscard]] nlohmann::json why_waits(const std::string& rule, Nanos now) const;
    void power_changed();
    void tell_classes();
    bool out_of_focus(const Member& member);
    std::vector<Member> members_in_focus();
    void settle();
    // Tells those who have waited too long for a stop what it waits for; it goes on.
    void answer_the_patient();
    void record(const std::string& kind, const CleanLine& text, const CleanBlock& dump = {});
    void record(HistoryEntry entry);
    void record_began(const std::string& rule);
    void remember_exit(const ExitInfo& exit);
    void record_exit(const ExitInfo& exit);
    // Puts back what somebody has removed from the run directory: the socket and the records.
    void keep_files();
    [[nodiscard]] Status make_run_dir() const;
    bool save_run(); // false where it could not, so that no later daemon finds the scheduler
    void save_stop();
    void take_back_stop();
    std::vector<event::HoldAdded> take_back_holds();
    Status bind_hold(std::uint64_t id, HoldOwner& owner, UniqueFd pidfd);
    void end_hold(std::uint64_t id, const std::string& why);

    // Requests (daemon_requests.cpp, daemon_holds.cpp).
    struct Request {
        const Peer& peer;
        const nlohmann::json& body;
        const Reply& reply;
        UniqueFd pidfd;
        [[nodiscard]] bool may(Right right) const;
    };
    void do_start(Request& request);
    void do_stop(Request& request);
    void do_restart(Request& request);
    void do_hold(Request& request);
    [[nodiscard]] std::optional<std::uint64_t> taken_back(const Request& request,
                                                          const event::HoldAdded& hold) const;
    Status own_hold(Request& request, std::uint64_t id, const event::HoldAdded& hold);
    void do_release(Request& request);
    void do_reload(Request& request);
    void do_reset_failed(Request& request);
    void do_explain(Request& request);
    void do_monitor(Request& request);
    void do_resume(Request& request);
    void do_dump(Request& request);
    // What this peer may see: what a scheduler wrote, and processes of others, are an
    // administrator's to see.
    [[nodiscard]] nlohmann::json status_for(const Peer& peer) const;
    [[nodiscard]] nlohmann::json list(const Peer& peer) const;
    void list_holds(const Peer& peer, nlohmann::json& out) const;
    [[nodiscard]] nlohmann::json quarantine() const;
    [[nodiscard]] std::string runner_note() const;
    [[nodiscard]] std::string scheduler_problem() const;
    [[nodiscard]] nlohmann::json companions() const;
    [[nodiscard]] nlohmann::json history(const Peer& peer) const;
    [[nodiscard]] static nlohmann::json entry_for(const Peer& peer, const HistoryEntry& entry);
    [[nodiscard]] nlohmann::json workloads(Nanos now) const;
    [[nodiscard]] nlohmann::json own_pids(const std::vector<Pid>& pids, const Peer& peer) const;

    struct Waiter {
        Peer peer;
        bool wants_on = false;
        Reply reply;
        Nanos since = {}; // when it began to wait
        // The one that a person asked for: another one that is on is not that. Nothing: any.
        std::optional<SchedulerSpec> wanted = {};
    };
    [[nodiscard]] nlohmann::json answer_for(const Waiter& waiter) const;
    void tell_of_failed_start(const SchedulerSpec& spec, const CleanLine& reason);

    Loop& loop_;
    DaemonOptions options_;
    UniqueFd lock_; // no other daemon works in run_dir
    SchedExtReader kernel_;
    PowerReader power_reader_;
    PowerState power_;
    StateFile state_file_;
    StopFile stop_file_;
    std::optional<StopOrder> saved_stop_; // what stop_file_ holds
    CleanLine stop_problem_;              // why it does not hold what it is to; empty: it does
    std::string files_problem_;           // why keep_files() could not, as it was last logged
    std::mt19937_64 random_{std::random_device{}()};
    std::shared_ptr<const Config> config_;
    UserNames user_names_;
    std::vector<ReloadDone> reloads_; // who asked for the one that is to come
    bool reloading_ = false;
    std::unique_ptr<SchedulerRunner> runner_;
    std::unique_ptr<DecisionCore> core_;
    std::unique_ptr<Detector> detector_;
    std::unique_ptr<SchedulerClient> scheduler_;
    std::unique_ptr<FocusWatch> focus_; // from the first rule that follows it on
    std::unique_ptr<UeventSocket> uevents_;
    Source uevents_source_;
    Source timer_;
    std::vector<uid_t> cut_users_;      // whose processes are not all told to the scheduler
    std::optional<SchedulerSpec> next_; // to be started once the running one has stopped
    std::vector<Waiter> waiters_;
    Source waiters_timer_; // while somebody waits for a stop
    std::map<std::uint64_t, HoldOwner> hold_owners_;
    ClientBook hold_rate_; // of those who may hold and no more
    std::uint64_t next_hold_ = 1;
    struct Monitor {
        Peer peer;
        Reply reply;
    };
    std::map<ClientId, Monitor> monitors_;
    History history_;
    EventJournal journal_;
    nlohmann::json last_exit_;
    std::string last_reason_;
    CleanLine bus_problem_;
    // Why the last reload was refused: the whole text, and when; null where it was not.
    std::vector<std::string> config_notes_;
    nlohmann::json refused_config_;
    std::uint64_t foreign_seq_ = 0; // of the scheduler in core_->foreign()
    std::vector<std::function<void()>> changed_;
    std::vector<std::function<void(const HistoryEntry&)>> events_;
    std::optional<RunRecord> left_; // what an earlier daemon left on, until it is taken over
    std::optional<RunRecord> run_;  // what runs, as the next daemon will read it
    void changed() const {
        for (const auto& listener : changed_)
            listener();
    }
    bool shutting_down_ = false;
    // Last: its clients may call back into what is above.
    std::unique_ptr<ControlServer> server_;
};

} // namespace rustland::supervisor
