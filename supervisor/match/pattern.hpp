// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace rustland::supervisor {

// A compiled text pattern: a glob that must cover the whole text (`*` also crosses slashes, `?`,
// `[a-z]`), or, after "~", a regular expression as in pcre2pattern(3), of bytes, that may match
// anywhere; where a text would take it more than a bounded number of steps, it does not match. A
// glob without special characters is a plain name.
class Pattern {
  public:
    enum class Case { Sensitive, Insensitive };

    static Result<Pattern> compile(std::string_view text, Case sensitivity = Case::Sensitive);

    [[nodiscard]] bool matches(std::string_view text) const;
    // For text whose case carries no meaning, such as a Windows program's name.
    [[nodiscard]] bool matches_any_case(std::string_view text) const;
    // As written in the configuration.
    [[nodiscard]] const std::string& text() const { return text_; }
    // True where the pattern is one plain name.
    [[nodiscard]] bool literal() const;

  private:
    class Regex;
    Pattern() = default;

    std::string text_;
    Case case_ = Case::Sensitive;
    std::shared_ptr<const Regex> regex_;          // null for a glob
    std::shared_ptr<const Regex> regex_any_case_; // the same, for matches_any_case
};

// `*`, `?` and `[…]` as in Pattern. Linear in memory, and at worst pattern × text in time.
bool glob_matches(std::string_view pattern, std::string_view text, bool ignore_case = false);

} // namespace rustland::supervisor
