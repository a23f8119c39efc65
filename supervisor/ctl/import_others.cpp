// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/import_others.hpp"

#include "rustland/common/file.hpp"
#include "supervisor/config/values.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <sstream>
#include <system_error>

namespace rustland::supervisor {
namespace {

struct Assignment {
    std::string_view key;
    std::string_view value;
};

std::optional<Assignment> assignment(std::string_view line) {
    const std::size_t sign = line.find('=');
    if (sign == std::string_view::npos)
        return std::nullopt;
    return Assignment{trim(line.substr(0, sign)), trim(line.substr(sign + 1))};
}

bool is_comment(std::string_view line) {
    return line.empty() || line.front() == '#' || line.front() == ';';
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

void add_falcond(GameList& games, const std::string& text, const std::string& path) {
    std::istringstream lines(text);
    int number = 0;
    bool named = false;
    for (std::string line; std::getline(lines, line);) {
        const std::string where = fmt::format("{}:{}", path, ++number);
        const auto found = is_comment(trim(line)) ? std::nullopt : assignment(line);
        if (!found || found->key != "name")
            continue;
        std::string_view name = found->value;
        if (name.size() > 1 && name.front() == '"' && name.back() == '"')
            name = name.substr(1, name.size() - 2);
        named = true;
        if (lower(name) != "proton")
            games.add_program(std::string(name), where);
    }
    if (!named)
        games.problem(path + ": no name");
}

} // namespace

Result<ImportedRules> import_falcond(const std::string& directory) {
    GameList games("falcond");
    int files = 0;
    std::error_code ec;
    for (std::filesystem::recursive_directory_iterator it(directory, ec), end; !ec && it != end;
         it.increment(ec)) {
        if (it->path().extension() != ".conf")
            continue;
        const std::string path = it->path().string();
        const auto text = read_file(path);
        ++files;
        if (text)
            add_falcond(games, *text, path);
        else
            games.problem(text.error().message());
    }
    if (ec)
        return Error::from_code(directory, ec.value());
    if (files == 0)
        return Error(directory + ": there are no profiles (*.conf)");
    return games.rules("Games from falcond's profiles, by the names of their programs.");
}

Result<ImportedRules> import_gamemode(const std::string& file) {
    const auto text = read_file(file);
    if (!text)
        return text.error();
    GameList games("gamemode");
    std::istringstream lines(*text);
    std::string section;
    std::string key;
    int number = 0;
    for (std::string raw; std::getline(lines, raw);) {
        const std::string where = fmt::format("{}:{}", file, ++number);
        std::string_view line = raw;
        // GameMode reads " ;" as the beginning of a comment.
        line = trim(line.substr(0, line.find(" ;")));
        if (is_comment(line))
            continue;
        if (line.front() == '[') {
            section = line.substr(1, line.find(']') - 1);
            key.clear();
            continue;
        }
        // An indented line goes on with the value above it.
        const bool goes_on = raw.front() == ' ' || raw.front() == '\t';
        const auto found = goes_on ? std::nullopt : assignment(line);
        if (found)
            key = found->key;
        const std::string value(found ? found->value : line);
        if (section == "filter" && (key == "whitelist" || key == "blacklist") && !value.empty())
            games.add_path_part(value, key == "blacklist", where);
    }
    ImportedRules rules = games.rules("Games from GameMode's filter, by a part of their path.");
    if (rules.names == 0 && rules.problems.empty())
        return Error(file + ": its section [filter] lists no game, so there is nothing to import");
    return rules;
}

} // namespace rustland::supervisor
