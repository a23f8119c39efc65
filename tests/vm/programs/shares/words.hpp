// SPDX-License-Identifier: GPL-2.0-only
// Words, numbers and times of the description's text.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rustland::shares {

std::vector<std::string_view> lines_of(std::string_view text);

// Whether a line says nothing: it is empty, or begins with '#'.
bool is_comment(std::string_view line);

// Names of letters, digits, '-' and '_', with single '/' between them.
bool is_path(std::string_view text);

// The words of one line, from the left.
class Words {
  public:
    explicit Words(std::string_view line) : left_(line) {}
    // Empty when there is none left.
    std::string next();
    // All that is left, as KEY=VALUE; a word without '=' has an empty value.
    std::vector<std::pair<std::string, std::string>> rest();
    // All that is left, as it is.
    std::string remainder();

  private:
    std::string_view left_;
};

// A whole number from least to most; errors say what it should be.
Status read_number(std::string_view text, int least, int most, int& number);
Status read_number(std::string_view text, int least, int most, unsigned& number);

// A whole number with ns, us, ms or s, more than 0 and at most 1000 s.
Status read_time(std::string_view text, Nanos& time);

// CPU numbers with commas between them.
Status read_cpus(std::string_view text, std::vector<int>& cpus);

// In the largest unit that has a whole number.
std::string time_text(Nanos time);

} // namespace rustland::shares
