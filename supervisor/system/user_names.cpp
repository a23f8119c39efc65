// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/user_names.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/unique_fd.hpp"

#include <atomic>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace rustland::supervisor {

// What the thread and the loop share; the one that is left last frees it.
struct UserNames::Task {
    std::set<std::string> names;
    UserLookup lookup;
    UserTable answers; // the thread's until `done`
    std::atomic<bool> done{false};
    UniqueFd ready{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

    void run() {
        for (const std::string& name : names)
            answers[name] = lookup(name);
        done = true;
        const std::uint64_t one = 1;
        static_cast<void>(!::write(ready.get(), &one, sizeof(one)));
    }
};

void UserNames::find(const std::set<std::string>& names, const Deliver& deliver) {
    if (names.empty())
        return deliver({});
    wanted_ = names;
    deliver_ = deliver;
    // One that still waits for an answer says enough: the next would wait, too.
    if (!start(names))
        return finish();
    auto ready = loop_.io(task_->ready.get(), EPOLLIN, [this](std::uint32_t) {
        if (take())
            finish();
    });
    auto late = loop_.timer([this] { finish(); });
    if (!ready || !late)
        return finish();
    ready_ = *std::move(ready);
    late_ = *std::move(late);
    late_.arm(monotonic_now() + patience_);
}

UserTable UserNames::find_now(const std::set<std::string>& names) {
    if (!names.empty() && start(names)) {
        pollfd ready{task_->ready.get(), POLLIN, 0};
        constexpr std::int64_t kMilli = 1'000'000;
        static_cast<void>(::poll(&ready, 1, static_cast<int>(patience_.value / kMilli)));
        take();
    }
    return known(names);
}

bool UserNames::start(const std::set<std::string>& names) {
    if (task_ && !take())
        return false;
    auto task = std::make_shared<Task>();
    task->names = names;
    task->lookup = lookup_;
    try {
        std::thread([task] { task->run(); }).detach();
    } catch (const std::system_error&) {
        return false;
    }
    task_ = std::move(task);
    return true;
}

bool UserNames::take() {
    if (!task_ || !task_->done)
        return false;
    ready_.reset();
    for (const auto& [name, user] : task_->answers)
        known_[name] = user;
    task_.reset();
    return true;
}

void UserNames::finish() {
    late_.disarm();
    if (const Deliver deliver = std::exchange(deliver_, nullptr))
        deliver(known(wanted_));
}

UserTable UserNames::known(const std::set<std::string>& names) const {
    UserTable table;
    for (const std::string& name : names)
        if (const auto found = known_.find(name); found != known_.end())
            table.insert(*found);
    return table;
}

} // namespace rustland::supervisor
