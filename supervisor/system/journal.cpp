// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/journal.hpp"

#include <cstdlib>
#include <deque>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>
#include <vector>

namespace rustland::supervisor {
namespace {

constexpr int kLines = 200;
constexpr std::size_t kBytes = 16384;

struct Close {
    void operator()(sd_journal* journal) const { sd_journal_close(journal); }
};

std::string message_of(sd_journal* journal) {
    const void* data = nullptr;
    std::size_t size = 0;
    if (sd_journal_get_data(journal, "MESSAGE", &data, &size) < 0)
        return "";
    const std::string_view field(static_cast<const char*>(data), size);
    return std::string(field.substr(std::string_view("MESSAGE=").size()));
}

} // namespace

std::string unit_output(const std::string& unit, const std::string& invocation) {
    sd_journal* opened = nullptr;
    // Other machines' journals and users' are of no interest.
    if (sd_journal_open(&opened, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM) < 0)
        return "";
    const std::unique_ptr<sd_journal, Close> journal(opened);
    const std::string by_unit = "_SYSTEMD_UNIT=" + unit;
    const std::string by_run = "_SYSTEMD_INVOCATION_ID=" + invocation;
    sd_journal_add_match(journal.get(), by_unit.data(), by_unit.size());
    if (!invocation.empty())
        sd_journal_add_match(journal.get(), by_run.data(), by_run.size());
    sd_journal_set_data_threshold(journal.get(), kBytes);
    if (sd_journal_seek_tail(journal.get()) < 0)
        return "";
    std::deque<std::string> lines;
    std::size_t size = 0;
    for (int i = 0; i < kLines && size < kBytes && sd_journal_previous(journal.get()) > 0; ++i) {
        lines.push_front(message_of(journal.get()) + "\n");
        size += lines.front().size();
    }
    std::string text;
    for (const std::string& line : lines)
        text += line;
    return text;
}

bool logs_to_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat st = {};
    return stream != nullptr && ::fstat(STDERR_FILENO, &st) == 0 &&
           std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino) == stream;
}

void journal_event(int priority, const std::string& kind, const CleanLine& text,
                   const CleanBlock& dump) {
    const std::vector<std::string> fields{
        "MESSAGE=" + kind + ": " + text.str(), "PRIORITY=" + std::to_string(priority),
        "SYSLOG_IDENTIFIER=rustlandd", "RUSTLAND_EVENT=" + kind, "RUSTLAND_DUMP=" + dump.str()};
    std::vector<iovec> parts;
    for (const std::string& field : fields)
        parts.push_back({const_cast<char*>(field.data()), field.size()});
    sd_journal_sendv(parts.data(),
                     static_cast<int>(dump.empty() ? parts.size() - 1 : parts.size()));
}

} // namespace rustland::supervisor
