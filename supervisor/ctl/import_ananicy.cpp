// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/import_ananicy.hpp"

#include "rustland/common/file.hpp"
#include "supervisor/config/values.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

namespace rustland::supervisor {
Result<std::string> ananicy_game(const std::string& line) {
    const std::string_view trimmed = trim(line);
    if (trimmed.empty() || trimmed.front() == '#')
        return std::string();
    // A comment may follow the object.
    const std::size_t end = trimmed.rfind('}');
    const auto rule = nlohmann::json::parse(
        trimmed.substr(0, end == std::string_view::npos ? end : end + 1), nullptr, false);
    if (!rule.is_object())
        return Error("not a JSON object");
    if (!rule.contains("name") || !rule["name"].is_string() ||
        rule["name"].get<std::string>().empty())
        return Error("no name");
    const bool game = rule.contains("type") && rule["type"].is_string() &&
                      (rule["type"] == "Game" || rule["type"] == "game");
    return game ? rule["name"].get<std::string>() : std::string();
}

Result<ImportedRules> import_ananicy(const std::string& directory) {
    GameList games("ananicy");
    int files = 0;
    std::error_code ec;
    for (std::filesystem::recursive_directory_iterator it(directory, ec), end; !ec && it != end;
         it.increment(ec)) {
        if (it->path().extension() != ".rules")
            continue;
        const std::string path = it->path().string();
        const auto text = read_file(path);
        if (!text) {
            games.problem(text.error().message());
            continue;
        }
        ++files;
        std::istringstream lines(*text);
        int number = 0;
        for (std::string line; std::getline(lines, line);) {
            const std::string where = fmt::format("{}:{}", path, ++number);
            const auto name = ananicy_game(line);
            if (!name)
                games.problem(where + ": " + name.error().message());
            else if (!name->empty())
                games.add_process(*name, where);
        }
    }
    if (ec)
        return Error::from_code(directory, ec.value());
    if (files == 0)
        return Error(directory + ": there are no .rules files");
    return games.rules("Games from ananicy's rules; names of any length, matched whole.");
}

} // namespace rustland::supervisor
