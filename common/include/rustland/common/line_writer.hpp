// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/types.hpp"
#include "rustland/common/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace rustland {

// Writes lines to a descriptor and does not hang with whoever reads them: the journal, a pipe or a
// terminal that has been stopped. A slow reader, such as a serial line, is waited for a moment; one
// that has let that pass is not waited for again before it reads on. A line that is not taken is
// counted, and the number is written before the next one that is; one that has been taken in part
// is completed first.
class LineWriter {
  public:
    // The descriptor stays the caller's and blocking, for others write to it, too. `program` begins
    // the line that tells the number; in a journal it is empty.
    LineWriter(int fd, std::string program, Nanos patience = millis(100));

    // `line` with its line feed.
    void write(std::string_view line);
    [[nodiscard]] std::uint64_t lost() const { return lost_; }

  private:
    // Takes from the front of `text` what the reader takes until `deadline`.
    void put(std::string_view& text, Nanos deadline);
    // False where the reader is not ready by then.
    bool wait_until(Nanos deadline);

    UniqueFd terminal_; // opened anew
    int fd_;            // that is written to
    std::string program_;
    Nanos patience_;
    bool hangs_ = false; // the reader has let the moment pass
    std::string rest_;   // of a line of which a part has been taken
    std::uint64_t lost_ = 0;
};

} // namespace rustland
