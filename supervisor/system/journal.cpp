// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/journal.hpp"

#include "rustland/common/log.hpp"

#include <fmt/format.h>
#include <vector>

namespace rustland::supervisor {
namespace {

constexpr int kLines = 200;
constexpr std::size_t kBytes = 16384;
// Of runs that ended one after the other while the disk was slow.
constexpr std::size_t kMostReaders = 4;

} // namespace

void JournalReader::read(const std::string& unit, const std::string& invocation,
                         const std::function<void(std::string)>& deliver) {
    // The machine's own journal: other machines' and users' are of no interest.
    std::vector<std::string> command{program_,
                                     "--quiet",
                                     "--no-pager",
                                     "--system",
                                     "--all",
                                     "--output=cat",
                                     fmt::format("--lines={}", kLines),
                                     "_SYSTEMD_UNIT=" + unit};
    if (!invocation.empty())
        command.push_back("_SYSTEMD_INVOCATION_ID=" + invocation);
    if (reading_.size() >= kMostReaders)
        return deliver("");
    const int id = next_++;
    auto reader = CommandOutput::start(loop_, command, {kBytes, patience_},
                                       {deliver, [this, id] { reading_.erase(id); }});
    if (reader) {
        reading_[id] = *std::move(reader);
        return;
    }
    log::warn("{}; what {} wrote is not shown", reader.error().message(), unit);
    deliver("");
}

} // namespace rustland::supervisor
