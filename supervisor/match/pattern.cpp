// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/match/pattern.hpp"

#include <array>
#include <cctype>
#include <cstdint>
#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

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

// Command lines are other people's text: no expression may take long with one. Steps and KiB of one
// match; what would need more does not match.
constexpr std::uint32_t kMatchSteps = 100'000;
constexpr std::uint32_t kMatchMemory = 1024;

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
    template <auto Free> struct Freed {
        void operator()(auto* what) const { Free(what); }
    };
    using Code = std::unique_ptr<pcre2_code, Freed<pcre2_code_free>>;
    using Limits = std::unique_ptr<pcre2_match_context, Freed<pcre2_match_context_free>>;
    using Place = std::unique_ptr<pcre2_match_data, Freed<pcre2_match_data_free>>;

  public:
    static Result<std::shared_ptr<const Regex>> compile(const std::string& text, bool ignore_case) {
        // Bytes, not characters: names of files are in no encoding that one could rely on.
        const std::uint32_t options = PCRE2_NEVER_UTF | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY |
                                      (ignore_case ? PCRE2_CASELESS : 0);
        int why = 0;
        PCRE2_SIZE where = 0;
        Code code(::pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), options,
                                  &why, &where, nullptr));
        if (!code) {
            std::array<PCRE2_UCHAR, 200> words{};
            ::pcre2_get_error_message(why, words.data(), words.size());
            // Where the whole is too much, versions of PCRE2 differ in the place that they give.
            const bool whole =
                why == PCRE2_ERROR_PATTERN_TOO_LARGE || why == PCRE2_ERROR_PATTERN_TOO_COMPLICATED;
            return Error(fmt::format("\"{}\" is not a regular expression: {}{}", text,
                                     reinterpret_cast<const char*>(words.data()),
                                     whole ? "" : fmt::format(" (at its byte {})", where)));
        }
        Limits limits(::pcre2_match_context_create(nullptr));
        if (!limits)
            return Error("no memory for a regular expression");
        ::pcre2_set_match_limit(limits.get(), kMatchSteps);
        ::pcre2_set_heap_limit(limits.get(), kMatchMemory);
        return std::make_shared<const Regex>(std::move(code), std::move(limits));
    }

    Regex(Code code, Limits limits) : code_(std::move(code)), limits_(std::move(limits)) {}

    [[nodiscard]] bool matches(std::string_view text) const {
        const Place place(::pcre2_match_data_create(1, nullptr));
        return place && ::pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                      text.size(), 0, 0, place.get(), limits_.get()) >= 0;
    }

  private:
    Code code_;
    Limits limits_;
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
