// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/match/pattern.hpp"

#include <array>
#include <cctype>
#include <fmt/format.h>
#include <regex.h>

namespace rustland::supervisor {
namespace {

char fold(char c, bool ignore_case) {
    return ignore_case ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : c;
}

// Matches one "[…]" at the start of `pattern` against `c`; sets `length` to the bracket's length,
// or to 0 where it is not closed (then "[" is a plain character).
bool bracket_matches(std::string_view pattern, char c, bool ignore_case, std::size_t& length) {
    length = 0;
    std::size_t i = 1;
    const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
    if (negated)
        ++i;
    const std::size_t first = i;
    bool hit = false;
    while (i < pattern.size() && (pattern[i] != ']' || i == first)) {
        const char low = fold(pattern[i], ignore_case);
        char high = low;
        if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
            high = fold(pattern[i + 2], ignore_case);
            i += 2;
        }
        hit = hit || (low <= c && c <= high);
        ++i;
    }
    if (i >= pattern.size())
        return false;
    length = i + 1;
    return hit != negated;
}

// A back-reference makes matching exponential, and command lines are other people's text.
bool has_back_reference(std::string_view pattern) {
    for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
        if (pattern[i] != '\\')
            continue;
        if (pattern[i + 1] >= '1' && pattern[i + 1] <= '9')
            return true;
        ++i;
    }
    return false;
}

} // namespace

bool glob_matches(std::string_view pattern, std::string_view text, bool ignore_case) {
    constexpr auto none = std::string_view::npos;
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = none; // the last `*` seen, and the text it has swallowed up to
    std::size_t swallowed = 0;
    while (t < text.size()) {
        const char c = fold(text[t], ignore_case);
        std::size_t step = 0;
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            swallowed = t;
            continue;
        }
        if (p < pattern.size() && pattern[p] == '[') {
            std::size_t length = 0;
            if (bracket_matches(pattern.substr(p), c, ignore_case, length))
                step = length;
            else if (length == 0 && c == '[')
                step = 1;
        } else if (p < pattern.size() &&
                   (pattern[p] == '?' || fold(pattern[p], ignore_case) == c)) {
            step = 1;
        }
        if (step > 0) {
            p += step;
            ++t;
        } else if (star != none) {
            p = star + 1;
            t = ++swallowed;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        ++p;
    return p == pattern.size();
}

class Pattern::Regex {
  public:
    static Result<std::shared_ptr<const Regex>> compile(const std::string& text, bool ignore_case) {
        auto regex = std::make_shared<Regex>();
        const int flags = REG_EXTENDED | REG_NOSUB | (ignore_case ? REG_ICASE : 0);
        const int code = ::regcomp(&regex->compiled_, text.c_str(), flags);
        if (code != 0) {
            std::array<char, 200> why{};
            ::regerror(code, &regex->compiled_, why.data(), why.size());
            return Error(fmt::format("\"{}\" is not a regular expression: {}", text, why.data()));
        }
        regex->valid_ = true;
        return std::shared_ptr<const Regex>(std::move(regex));
    }

    Regex() = default;
    Regex(const Regex&) = delete;
    Regex& operator=(const Regex&) = delete;
    Regex(Regex&&) = delete;
    Regex& operator=(Regex&&) = delete;
    ~Regex() {
        if (valid_)
            ::regfree(&compiled_);
    }

    [[nodiscard]] bool matches(std::string_view text) const {
        regmatch_t range{};
        range.rm_so = 0;
        range.rm_eo = static_cast<regoff_t>(text.size());
        return ::regexec(&compiled_, text.data(), 1, &range, REG_STARTEND) == 0;
    }

  private:
    regex_t compiled_{};
    bool valid_ = false;
};

Result<Pattern> Pattern::compile(std::string_view text, Case sensitivity) {
    Pattern pattern;
    pattern.text_ = text;
    pattern.case_ = sensitivity;
    if (text.empty())
        return Error("an empty pattern matches nothing");
    if (text.front() != '~')
        return pattern;
    const std::string expression(text.substr(1));
    if (expression.empty())
        return Error("\"~\" needs a regular expression after it");
    if (has_back_reference(expression))
        return Error(fmt::format("\"{}\": back-references are not allowed", expression));
    auto any_case = Regex::compile(expression, true);
    if (!any_case)
        return any_case.error();
    auto exact = Regex::compile(expression, false);
    if (!exact)
        return exact.error();
    pattern.regex_any_case_ = *std::move(any_case);
    pattern.regex_ = sensitivity == Case::Insensitive ? pattern.regex_any_case_ : *std::move(exact);
    return pattern;
}

bool Pattern::matches(std::string_view text) const {
    return regex_ ? regex_->matches(text) : glob_matches(text_, text, case_ == Case::Insensitive);
}

bool Pattern::matches_any_case(std::string_view text) const {
    return regex_any_case_ ? regex_any_case_->matches(text) : glob_matches(text_, text, true);
}

bool Pattern::literal() const { return !regex_ && text_.find_first_of("*?[") == std::string::npos; }

} // namespace rustland::supervisor
