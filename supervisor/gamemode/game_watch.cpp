// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/gamemode/game_watch.hpp"

#include "rustland/common/clean_text.hpp"
#include "rustland/common/file.hpp"
#include "rustland/common/log.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

constexpr const char* kGameMode = "com.feralinteractive.GameMode";
constexpr const char* kGameModePath = "/com/feralinteractive/GameMode";
constexpr const char* kDaemon = "org.rustland1";
constexpr const char* kDaemonPath = "/org/rustland1";
constexpr const char* kManager = "org.rustland1.Manager";
// rustlandd answers a hold once the scheduler is attached or has failed.
constexpr std::uint64_t kHoldTimeoutUs = 120'000'000;

constexpr const char* kGameModeSignals =
    "type='signal',sender='com.feralinteractive.GameMode',path='/com/feralinteractive/GameMode',"
    "interface='com.feralinteractive.GameMode'";
constexpr const char* kGameModeOwner =
    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
    "member='NameOwnerChanged',arg0='com.feralinteractive.GameMode'";
constexpr const char* kDaemonOwner =
    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
    "member='NameOwnerChanged',arg0='org.rustland1'";

// Where an answer belongs; freed with its slot.
struct Pending {
    GameWatch* watch;
    Pid pid;
    std::uint64_t serial;
};

GameWatch* self(void* data) { return static_cast<GameWatch*>(data); }

int on_gamemode_signal(sd_bus_message* message, void* data, sd_bus_error*) {
    const bool came = sd_bus_message_is_signal(message, kGameMode, "GameRegistered") > 0;
    const bool went = sd_bus_message_is_signal(message, kGameMode, "GameUnregistered") > 0;
    std::int32_t pid = 0;
    if ((!came && !went) || sd_bus_message_read(message, "i", &pid) < 0 || pid <= 0)
        return 0;
    if (came)
        self(data)->registered(Pid{pid});
    else
        self(data)->unregistered(Pid{pid});
    return 0;
}

// True where the name has an owner now, false where it lost its owner.
std::optional<bool> new_owner(sd_bus_message* message) {
    const char* name = nullptr;
    const char* before = nullptr;
    const char* after = nullptr;
    if (sd_bus_message_read(message, "sss", &name, &before, &after) < 0)
        return std::nullopt;
    return *after != '\0';
}

int on_gamemode_owner(sd_bus_message* message, void* data, sd_bus_error*) {
    if (const auto there = new_owner(message))
        self(data)->gamemode_owner(*there);
    return 0;
}

int on_daemon_owner(sd_bus_message* message, void* data, sd_bus_error*) {
    if (const auto there = new_owner(message))
        self(data)->daemon_owner(*there);
    return 0;
}

int on_list(sd_bus_message* answer, void* data, sd_bus_error*) {
    self(data)->listed(answer);
    return 0;
}

int on_hold(sd_bus_message* answer, void* data, sd_bus_error*) {
    const auto* pending = static_cast<Pending*>(data);
    pending->watch->held(pending->pid, pending->serial, answer);
    return 0;
}

void free_pending(void* data) { delete static_cast<Pending*>(data); }

// A call that starts nobody: neither GameMode nor rustlandd runs because of us.
sd_bus_message* new_call(sd_bus* bus, const char* name, const char* path, const char* interface,
                         const char* member) {
    sd_bus_message* call = nullptr;
    if (sd_bus_message_new_method_call(bus, &call, name, path, interface, member) < 0)
        return nullptr;
    sd_bus_message_set_auto_start(call, 0);
    return call;
}

} // namespace

Result<std::unique_ptr<GameWatch>> GameWatch::create(Loop& loop, sd_bus* user, sd_bus* system) {
    std::unique_ptr<GameWatch> watch(new GameWatch(loop, user, system));
    if (const Status status = watch->init(); !status)
        return status.error();
    return watch;
}

GameWatch::~GameWatch() {
    for (sd_bus_slot* slot : slots_)
        sd_bus_slot_unref(slot);
    sd_bus_slot_unref(list_slot_);
}

Status GameWatch::match(sd_bus* bus, const char* rule, sd_bus_message_handler_t handler) {
    sd_bus_slot* slot = nullptr;
    if (const int r = sd_bus_add_match(bus, &slot, rule, handler, this); r < 0)
        return Error::from_code("listen on the bus", -r);
    slots_.push_back(slot);
    return {};
}

Status GameWatch::init() {
    // First the signals, then the list: a game that registers in between is told twice.
    if (Status status = match(user_, kGameModeSignals, on_gamemode_signal); !status)
        return status;
    if (Status status = match(user_, kGameModeOwner, on_gamemode_owner); !status)
        return status;
    if (Status status = match(system_, kDaemonOwner, on_daemon_owner); !status)
        return status;
    list_games();
    return {};
}

void GameWatch::gamemode_owner(bool there) {
    if (there)
        return list_games();
    log::info("GameMode has gone: no games of its own any more");
    while (!games_.empty())
        unregistered(games_.begin()->first);
}

void GameWatch::daemon_owner(bool there) {
    for (auto& [pid, game] : games_) {
        game.cookie.reset(); // of the daemon that went
        if (there)
            hold(pid, game);
    }
}

void GameWatch::list_games() {
    sd_bus_message* call = new_call(user_, kGameMode, kGameModePath, kGameMode, "ListGames");
    list_slot_ = sd_bus_slot_unref(list_slot_);
    if (call != nullptr)
        sd_bus_call_async(user_, &list_slot_, call, on_list, this, 0);
    sd_bus_message_unref(call);
}

void GameWatch::listed(sd_bus_message* answer) {
    // No GameMode, or none yet: it will be heard of when it comes.
    if (sd_bus_message_is_method_error(answer, nullptr) > 0)
        return;
    int r = sd_bus_message_enter_container(answer, 'a', "(io)");
    std::int32_t pid = 0;
    const char* object = nullptr;
    while (r >= 0 && (r = sd_bus_message_read(answer, "(io)", &pid, &object)) > 0)
        if (pid > 0)
            registered(Pid{pid});
    if (r < 0)
        log::warn("{}", Error::from_code("GameMode's list of games", -r).message());
}

void GameWatch::registered(Pid pid) {
    if (games_.find(pid) != games_.end())
        return;
    Game game;
    game.serial = next_serial_++;
    game.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid.value, 0)));
    if (!game.pidfd) {
        log::warn("{}; not held", Error::from_errno(fmt::format("game {}", pid.value)).message());
        return;
    }
    auto exit = loop_.io(game.pidfd.get(), EPOLLIN, [this, pid](std::uint32_t) { forget(pid); });
    if (!exit) {
        log::warn("{}; not held", exit.error().message());
        return;
    }
    game.exit = *std::move(exit);
    const Game& kept = games_.insert_or_assign(pid, std::move(game)).first->second;
    hold(pid, kept);
}

void GameWatch::unregistered(Pid pid) {
    const auto it = games_.find(pid);
    if (it == games_.end())
        return;
    // A hold that is still asked for is released when its answer comes.
    if (it->second.cookie)
        release(*it->second.cookie);
    games_.erase(it);
    log::info("game {} is not GameMode's any more", pid.value);
}

void GameWatch::forget(Pid pid) {
    games_.erase(pid); // its hold ended with it
    log::info("game {} has ended", pid.value);
}

void GameWatch::hold(Pid pid, const Game& game) {
    const auto comm = read_line(fmt::format("/proc/{}/comm", pid.value));
    // A name may be any bytes, a message on the bus may not.
    const CleanLine reason = "GameMode: " + (comm ? *comm : fmt::format("game {}", pid.value));
    sd_bus_message* call = new_call(system_, kDaemon, kDaemonPath, kManager, "HoldPidfd");
    int r = call == nullptr ? -ENOMEM : 0;
    if (r >= 0)
        r = sd_bus_message_append(call, "hssas", game.pidfd.get(), reason.str().c_str(), "", 0);
    sd_bus_slot* slot = nullptr;
    auto pending = std::make_unique<Pending>(Pending{this, pid, game.serial});
    if (r >= 0)
        r = sd_bus_call_async(system_, &slot, call, on_hold, pending.get(), kHoldTimeoutUs);
    sd_bus_message_unref(call);
    if (r < 0) {
        log::warn("{}", Error::from_code("ask rustlandd for a hold", -r).message());
        return;
    }
    sd_bus_slot_set_destroy_callback(slot, free_pending);
    static_cast<void>(pending.release());
    sd_bus_slot_set_floating(slot, 1);
    sd_bus_slot_unref(slot);
}

void GameWatch::held(Pid pid, std::uint64_t serial, sd_bus_message* answer) {
    if (const sd_bus_error* error = sd_bus_message_get_error(answer); error != nullptr) {
        log::warn("game {} is not held: {}", pid.value,
                  error->message != nullptr ? error->message : error->name);
        return;
    }
    std::uint64_t cookie = 0;
    const char* problem = nullptr;
    if (const int r = sd_bus_message_read(answer, "ts", &cookie, &problem); r < 0) {
        log::warn("{}", Error::from_code("rustlandd's answer", -r).message());
        return;
    }
    const auto it = games_.find(pid);
    if (it == games_.end() || it->second.serial != serial)
        return release(cookie);
    it->second.cookie = cookie;
    if (*problem != '\0')
        log::warn("game {} is held, but: {}", pid.value, problem);
    else
        log::info("game {} is held", pid.value);
}

void GameWatch::release(std::uint64_t cookie) {
    sd_bus_message* call = new_call(system_, kDaemon, kDaemonPath, kManager, "Release");
    if (call != nullptr && sd_bus_message_append(call, "t", cookie) >= 0) {
        sd_bus_message_set_expect_reply(call, 0);
        sd_bus_send(system_, call, nullptr);
    }
    sd_bus_message_unref(call);
}

} // namespace rustland::supervisor
