// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/scheduler_client.hpp"

#include "rustland/common/clean_text.hpp"
#include "rustland/common/clock.hpp"
#include "rustland/common/log.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

constexpr Nanos kFirstRetry = millis(20);
constexpr Nanos kLastRetry = seconds(10);
constexpr std::size_t kLongestAnswer = 65536;

} // namespace

nlohmann::json numbers(const std::vector<Pid>& pids) {
    nlohmann::json out = nlohmann::json::array();
    for (const Pid pid : pids)
        out.push_back(pid.value);
    return out;
}

Result<std::unique_ptr<SchedulerClient>> SchedulerClient::create(Loop& loop,
                                                                 std::string socket_path) {
    std::unique_ptr<SchedulerClient> self(new SchedulerClient(loop, std::move(socket_path)));
    SchedulerClient* raw = self.get();
    auto retry = loop.timer([raw] { raw->send(); });
    if (!retry)
        return retry.error();
    self->retry_ = *std::move(retry);
    return self;
}

void SchedulerClient::classes(TaskClasses groups) {
    std::sort(groups.foreground.begin(), groups.foreground.end());
    std::sort(groups.background.begin(), groups.background.end());
    std::sort(groups.companions.begin(), groups.companions.end());
    if (active_ && groups == wanted_)
        return;
    wanted_ = std::move(groups);
    active_ = true;
    delay_ = kFirstRetry;
    send();
}

void SchedulerClient::disconnect() {
    active_ = false;
    source_.reset();
    fd_.reset();
    retry_.disarm();
    confirmed_ = {};
    problem_.clear();
}

void SchedulerClient::send() {
    if (!active_)
        return;
    if (const Status status = try_send(); !status)
        failed(status.error().message());
}

Status SchedulerClient::try_send() {
    source_.reset();
    answer_.clear();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof(address.sun_path))
        return Error(path_ + ": the path is too long for a socket");
    path_.copy(address.sun_path, path_.size());
    fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd_ ||
        ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return Error::from_errno(path_);
    // Whoever listens learns which programs run, so it must be the very process that runs as the
    // scheduler. That the name is root's says little: behind root's link is a folder of the
    // scheduler's own user. Where the process is not known, that is all there is to go by.
    ucred peer{};
    socklen_t size = sizeof(peer);
    struct stat name = {};
    if (::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        ::lstat(path_.c_str(), &name) != 0)
        return Error::from_errno(path_);
    if (trusted_ != Pid{} && Pid{peer.pid} != trusted_)
        return Error(fmt::format("{}: process {} listens there, not the scheduler (process {})",
                                 path_, peer.pid, trusted_.value));
    if (trusted_ == Pid{} && name.st_uid != 0 && name.st_uid != ::geteuid())
        return Error(path_ + ": belongs to somebody else");
    const nlohmann::json request = {{"request", "classes"},
                                    {"foreground", numbers(wanted_.foreground)},
                                    {"background", numbers(wanted_.background)},
                                    {"companions", numbers(wanted_.companions)}};
    const std::string line = request.dump() + "\n";
    if (::send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(line.size()))
        return Error::from_errno(path_);
    auto source = loop_.io(fd_.get(), EPOLLIN, [this](std::uint32_t) { read(); });
    if (!source)
        return source.error();
    source_ = *std::move(source);
    return {};
}

void SchedulerClient::read() {
    std::array<char, 4096> buffer{};
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        answer_.append(buffer.data(), static_cast<std::size_t>(n));
    const std::size_t newline = answer_.find('\n');
    if (newline == std::string::npos) {
        if (n <= 0 || answer_.size() > kLongestAnswer)
            failed(path_ + ": closed without an answer");
        return;
    }
    const auto answer = nlohmann::json::parse(answer_.substr(0, newline), nullptr, false);
    source_.reset();
    fd_.reset();
    if (!answer.is_object() || answer.value("ok", nlohmann::json(false)) != true) {
        const auto error =
            answer.is_object() ? answer.value("error", nlohmann::json()) : nlohmann::json();
        return failed(path_ + ": " +
                      (error.is_string() ? CleanLine(error.get_ref<const std::string&>()).str()
                                         : "an answer without a reason"));
    }
    confirmed_ = wanted_;
    problem_.clear();
    delay_ = kFirstRetry;
}

void SchedulerClient::failed(const std::string& why) {
    source_.reset();
    fd_.reset();
    if (problem_ != why)
        log::warn("the scheduler was not told the classes of tasks: {}; trying again", why);
    problem_ = why;
    retry_.arm(monotonic_now() + delay_);
    delay_ = std::min(delay_ * 2, kLastRetry);
}

} // namespace rustland::supervisor
