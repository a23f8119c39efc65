// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/event_journal.hpp"

#include <cstdlib>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

Fields fields_of(int priority, const std::string& kind, const std::string& text) {
    return {{"MESSAGE", kind + ": " + text},
            {"PRIORITY", std::to_string(priority)},
            {"SYSLOG_IDENTIFIER", "rustlandd"},
            {"RUSTLAND_EVENT", kind}};
}

} // namespace

bool logs_to_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat st = {};
    return stream != nullptr && ::fstat(STDERR_FILENO, &st) == 0 &&
           std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino) == stream;
}

std::string journal_entry(const Fields& fields) {
    constexpr unsigned kByte = 8;
    std::string entry;
    for (const auto& [name, value] : fields) {
        entry += name;
        if (value.find('\n') == std::string::npos) {
            entry += '=';
        } else {
            // Its length says where a value of several lines ends: 64 bits, the lowest byte first.
            entry += '\n';
            for (std::uint64_t i = 0, left = value.size(); i < sizeof(left); ++i, left >>= kByte)
                entry += static_cast<char>(left & 0xffU);
        }
        entry += value;
        entry += '\n';
    }
    return entry;
}

void EventJournal::write(int priority, const std::string& kind, const CleanLine& text,
                         const CleanBlock& dump) {
    constexpr int kWarning = 4;
    if (lost_ > 0) {
        const std::string told =
            fmt::format("{} events are missing here: the journal did not take them", lost_);
        if (socket_.send(journal_entry(fields_of(kWarning, "journal", told))) !=
            DatagramSender::Sent::Yes) {
            ++lost_;
            return;
        }
        lost_ = 0;
    }
    Fields fields = fields_of(priority, kind, text.str());
    if (!dump.empty())
        fields.emplace_back("RUSTLAND_DUMP", dump.str());
    auto sent = socket_.send(journal_entry(fields));
    if (sent == DatagramSender::Sent::TooLong && !dump.empty()) {
        fields.pop_back(); // rustlandctl dump has it
        sent = socket_.send(journal_entry(fields));
    }
    if (sent != DatagramSender::Sent::Yes)
        ++lost_;
}

} // namespace rustland::supervisor
