// SPDX-License-Identifier: GPL-2.0-only
// What a page shows: runs of rustland-bench and logs of real games, in one form.
#pragma once

#include "bench/metrics.hpp"
#include "bench/report.hpp"
#include "rustland/common/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rustland::bench {

struct Recording {
    std::string scenario; // "build x8"; kGameScenario for a log
    std::string label;
    std::optional<std::uint64_t> seed;
    std::string machine;
    std::string note; // what a reader must know of it; empty: nothing
    FrameStats frames;
    std::vector<double> frame_ms; // empty: not kept
    // What only the benchmark knows.
    Figure late_percent;
    Figure jobs_per_s;
    Figure total_miter_per_s;
};

inline constexpr const char* kGameScenario = "recorded games";

// Of a file's content: a result of rustland-bench (JSON), else a log of MangoHud. `path` names it
// in errors and, for a log, in the page.
Result<std::vector<Recording>> recordings_from(const std::string& text, const std::string& path);

// Puts a file's recordings behind the others. Two logs of the same name in different folders would
// pass for two runs of one game: the second is then called by its whole path.
void add_recordings(std::vector<Recording>& all, std::vector<Recording> more,
                    const std::string& path);

// The recordings of all files that can be read.
struct FilesRead {
    std::vector<Recording> recordings;
    std::vector<Error> left_out; // why, of each file that cannot be read
};

// A summary of MangoHud is passed over, because one lies beside each log in MangoHud's folder.
FilesRead read_recordings(const std::vector<std::string>& paths);

// The recordings of one label in one scenario: its seeds.
struct Group {
    std::string scenario;
    std::string label;
    std::vector<const Recording*> recordings;

    using Get = Figure (*)(const Recording&);
    [[nodiscard]] Figure median_of(Get get) const; // of those that know it
    // The one that stands for all in a plot: whose frame rate is the middle one (the lower of two).
    [[nodiscard]] const Recording& typical() const;
    // The frame times of all of them.
    [[nodiscard]] std::vector<double> all_frames() const;
};

// In the order in which scenarios, and labels in each, first appear. Points into `recordings`.
std::vector<Group> group_recordings(const std::vector<Recording>& recordings);

} // namespace rustland::bench
