// SPDX-License-Identifier: GPL-2.0-only
// The manual page and the tables of the program say the same, both ways.
#include "exit_code.hpp"
#include "options.hpp"
#include "rustland/common/file.hpp"
#include "stats.hpp"
#include "waits.hpp"

#include <algorithm>
#include <cctype>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sstream>

using namespace rustland;

namespace {

// The first line after a heading of the page, and all others up to the next heading.
std::vector<std::string> section(const std::string& heading) {
    const auto page = read_file(RUSTLAND_MAN_PAGE);
    EXPECT_TRUE(page);
    std::vector<std::string> lines;
    std::istringstream in(page.value_or(""));
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line.rfind(".Sh ", 0) == 0 || line.rfind(".Ss ", 0) == 0)
            inside = line.substr(4) == heading;
        else if (inside)
            lines.push_back(line);
    }
    EXPECT_FALSE(lines.empty()) << "no section " << heading;
    return lines;
}

// What follows `macro` at the start of the lines of a section.
std::vector<std::string> items(const std::string& heading, const std::string& macro) {
    std::vector<std::string> found;
    for (const std::string& line : section(heading)) {
        if (line.rfind(macro, 0) == 0)
            found.push_back(line.substr(macro.size()));
    }
    return found;
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

std::string first_word(const std::string& text) { return text.substr(0, text.find(' ')); }

} // namespace

TEST(ManPage, ListsTheOptionsInTheOrderOfTheTable) {
    std::vector<std::string> expected;
    for (const OptionRow& row : option_table())
        expected.push_back(std::string(row.name) +
                           (row.argument ? " Ar " + std::string(row.argument) : ""));
    std::vector<std::string> found;
    for (const std::string& item : items("Options", ".It Fl -")) {
        const std::string name = first_word(item);
        found.push_back(name + upper(item.substr(name.size())).replace(0, 4, " Ar "));
        if (name == item)
            found.back() = name;
    }
    EXPECT_EQ(found, expected);
}

TEST(ManPage, SynopsisShowsEveryOption) {
    std::set<std::string> shown;
    for (const std::string& line : section("SYNOPSIS")) {
        std::istringstream words(line);
        for (std::string word; words >> word;) {
            if (word == "Fl" || word == ".Fl") {
                words >> word;
                shown.insert(word.substr(1));
            }
        }
    }
    std::set<std::string> expected;
    for (const OptionRow& row : option_table())
        expected.insert(row.name);
    EXPECT_EQ(shown, expected);
}

TEST(ManPage, ListsTheExitCodesWithTheirMeaning) {
    const auto lines = section("EXIT STATUS");
    std::map<int, std::string> found;
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
        if (lines[i].rfind(".It ", 0) == 0)
            found[std::stoi(lines[i].substr(4))] = lines[i + 1];
    }
    std::map<int, std::string> expected;
    for (const ExitCodeRow& row : kExitCodes) {
        std::string sentence = std::string(row.meaning) + ".";
        sentence.front() = static_cast<char>(std::toupper(sentence.front()));
        expected[static_cast<int>(row.code)] = sentence;
    }
    EXPECT_EQ(found, expected);
}

TEST(ManPage, ListsTheStatisticsInTheirOrder) {
    std::vector<std::string> expected;
    for (const Field& field : stats_fields())
        expected.emplace_back(field.name);
    EXPECT_EQ(items("Statistics", ".It Va "), expected);
}

TEST(ManPage, ListsTheClassesOfTheHistograms) {
    std::vector<std::string> expected;
    for (const WaitClass& one : wait_classes())
        expected.emplace_back(one.name);
    EXPECT_EQ(items("Histograms", ".It Va "), expected);
    std::string text;
    for (const std::string& line : section("Histograms"))
        text += line + " ";
    EXPECT_NE(text.find("The " + std::to_string(RL_WAIT_BUCKETS) + " counts"), std::string::npos);
    const std::string longest = std::to_string(wait_limit(RL_WAIT_BUCKETS - 2)->value / 1000);
    EXPECT_NE(text.find(longest.substr(0, 3) + "." + longest.substr(3) + " ms"), std::string::npos);
}

TEST(ManPage, DefaultsAreThoseOfTheProgram) {
    const Options defaults;
    std::string text;
    for (const std::string& line : section("Options"))
        text += line + " ";
    for (const std::string& number :
         {std::to_string(defaults.slice_max.value / 1000), std::to_string(defaults.timeout_ms),
          std::to_string(defaults.slice_min.value / 1000)})
        EXPECT_NE(text.find(number + " by default"), std::string::npos) << number;
    bool socket = false;
    for (const std::string& file : items("FILES", ".It Pa "))
        socket = socket || file == defaults.socket;
    EXPECT_TRUE(socket);
}
