// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/addition.hpp"

#include "rustland/common/file.hpp"
#include "supervisor/config/shapes.hpp"
#include "supervisor/config/values.hpp"
#include "supervisor/config/written.hpp"
#include "supervisor/match/common_programs.hpp"
#include "supervisor/match/pattern.hpp"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>
#include <optional>
#include <string_view>

namespace rustland::supervisor {
namespace {

constexpr std::size_t kLongestRuleName = 40; // "workload NAME" has 49 bytes

// "bash is a shell", or nothing.
std::optional<std::string> why_common(const std::string& name) {
    const char* what = common_program(name);
    return what == nullptr ? std::nullopt : std::optional(fmt::format("{} {}", name, what));
}

std::optional<std::string> why_common(const Pattern& pattern) {
    if (pattern.literal())
        return why_common(pattern.text());
    for (const CommonPrograms& group : common_programs())
        for (const std::string_view name : group.names)
            if (is_windows_program(name) ? pattern.matches_any_case(name) : pattern.matches(name))
                return fmt::format("{} matches {}, which {}", pattern.text(), name, group.what);
    return std::nullopt;
}

// The first argument that says what an interpreter runs: a file, not an option or its value.
std::optional<std::string> interpreted(const std::vector<std::string>& argv) {
    for (std::size_t i = 1; i < argv.size(); ++i) {
        const std::string& word = argv[i];
        if (word == "-cp" || word == "-classpath" || word == "-p" || word == "--module-path" ||
            word == "--class-path") {
            ++i;
            continue;
        }
        if (word.starts_with('-') || word.empty())
            continue;
        const std::string name(file_name(word));
        return name.find('.') == std::string::npos ? std::nullopt : std::optional(name);
    }
    return std::nullopt;
}

constexpr const char* kByHand = "write a rule with cmdline (rustland.conf(5)), or start it with "
                                "rustlandctl run -- COMMAND";

Result<Recognition> by_program(const std::string& name) {
    const std::string glob =
        name.starts_with('~') ? "[~]" + literal_glob(name.substr(1)) : literal_glob(name);
    if (!can_be_written(glob))
        return Error(
            fmt::format("the name {} cannot be written into a configuration; {}", name, kByHand));
    return Recognition{name, {{"program", list_item(glob)}}};
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

bool plain_character(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.');
}

std::string head_line(AdditionKind kind) {
    return fmt::format("# Written by rustlandctl {}.",
                       kind == AdditionKind::Game ? "add" : "exclude");
}

} // namespace

Result<Recognition> recognize(const ProcessInfo& process, AdditionKind kind) {
    std::vector<std::string> names{process.name()};
    for (const std::string& name : process.programs())
        names.push_back(name);
    for (const std::string& name : names)
        if (!name.empty() && !why_common(name))
            return by_program(name);
    const auto common = why_common(process.name());
    const auto file = interpreted(process.argv);
    // What it runs tells it from others that run in the same program.
    if (file && can_be_written("*" + literal_glob(*file) + "*")) {
        auto recognition = by_program(process.name());
        if (recognition) {
            recognition->program = *file;
            recognition->lines.emplace_back("cmdline", list_item("*" + literal_glob(*file) + "*"));
        }
        return recognition;
    }
    if (kind == AdditionKind::Exclusion && common)
        return by_program(process.name());
    return Error(fmt::format("{}, so that a rule for it would take much that is no game; {}",
                             common.value_or("the process has no name"), kByHand));
}

Result<Recognition> recognize(const std::string& text, AdditionKind kind) {
    const bool path = text.starts_with('/');
    const Shape shape = path ? Shape::Executable : Shape::Program;
    if (const auto why = why_never(shape, {text, true}))
        return Error(*why);
    const auto pattern = Pattern::compile(text);
    if (!pattern)
        return pattern.error();
    const std::string name(path ? file_name(text) : std::string_view(text));
    if (text.find_first_of("\r\n\t") != std::string::npos || text.size() > 150 || text.empty() ||
        list_item(text).find(" ;") != std::string::npos)
        return Error("the name cannot be written into a configuration");
    const auto common = path ? why_common(name) : why_common(*pattern);
    if (kind == AdditionKind::Game && common)
        return Error(fmt::format(
            "{}, so that a rule for it would take much that is no game{}", *common,
            pattern->literal() ? std::string("; ") + kByHand : "; give a narrower pattern"));
    if (!path && pattern->matches("bash") && pattern->matches("supertuxkart"))
        return Error(fmt::format("{} is the name of everything; give a narrower pattern", text));
    return Recognition{name, {{path ? "exe" : "program", list_item(text)}}};
}

std::string rule_name_for(const Recognition& recognition, AdditionKind kind) {
    std::string name = lower(recognition.program);
    if (name.ends_with(".exe"))
        name.resize(name.size() - 4);
    std::string out;
    for (const char c : name) {
        const char next = plain_character(c) ? c : '-';
        if (next != '-' || (!out.empty() && out.back() != '-'))
            out += next;
    }
    out.resize(std::min(out.size(), kLongestRuleName - 8));
    while (!out.empty() && (out.back() == '-' || out.back() == '.'))
        out.pop_back();
    const std::size_t begin = out.find_first_not_of("-.");
    out = begin == std::string::npos ? "program" : out.substr(begin);
    return kind == AdditionKind::Exclusion ? "not-" + out : out;
}

Status check_rule_name(const std::string& name) {
    if (name.empty() || name.size() > kLongestRuleName || name.starts_with('.') ||
        !std::all_of(name.begin(), name.end(), plain_character))
        return Error(fmt::format("\"{}\" cannot be the name of a rule; take letters, digits, "
                                 "\"-\", \"_\" and \".\", at most {}",
                                 name, kLongestRuleName));
    return {};
}

std::string rule_text(const Recognition& recognition, const std::string& name, AdditionKind kind) {
    std::string text = fmt::format("[workload {}]\n", name);
    if (kind == AdditionKind::Exclusion)
        text += "deny = yes\n";
    for (const auto& [key, value] : recognition.lines)
        text += fmt::format("{} = {}\n", key, value);
    return text;
}

bool made_by_exclude(const std::string& file) {
    const auto text = read_file(file);
    return text && text->starts_with(head_line(AdditionKind::Exclusion));
}

std::string undo_exclude(const std::string& file) {
    return fmt::format("sudo rm {} && sudo rustlandctl reload", join_arguments({file}));
}

std::string drop_in_text(const Recognition& recognition, const std::string& name,
                         AdditionKind kind) {
    return fmt::format("{} To undo it, remove this file, and then:  rustlandctl reload\n{}",
                       head_line(kind), rule_text(recognition, name, kind));
}

} // namespace rustland::supervisor
