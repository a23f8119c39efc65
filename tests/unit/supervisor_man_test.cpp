// SPDX-License-Identifier: GPL-2.0-only
// rustlandd(8), rustlandctl(1) and rustland.conf(5) say what the programs and the parser's own
// tables say, both ways.
#include "rustland/common/file.hpp"
#include "rustland/common/types.hpp"
#include "rustland/common/version.hpp"
#include "supervisor/config/config.hpp"
#include "supervisor/ctl/commands.hpp"
#include "support/man_page.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

using namespace rustland;
using nlohmann::json;
using rustland::testing::man_items;
using rustland::testing::man_section;

namespace {

const std::string kMan = std::string(RUSTLAND_SOURCE_DIR) + "/man/";
const std::string kDaemonPage = kMan + "rustlandd.8";
const std::string kCtlPage = kMan + "rustlandctl.1";
const std::string kConfPage = kMan + "rustland.conf.5";

json describe(const char* program) {
    const std::string command = std::string(program) + " --describe";
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
    std::string text;
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;)
        text.append(buffer.data(), n);
    json told = json::parse(text, nullptr, false);
    EXPECT_TRUE(told.is_object()) << command;
    return told;
}

// "-c FILE, --config FILE" as the page writes it: "Fl c Ar file , Fl -config Ar file". --json and
// --help, which each command has, are told once.
std::set<std::string> options_of(const json& command, bool of_a_command) {
    std::set<std::string> written;
    for (const json& option : command["options"]) {
        if (option["positional"] == true)
            continue;
        std::string argument;
        if (!option["argument"].is_null()) {
            argument = option["argument"].get<std::string>();
            argument = argument.substr(0, argument.find(':'));
            for (char& c : argument)
                c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            argument.insert(0, " Ar ");
        }
        std::string item;
        std::vector<std::string> names;
        for (const json& name : option["names"])
            names.push_back(name.get<std::string>().substr(1));
        if (of_a_command && (names.front() == "-json" || names.front() == "-help"))
            continue;
        for (auto name = names.rbegin(); name != names.rend(); ++name)
            item += (item.empty() ? "Fl " : " , Fl ") + *name + argument;
        written.insert(item);
    }
    return written;
}

std::set<std::string> as_set(const std::vector<std::string>& items) {
    return {items.begin(), items.end()};
}

std::set<std::string> flags_in(const std::vector<std::string>& lines) {
    std::set<std::string> written;
    for (const std::string& line : lines)
        if (line.starts_with(".It Fl "))
            written.insert(line.substr(4));
    return written;
}

// Command -> the lines that the page has about it.
std::map<std::string, std::vector<std::string>> commands_of_the_page() {
    std::map<std::string, std::vector<std::string>> commands;
    std::string current;
    for (const std::string& line : man_section(kCtlPage, "Commands")) {
        if (line.starts_with(".It Cm ")) {
            current = line.substr(7);
            const std::string rest =
                current.find(' ') == std::string::npos ? "" : current.substr(current.find(' '));
            current = current.substr(0, current.find(' '));
            commands[current].push_back(rest);
        } else if (!current.empty()) {
            commands[current].push_back(line);
        }
    }
    return commands;
}

std::set<int> exit_codes(const std::string& page) {
    std::set<int> codes;
    for (const std::string& item : man_items(page, "EXIT STATUS", ".It "))
        codes.insert(std::stoi(item));
    return codes;
}

} // namespace

TEST(ManPages, CarryTheProjectsNameAndReferToOneAnother) {
    std::map<std::string, std::string> pages; // "rustlandctl 1" -> its text
    for (const auto& file : std::filesystem::directory_iterator(kMan)) {
        const std::string section = file.path().extension().string();
        if (section.size() == 2 && std::isdigit(static_cast<unsigned char>(section[1])) != 0)
            pages[file.path().stem().string() + " " + section.substr(1)] =
                *rustland::read_file(file.path().string());
    }
    ASSERT_GE(pages.size(), 8U);
    const std::string project = std::string("\"rustland ") + rustland::kVersion + "\"";
    std::set<std::string> named;
    for (const auto& [page, text] : pages) {
        EXPECT_NE(text.find(project), std::string::npos) << page << " lacks " << project;
        std::istringstream lines(text.substr(std::min(text.find("SEE ALSO"), text.size())));
        std::size_t of_ours = 0;
        for (std::string line; std::getline(lines, line);)
            for (const auto& [other, ignored] : pages) {
                const std::string name = other.substr(0, other.size() - 2);
                if (line.starts_with(".Xr " + other) ||
                    line.starts_with(".BR " + name + " (" + other.back() + ")")) {
                    EXPECT_NE(other, page) << "refers to itself";
                    named.insert(other);
                    ++of_ours;
                }
            }
        EXPECT_GE(of_ours, 2U) << page << " refers to too few others";
    }
    EXPECT_EQ(named.size(), pages.size()) << "some page is named by no other";
}

TEST(SupervisorManPages, DaemonListsItsOptions) {
    EXPECT_EQ(flags_in(man_section(kDaemonPage, "Options")),
              options_of(describe(RUSTLANDD), false));
}

TEST(SupervisorManPages, ControlToolListsItsOptions) {
    EXPECT_EQ(flags_in(man_section(kCtlPage, "Options")), options_of(describe(RUSTLANDCTL), false));
}

TEST(SupervisorManPages, ControlToolListsItsCommandsInTheirOrder) {
    std::vector<std::string> expected;
    const json told = describe(RUSTLANDCTL);
    for (const json& command : told["commands"])
        expected.push_back(command["name"].get<std::string>());
    std::vector<std::string> found;
    for (const std::string& item : man_items(kCtlPage, "Commands", ".It Cm "))
        found.push_back(item.substr(0, item.find(' ')));
    EXPECT_EQ(as_set(found), as_set(expected));
    EXPECT_EQ(found.size(), expected.size());
}

TEST(SupervisorManPages, ControlToolListsTheOptionsOfEachCommand) {
    const auto page = commands_of_the_page();
    const json told = describe(RUSTLANDCTL);
    ASSERT_FALSE(told["commands"].empty());
    for (const json& command : told["commands"]) {
        const auto name = command["name"].get<std::string>();
        const auto lines = page.find(name);
        ASSERT_NE(lines, page.end()) << name;
        const std::string& synopsis = lines->second.front();
        const auto documented = flags_in(lines->second);
        const auto real = options_of(command, true);
        // switch has the options of start, which its text says.
        if (name == "switch") {
            EXPECT_TRUE(documented.empty());
        } else if (name != "hold") { // another name of run
            EXPECT_EQ(documented, real) << name;
        }
        for (const std::string& option : real) {
            const std::string shortest = option.substr(0, option.find(" ,"));
            EXPECT_NE(synopsis.find(shortest), std::string::npos) << name << ": " << shortest;
        }
        for (const json& option : command["options"])
            if (option["positional"] == true) {
                EXPECT_NE(synopsis.find(" Ar "), std::string::npos) << name;
            }
    }
}

TEST(SupervisorManPages, ControlToolListsItsExitCodes) {
    using namespace rustland::supervisor;
    EXPECT_EQ(exit_codes(kCtlPage), (std::set<int>{kDone, kFailed, kUsage, kNoDaemon}));
}

TEST(SupervisorManPages, EveryCommandKnowsJsonAsThePageSays) {
    const json described = describe(RUSTLANDCTL);
    for (const json& command : described["commands"]) {
        bool json_option = false;
        for (const json& option : command["options"])
            json_option =
                json_option || option["names"].dump().find("\"--json\"") != std::string::npos;
        EXPECT_TRUE(json_option) << command["name"];
    }
}

TEST(SupervisorManPages, ConfigurationListsTheSupervisorsKeys) {
    EXPECT_EQ(man_items(kConfPage, "Supervisor", ".It Ic "),
              rustland::supervisor::supervisor_keys());
}

TEST(SupervisorManPages, ConfigurationListsTheWorkloadsKeys) {
    EXPECT_EQ(man_items(kConfPage, "Workloads", ".It Ic "), rustland::supervisor::workload_keys());
}

TEST(SupervisorManPages, ConfigurationNamesTheCompanionsKeys) {
    std::set<std::string> named;
    for (const std::string& line : man_section(kConfPage, "Companions")) {
        if (line == ".Pp")
            break;
        if (line.starts_with(".Ic "))
            named.insert(line.substr(4, line.find(' ', 4) - 4));
    }
    const auto keys = rustland::supervisor::companion_keys();
    EXPECT_EQ(named, std::set<std::string>(keys.begin(), keys.end()));
}

TEST(SupervisorManPages, DefaultsAreThoseOfTheParser) {
    using namespace rustland::supervisor;
    const Settings s;
    std::string text;
    for (const std::string& line : man_section(kConfPage, "Supervisor"))
        text += line + " ";
    const auto told = [&text](const std::string& key, const std::string& value) {
        const std::size_t from = text.find(".It Ic " + key + " ");
        ASSERT_NE(from, std::string::npos) << key;
        const std::string about = text.substr(from, text.find(".It Ic ", from + 1) - from);
        EXPECT_NE(about.find(value + " by default"), std::string::npos) << about;
    };
    const auto rate = [](const Rate& r) {
        return std::to_string(r.count) + "/" + format_duration(r.window);
    };
    told("linger", format_duration(s.linger));
    told("min_dwell", format_duration(s.min_dwell));
    told("switch_limit", rate(s.switch_limit));
    told("restart_initial", format_duration(s.restart_initial));
    told("restart_max", format_duration(s.restart_max));
    told("healthy_time", format_duration(s.healthy_time));
    told("crash_limit", rate(s.crash_limit));
    told("scan_interval", format_duration(s.scan_interval));
    told("start_timeout", format_duration(s.start_timeout));
    told("stop_timeout", format_duration(s.stop_timeout));
    told("event_buffer", std::to_string(s.event_buffer >> 20U) + "MiB");
}
