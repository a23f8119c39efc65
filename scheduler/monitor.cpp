// SPDX-License-Identifier: GPL-2.0-only
#include "monitor.hpp"

#include "protocol.hpp"
#include "rustland/common/line_reader.hpp"
#include "rustland/common/log.hpp"
#include "stats.hpp"
#include "stats_server.hpp"
#include "stats_table.hpp"

#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rustland {
namespace {

Status send_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return Error::from_errno("asking for statistics");
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

Result<Values> parse_answer(const std::string& line) {
    const auto answer = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!answer.is_object())
        return Error("the answer is not a JSON object");
    if (const auto error = answer.find("error"); error != answer.end())
        return Error(error->is_string() ? error->get<std::string>() : error->dump());
    const auto stats = answer.find("stats");
    if (stats == answer.end())
        return Error("the answer has no statistics");
    return values_from_json(*stats);
}

} // namespace

ExitCode run_monitor(const std::string& socket, Nanos interval,
                     const std::function<void(std::string_view)>& print) {
    const auto connection = connect_to_socket(socket);
    if (!connection) {
        log::error("no rustland answers: {}. Start one, or give its --socket",
                   connection.error().message());
        return ExitCode::NoServer;
    }
    const int fd = connection->get();
    const double seconds = static_cast<double>(interval.value) / 1e9;
    const nlohmann::json request{{"request", "subscribe"}, {"interval", seconds}};
    if (const auto sent = send_all(fd, request.dump() + "\n"); !sent) {
        log::error("{}", sent.error().message());
        return ExitCode::NoServer;
    }
    StatsTable table;
    LineReader reader;
    std::array<char, LineReader::kMaxLine> buffer{};
    for (;;) {
        const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            log::info("the scheduler has ended");
            return ExitCode::Stopped;
        }
        reader.append({buffer.data(), static_cast<std::size_t>(n)});
        while (const auto line = reader.next()) {
            const auto values = parse_answer(*line);
            if (!values) {
                log::error("{}: {}", socket, values.error().message());
                return ExitCode::Failure;
            }
            print(table.next(*values));
        }
        if (reader.overflown()) {
            log::error("{}: an answer is too long", socket);
            return ExitCode::Failure;
        }
    }
}

} // namespace rustland
