// SPDX-License-Identifier: GPL-2.0-only
// Bytes from a socket that anybody may write to: the supervisor's requests, the scheduler's, and
// the cutting of a stream into lines.
#include "check.hpp"
#include "protocol.hpp"
#include "rustland/common/line_reader.hpp"
#include "supervisor/system/control_server.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace {

void supervisor_request(std::string_view line) {
    const auto request = rustland::supervisor::parse_request(line);
    if (!request) {
        FUZZ_CHECK(!request.error().message().empty());
        return;
    }
    FUZZ_CHECK(request->is_object() && (*request)["request"].is_string());
    // It can be repeated in an answer, which is one line.
    const std::string answer =
        request->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    FUZZ_CHECK(answer.find('\n') == std::string::npos);
    FUZZ_CHECK(nlohmann::json::accept(answer));
}

void scheduler_request(std::string_view line) {
    const auto request = rustland::parse_request(line);
    if (request && request->kind == rustland::Request::Kind::Subscribe)
        FUZZ_CHECK(request->interval.value > 0);
    const std::string answer = rustland::error_line(line);
    FUZZ_CHECK(answer.ends_with('\n') && std::count(answer.begin(), answer.end(), '\n') == 1);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    supervisor_request(bytes);
    rustland::LineReader reader;
    // In pieces, as they come.
    for (std::size_t at = 0; at < size && !reader.overflown(); at += 100) {
        reader.append(bytes.substr(at, 100));
        while (const auto line = reader.next()) {
            FUZZ_CHECK(line->size() <= rustland::LineReader::kMaxLine);
            FUZZ_CHECK(line->find('\n') == std::string::npos);
            scheduler_request(*line);
        }
    }
    return 0;
}
