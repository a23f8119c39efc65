// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/import_ananicy.hpp"

#include "rustland/common/file.hpp"
#include "supervisor/config/ini.hpp"
#include "supervisor/config/values.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <system_error>

namespace rustland::supervisor {
namespace {

// One section reads well up to here.
constexpr std::size_t kNamesPerSection = 500;

// A name as a list item: a literal, whatever characters it has.
std::string list_item(const std::string& name) {
    std::string escaped;
    for (const char c : name) {
        if (c == '*' || c == '?' || c == '[')
            escaped += {'[', c, ']'};
        else if (c == '"')
            escaped += "\\\"";
        else
            escaped += c;
    }
    const bool quote = escaped.find_first_of(",\";") != std::string::npos ||
                       escaped.front() == '~' || trim(escaped) != escaped;
    return quote ? "\"" + escaped + "\"" : escaped;
}

bool importable(const std::string& name) {
    const std::string item = list_item(name);
    // inih would cut the line at " ;", and a list item must fit on a line.
    return item.size() + 8 < kLongestLine && item.find(" ;") == std::string::npos &&
           item.find_first_of("\r\n\t") == std::string::npos &&
           name.find('\\') == std::string::npos;
}

std::string sections(const std::set<std::string>& names) {
    std::string text;
    std::size_t in_section = 0;
    int number = 0;
    std::string line;
    const auto flush_line = [&](bool last) {
        if (!line.empty())
            text += line + (last ? "\n" : ",\n");
        line.clear();
    };
    for (const std::string& name : names) {
        if (in_section == 0)
            text += fmt::format("\n[workload ananicy-{}]\n", ++number);
        const std::string item = list_item(name);
        if (!line.empty() && line.size() + item.size() + 3 > 98)
            flush_line(false);
        if (line.empty())
            line = (in_section == 0 ? "program = " : "    ") + item;
        else
            line += ", " + item;
        if (++in_section == kNamesPerSection) {
            flush_line(true);
            in_section = 0;
        }
    }
    flush_line(true);
    return text;
}

} // namespace

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
    ImportedRules imported;
    std::set<std::string> names;
    int files = 0;
    std::error_code ec;
    for (std::filesystem::recursive_directory_iterator it(directory, ec), end; !ec && it != end;
         it.increment(ec)) {
        if (it->path().extension() != ".rules")
            continue;
        const std::string path = it->path().string();
        const auto text = read_file(path);
        if (!text) {
            imported.problems.push_back(text.error().message());
            continue;
        }
        ++files;
        std::istringstream lines(*text);
        int number = 0;
        for (std::string line; std::getline(lines, line);) {
            ++number;
            const auto name = ananicy_game(line);
            if (!name)
                imported.problems.push_back(
                    fmt::format("{}:{}: {}", path, number, name.error().message()));
            else if (!name->empty() && importable(*name))
                names.insert(*name);
            else if (!name->empty())
                imported.problems.push_back(fmt::format("{}:{}: the name cannot be written into a "
                                                        "configuration",
                                                        path, number));
        }
    }
    if (ec)
        return Error::from_code(directory, ec.value());
    if (files == 0)
        return Error(directory + ": there are no .rules files");
    imported.names = static_cast<int>(names.size());
    imported.text =
        "# Games from ananicy's rules; names of any length, matched whole.\n" + sections(names);
    return imported;
}

} // namespace rustland::supervisor
