// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/ini.hpp"

#include "supervisor/config/values.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <ini.h>

namespace rustland::supervisor {
namespace {

// inih's own limit for the names of sections and keys, less the terminating NUL.
constexpr std::size_t kLongestName = 49;

bool is_comment(std::string_view trimmed) {
    return !trimmed.empty() && (trimmed.front() == ';' || trimmed.front() == '#');
}

bool has_control_character(std::string_view line) {
    return std::any_of(line.begin(), line.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\t' && c != '\r') || byte == 0x7f;
    });
}

// Where " ;" would begin a comment that inih cuts off.
bool has_inline_comment(std::string_view trimmed) {
    for (std::size_t i = 1; i < trimmed.size(); ++i)
        if (trimmed[i] == ';' && (trimmed[i - 1] == ' ' || trimmed[i - 1] == '\t'))
            return true;
    return false;
}

struct KeyName {
    std::string_view name;
    bool adds = false;
};

// What stands before "=": "key", or "key +".
KeyName key_name(std::string_view before_sign) {
    const std::string_view name = trim(before_sign);
    if (!name.ends_with('+'))
        return {name, false};
    return {trim(name.substr(0, name.size() - 1)), true};
}

class Reader {
  public:
    Reader(std::string_view text, const std::string& file) : rest_(text), file_(file) {
        if (rest_.starts_with("\xEF\xBB\xBF"))
            rest_.remove_prefix(3);
    }

    RawFile run() {
        const int bad_line = ::ini_parse_stream(&Reader::next_line, this, &Reader::on_entry, this);
        if (bad_line != 0 && out_.problems.empty()) {
            line_ = bad_line;
            problem("", "the line cannot be read");
        }
        return std::move(out_);
    }

  private:
    void problem(std::string key, std::string text) {
        out_.problems.push_back({file_, line_, section_, std::move(key), std::move(text)});
    }

    // fgets() for inih: one line, or nothing at the end. A line that is refused is given to inih
    // as an empty one, so that its counting stays ours.
    static char* next_line(char* buffer, int size, void* self_ptr) {
        auto& self = *static_cast<Reader*>(self_ptr);
        if (self.rest_.empty() || size < 2)
            return nullptr;
        const std::size_t end = self.rest_.find('\n');
        std::string_view line = self.rest_.substr(0, end);
        self.rest_.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
        ++self.line_;
        if (!self.acceptable(line))
            line = {};
        const std::size_t length = std::min(line.size(), static_cast<std::size_t>(size) - 2);
        line.copy(buffer, length);
        buffer[length] = '\n';
        buffer[length + 1] = '\0';
        return buffer;
    }

    // Whether inih is to see the line. What belongs to a line or a section that was refused is
    // passed over, for its only mistake is that one.
    bool acceptable(std::string_view line) {
        const std::string_view trimmed = trim(line);
        continuation_ = false;
        if (line.find('\0') != std::string_view::npos || has_control_character(line))
            return refuse("the line holds a control character; this is not a text file");
        if (trimmed.empty() || is_comment(trimmed))
            return false;
        if (line.size() > kLongestLine)
            return refuse(fmt::format("the line is longer than {} bytes; continue a list on "
                                      "indented lines, or make a second section",
                                      kLongestLine));
        if (has_inline_comment(trimmed))
            return refuse(
                "a comment must stand on a line of its own (\" ;\" would cut the value off)");
        if (trimmed.front() == '[')
            return section_header(trimmed);
        if (line.front() == ' ' || line.front() == '\t')
            return continuation();
        return assignment(trimmed);
    }

    bool refuse(std::string text) {
        problem("", std::move(text));
        above_ = Above::Refused;
        return false;
    }

    bool section_header(std::string_view trimmed) {
        above_ = Above::Nothing;
        section_.clear();
        lost_ = true;
        begun_again_ = false;
        const std::size_t close = trimmed.find(']');
        if (close == std::string_view::npos || close + 1 != trimmed.size()) {
            problem("", "a section is written [NAME], alone on its line");
            return false;
        }
        // Words inside a name are separated by one space, however many were written.
        std::string name;
        for (const char c : trim(trimmed.substr(1, close - 1))) {
            const bool blank = c == ' ' || c == '\t';
            if (!blank || name.empty() || name.back() != ' ')
                name += blank ? ' ' : c;
        }
        if (name.size() > kLongestName) {
            problem("", fmt::format("the section's name is longer than {} bytes", kLongestName));
            return false;
        }
        section_ = name;
        lost_ = false;
        const auto same = std::find_if(out_.sections.begin(), out_.sections.end(),
                                       [&](const RawSection& s) { return s.name == section_; });
        if (same != out_.sections.end()) {
            problem("", fmt::format("the section was already begun in line {}", same->line));
            begun_again_ = true;
        }
        out_.sections.push_back({file_, line_, section_});
        return true;
    }

    bool continuation() {
        if (above_ == Above::Nothing) {
            problem("", "an indented line continues the value above it, and there is none");
            return false;
        }
        continuation_ = above_ == Above::Value;
        return continuation_;
    }

    bool assignment(std::string_view trimmed) {
        const std::size_t sign = trimmed.find_first_of("=:");
        if (sign == std::string_view::npos || trimmed[sign] == ':')
            return refuse("write KEY = VALUE");
        const std::string_view key = key_name(trimmed.substr(0, sign)).name;
        if (key.empty())
            return refuse("write KEY = VALUE");
        if (key.size() > kLongestName - 2) // " +" may follow
            return refuse(fmt::format("the key is longer than {} bytes", kLongestName - 2));
        above_ = Above::Refused;
        if (lost_)
            return false;
        if (section_.empty()) {
            problem(std::string(key), "stands before the first section; begin with [supervisor]");
            return false;
        }
        above_ = Above::Value;
        return true;
    }

    static int on_entry(void* self_ptr, const char*, const char* key, const char* value) {
        auto& self = *static_cast<Reader*>(self_ptr);
        if (self.continuation_ && !self.out_.entries.empty()) {
            self.out_.entries.back().parts.push_back({self.line_, value});
            return 1;
        }
        const auto [name, adds] = key_name(key);
        for (const RawEntry& other : self.out_.entries)
            if (!adds && !self.begun_again_ && other.section == self.section_ && other.key == name)
                self.problem(other.key, fmt::format("was already given in line {}", other.line));
        self.out_.entries.push_back({self.file_,
                                     self.line_,
                                     self.section_,
                                     std::string(name),
                                     {{self.line_, value}},
                                     adds});
        return 1;
    }

    std::string_view rest_;
    std::string file_;
    std::string section_;
    int line_ = 0;
    // What an indented line would continue.
    enum class Above { Nothing, Value, Refused };
    Above above_ = Above::Nothing;
    bool continuation_ = false; // this line is indented
    bool lost_ = false;         // the section's head was refused
    bool begun_again_ = false;  // the section is in this file a second time
    RawFile out_;
};

} // namespace

RawFile parse_ini(std::string_view text, const std::string& file) {
    return Reader(text, file).run();
}

} // namespace rustland::supervisor
