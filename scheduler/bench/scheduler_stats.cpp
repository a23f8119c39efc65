// SPDX-License-Identifier: GPL-2.0-only
#include "bench/scheduler_stats.hpp"

#include "rustland/common/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

namespace rustland::bench {
namespace {

constexpr std::size_t kMaxAnswer = 1 << 16;

Result<UniqueFd> connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return Error(path + ": too long for a socket's name");
    std::copy(path.begin(), path.end(), address.sun_path);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd)
        return Error::from_errno("socket");
    const timeval patience{.tv_sec = 1, .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return Error::from_errno(path);
    return fd;
}

// The answer to one request, without the end of its line.
Result<std::string> ask(const std::string& socket_path, const std::string& request) {
    const auto fd = connect_to(socket_path);
    if (!fd)
        return fd.error();
    const std::string line = request + "\n";
    if (::send(fd->get(), line.data(), line.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(line.size()))
        return Error::from_errno(socket_path);
    std::string answer;
    std::array<char, 4096> buffer{};
    while (answer.find('\n') == std::string::npos && answer.size() < kMaxAnswer) {
        const ssize_t n = ::recv(fd->get(), buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return Error::from_errno(socket_path);
        if (n == 0)
            break;
        answer.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return answer.substr(0, answer.find('\n'));
}

} // namespace

Result<DecisionCounts> parse_decision_counts(std::string_view answer) {
    const auto json = nlohmann::json::parse(answer, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("stats") || !json["stats"].is_object())
        return Error("the scheduler's answer has no statistics");
    DecisionCounts counts;
    const auto read = [&](const char* name, double& value) {
        const auto found = json["stats"].find(name);
        if (found == json["stats"].end() || !found->is_number())
            return false;
        value = found->get<double>();
        return true;
    };
    if (!read("queued", counts.queued) || !read("congested", counts.congested) ||
        !read("decided", counts.decided))
        return Error("the scheduler's answer lacks the counters queued, congested or decided");
    return counts;
}

Result<DecisionCounts> query_decision_counts(const std::string& socket_path) {
    const auto answer = ask(socket_path, R"({"request":"stats"})");
    if (!answer)
        return answer.error();
    return parse_decision_counts(*answer);
}

Status announce_foreground(const std::string& socket_path, int pid) {
    const nlohmann::json request{{"request", "classes"}, {"foreground", {pid}}};
    const auto answer = ask(socket_path, request.dump());
    if (!answer)
        return answer.error();
    const auto json = nlohmann::json::parse(*answer, nullptr, /*allow_exceptions=*/false);
    if (json.is_object() && json.value("ok", false))
        return {};
    return Error(socket_path + ": " +
                 (json.is_object() ? json.value("error", "no answer") : "no answer"));
}

std::optional<double> decided_percent(const DecisionCounts& before, const DecisionCounts& after) {
    const double contended = (after.queued - before.queued) + (after.congested - before.congested);
    if (contended <= 0)
        return std::nullopt;
    // Of what was queued at the one edge, some is decided at the other.
    return std::min(100.0 * (after.decided - before.decided) / contended, 100.0);
}

} // namespace rustland::bench
