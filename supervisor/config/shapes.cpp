// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/shapes.hpp"

#include "supervisor/match/process_info.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace rustland::supervisor {
namespace {

// The shortest text that a glob covers: each "[…]" is one character, each "*" none.
std::size_t shortest_match(std::string_view glob) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < glob.size(); ++i) {
        if (glob[i] == '*')
            continue;
        // The first character inside may be a bracket itself.
        const std::size_t close = glob[i] == '[' ? glob.find(']', i + 2) : std::string_view::npos;
        if (close != std::string_view::npos)
            i = close;
        ++length;
    }
    return length;
}

bool begins_anywhere(std::string_view glob) {
    return glob.front() == '/' || glob.front() == '*' || glob.front() == '?' || glob.front() == '[';
}

// "$HOME/x", "/opt/$GAME", "${HOME}": in a name itself a "$" is an ordinary character.
bool names_variable(std::string_view text) {
    return text.starts_with('$') || text.find("/$") != std::string_view::npos ||
           text.find("${") != std::string_view::npos;
}

std::string with_home(std::string text) {
    for (const std::string_view home : {"${HOME}", "$HOME"})
        if (const auto at = text.find(home); at != std::string::npos)
            return text.replace(at, home.size(), "/home/*");
    return "/home/*/game";
}

std::string with_commas(std::string text) {
    for (std::size_t at = 0; (at = text.find(';', at)) != std::string::npos;)
        text.replace(at, 1, ", ");
    return text;
}

// "*/games/doom9" of "games/doom9" and "./games/doom9", "*/games/*" of "games/": what an executable
// or a cgroup can match.
std::string as_path(std::string_view text) {
    if (!begins_anywhere(text)) {
        while (text.starts_with("./") || text.starts_with("../"))
            text.remove_prefix(text.find('/') + 1);
        return fmt::format("*/{}{}", text, text.ends_with('/') ? "*" : "");
    }
    return fmt::format("{}{}", text, text.size() > 1 && text.ends_with('/') ? "*" : "");
}

std::optional<std::string> why_no_name(Shape shape, const std::string& text) {
    // A slash at the end is no part of the name.
    const std::string_view name =
        file_name(std::string_view(text).substr(0, text.find_last_not_of('/') + 1));
    const bool drive = text.size() > 2 && text[1] == ':' && name.size() < text.size();
    if (drive || text.find('\\') < text.find('/'))
        return fmt::format("\"{}\" is a path; write the file name alone, {}", text, name);
    if (shape == Shape::Program && text.find('/') != std::string::npos)
        return fmt::format("\"{}\" holds a slash, which no file name does; write exe = {}", text,
                           as_path(text));
    if (shape == Shape::Relative && (text.starts_with('/') || text.starts_with("*/")))
        return fmt::format("\"{}\" is a path, and names are compared here; write {}", text, name);
    return std::nullopt;
}

std::optional<std::string> why_no_path(Shape shape, const std::string& text) {
    const bool exe = shape == Shape::Executable;
    if (exe && text.find('\\') != std::string::npos && text.find('/') == std::string::npos)
        return fmt::format("\"{}\" is a path of Windows, and the executable is Wine's; write "
                           "program = {}",
                           text, file_name(text));
    if (!begins_anywhere(text))
        return fmt::format("\"{}\" does not begin with a slash, as every {} does; write {}{}", text,
                           exe ? "path" : "cgroup", as_path(text),
                           exe && text.find('/') == std::string::npos ? ", or program = " + text
                                                                      : "");
    if (text.size() > 1 && text.back() == '/')
        return fmt::format("\"{0}\" ends with a slash, as no {1} does; write {0}*", text,
                           exe ? "file" : "cgroup");
    return std::nullopt;
}

} // namespace

std::optional<std::string> why_never(Shape shape, const ListItem& item) {
    const std::string& text = item.text;
    if (shape == Shape::Words || text.starts_with('~') || text.empty())
        return std::nullopt;
    if (!item.quoted && text.find(';') != std::string::npos)
        return fmt::format("\"{}\" is one item, because commas separate items; write {}, or put it "
                           "into double quotes",
                           text, with_commas(text));
    if (names_variable(text))
        return fmt::format("\"{}\" holds a variable, and nothing is expanded; write the path, such "
                           "as {}",
                           text, with_home(text));
    if (shape == Shape::Comm && shortest_match(text) > kCommLength)
        return fmt::format("\"{}\" is longer than the {} bytes that a comm has; use program for "
                           "full names",
                           text, kCommLength);
    if (shape == Shape::Program || shape == Shape::Relative)
        return why_no_name(shape, text);
    if (shape == Shape::Executable || shape == Shape::Cgroup)
        return why_no_path(shape, text);
    return std::nullopt;
}

std::optional<std::string> why_no_arguments(const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments) {
        if (!argument.starts_with('-'))
            continue;
        const std::size_t space = argument.find(' ');
        if (space != std::string::npos && space < argument.find('='))
            return fmt::format("\"{}\" is one argument, because it is quoted as a whole; leave the "
                               "quotes out",
                               argument);
        if (argument.find(",-") != std::string::npos)
            return fmt::format("\"{}\" is one argument, because spaces separate arguments, not "
                               "commas",
                               argument);
    }
    return std::nullopt;
}

} // namespace rustland::supervisor
