// SPDX-License-Identifier: GPL-2.0-only
// The daemon's configuration: read when it comes up, and again when it is told to.
#include "rustland/common/clock.hpp"
#include "rustland/common/log.hpp"
#include "supervisor/config/wide_rules.hpp"
#include "supervisor/system/daemon.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace rustland::supervisor {

namespace {

// A scheduler may be installed later, so that its absence is no mistake here.
std::vector<std::string> missing_programs(const Config& config) {
    std::vector<std::string> paths{config.settings.scheduler.path};
    for (const Rule& rule : config.rules)
        if (rule.enabled && rule.scheduler &&
            std::find(paths.begin(), paths.end(), *rule.scheduler) == paths.end())
            paths.push_back(*rule.scheduler);
    std::vector<std::string> missing;
    for (const std::string& path : paths)
        if (const Status status = system_program(path); !status)
            missing.push_back(status.error().message());
    return missing;
}

} // namespace

// From the answers about users alone; an error names every problem.
Result<Daemon::MadeConfig> Daemon::make_config(const ConfigText& text, const UserTable& users) {
    std::string all;
    const auto say = [&all](const std::string& problem) {
        all += (all.empty() ? "" : "\n") + problem;
    };
    for (const std::string& name : text.users)
        if (users.count(name) == 0)
            say(fmt::format("cannot look up user \"{}\": the name services of this machine "
                            "(nsswitch.conf) do not answer; reload again when they do, or write "
                            "the user's number",
                            name));
    BuiltConfig built = build_config(text.content, [&users](const std::string& name) {
        const auto found = users.find(name);
        // One without an answer has been named above.
        return found == users.end() ? std::optional<uid_t>(0) : found->second;
    });
    for (const Problem& problem : built.problems)
        say(problem.message());
    if (!all.empty())
        return Error(all);
    built.config.files = text.files;
    MadeConfig made;
    for (const std::string& missing : missing_programs(built.config))
        made.notes.push_back(missing);
    for (const Problem& note : built.notes)
        made.notes.push_back(note.message());
    if (nothing_counts(built.config))
        made.notes.emplace_back(kNothingCounts);
    made.config = std::make_shared<const Config>(std::move(built.config));
    return made;
}

Daemon::ConfigText Daemon::read_config() const {
    ConfigText text;
    text.files = options_.config_file ? std::vector{*options_.config_file}
                                      : find_config_files(options_.config_paths);
    text.content = read_config_files(text.files);
    text.users = users_named(text.content);
    return text;
}

void Daemon::use_rules() {
    detector_->use(std::make_shared<Matcher>(config_->rules), config_->settings.scan_interval,
                   std::make_shared<Matcher>(config_->used_companions()));
}

// One at a time: who asks while users are looked up has the files read once more.
void Daemon::reload(const ReloadDone& done) {
    reloads_.push_back(done);
    while (!reloading_ && !reloads_.empty())
        begin_reload();
}

void Daemon::begin_reload() {
    reloading_ = true;
    const ConfigText text = read_config();
    user_names_.find(text.users,
                     [this, text, asked = std::exchange(reloads_, {})](const UserTable& users) {
                         const Status status = replace_config(text, users);
                         reloading_ = false;
                         for (const ReloadDone& done : asked)
                             done(status);
                         while (!reloading_ && !reloads_.empty())
                             begin_reload();
                     });
}

Status Daemon::replace_config(const ConfigText& text, const UserTable& users) {
    auto config = make_config(text, users);
    if (!config) {
        std::string why = config.error().message();
        refused_config_ = {{"text", why}, {"time_ms", wall_clock_ms()}};
        // The first says enough in a line; all of them are told to who has asked.
        if (const auto more = std::count(why.begin(), why.end(), '\n'); more > 0)
            why = fmt::format("{} (and {} more: rustlandctl check)", why.substr(0, why.find('\n')),
                              more);
        record("config", "not reloaded, the old configuration stays: " + why);
        changed();
        return config.error();
    }
    config_ = config->config;
    config_notes_ = config->notes;
    refused_config_ = nullptr;
    runner_->configure(config_->settings.start_timeout, config_->settings.stop_timeout);
    record("config", "reloaded");
    send(event::ConfigReplaced{config_});
    use_rules();
    return {};
}

} // namespace rustland::supervisor
