// SPDX-License-Identifier: GPL-2.0-only
// What a program says of a command line that it does not understand: one sentence that begins with
// the program's name, proposes the word that may have been meant, and ends with where to look.
#pragma once

#include "rustland/common/closest.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rustland {

namespace usage {

inline std::vector<std::string> command_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(command->get_name());
    return names;
}

// What the help does not show is proposed to nobody.
inline std::vector<std::string> option_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options())
        if (!option->get_group().empty())
            for (const std::string& name : option->get_lnames())
                names.push_back("--" + name);
    return names;
}

inline const CLI::App* find_command(const CLI::App& app, std::string_view name) {
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
        if (command->get_name() == name)
            return command;
    return nullptr;
}

inline bool takes_value(const CLI::Option& option) {
    return option.get_expected_max() > 0 && option.get_type_size_max() > 0;
}

inline bool several_positionals(const CLI::App& app) {
    for (const CLI::Option* option : app.get_options())
        if (option->get_positional() && option->get_expected_max() > 1)
            return true;
    return false;
}

inline std::size_t positionals(const CLI::App& app) {
    std::size_t count = 0;
    for (const CLI::Option* option : app.get_options())
        if (option->get_positional())
            ++count;
    return count;
}

// "rustlandctl" or "rustlandctl top".
inline std::string full_name(const CLI::App& app) {
    const CLI::App* const parent = app.get_parent();
    return parent == nullptr ? app.get_name() : full_name(*parent) + " " + app.get_name();
}

// How far a command line is understood.
struct Reading {
    const CLI::App* app = nullptr;    // the command that it chose; the program where it chose none
    std::optional<std::string> wrong; // what is said of the first word that is not known
    std::optional<std::string> unknown_option; // that word, where it is an option
};

// Reads a command line as far as it is understood. Values are not judged, only names.
inline Reading read_names(const CLI::App& top, const std::vector<std::string>& words) {
    Reading reading{&top, std::nullopt, std::nullopt};
    std::size_t room = positionals(top); // for words that are neither commands nor options
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        const CLI::App& app = *reading.app;
        if (word == "--")
            return reading;
        if (word.size() > 1 && word[0] == '-') {
            const bool is_long = word[1] == '-';
            const std::string name = is_long ? word.substr(0, word.find('=')) : word.substr(0, 2);
            const CLI::Option* const option = app.get_option_no_throw(name);
            if (option == nullptr) {
                reading.unknown_option = name;
                reading.wrong = fmt::format("there is no option '{}'{}", name,
                                            is_long ? proposal(name, option_names(app)) : "");
                return reading;
            }
            // Its value may begin with anything.
            if (takes_value(*option) && word.size() == name.size())
                ++i;
            continue;
        }
        const std::vector<std::string> commands = command_names(app);
        if (!commands.empty()) {
            const CLI::App* const command = find_command(app, word);
            if (command == nullptr) {
                reading.wrong =
                    fmt::format("there is no command '{}'{}", word, proposal(word, commands));
                return reading;
            }
            reading.app = command;
            room = positionals(*command);
        } else if (several_positionals(app)) {
            return reading; // the rest may be another program's words
        } else if (room == 0) {
            reading.wrong = fmt::format("takes no '{}'", word);
            return reading;
        } else {
            --room;
        }
    }
    return reading;
}

// What is wrong, without the program's name.
inline std::string mistake(const CLI::App& top, const Reading& reading,
                           const CLI::ParseError& error) {
    if (reading.wrong)
        return *reading.wrong;
    if (reading.app == &top && !command_names(top).empty() && error.get_name() == "RequiredError")
        return "a command is missing";
    std::string text = error.what();
    constexpr std::string_view required = " is required";
    if (text.ends_with(required))
        text.replace(text.size() - required.size(), required.size(), " is missing");
    // "--reason: 1 required TEXT missing"
    constexpr std::string_view one = ": 1 required ";
    constexpr std::string_view lacks = " missing";
    if (const std::size_t at = text.find(one); at != std::string::npos && text.ends_with(lacks))
        text =
            fmt::format("{}: its {} is missing", text.substr(0, at),
                        text.substr(at + one.size(), text.size() - at - one.size() - lacks.size()));
    // CLI11 ends some of its messages with a line break or a full stop.
    while (!text.empty() && (text.back() == '\n' || text.back() == '.'))
        text.pop_back();
    return text;
}

inline std::vector<std::string> words_of(int argc, const char* const* argv) {
    return {argv + std::min(argc, 1), argv + argc};
}

} // namespace usage

// What is wrong with a command line that CLI11 has refused, for programs that say the rest
// themselves.
inline std::string usage_mistake(const CLI::App& app, const CLI::ParseError& error, int argc,
                                 const char* const* argv) {
    return usage::mistake(app, usage::read_names(app, usage::words_of(argc, argv)), error);
}

// The whole sentence for such a command line.
inline std::string usage_sentence(const CLI::App& app, const CLI::ParseError& error, int argc,
                                  const char* const* argv) {
    const usage::Reading reading = usage::read_names(app, usage::words_of(argc, argv));
    const std::string name = usage::full_name(*reading.app);
    return fmt::format("{}: {} (see {} --help)", name, usage::mistake(app, reading, error), name);
}

// Prints what a caught parse error asks for: help or version, with 0 as the exit code, or the
// sentence on standard error, with 2.
inline int report_parse_error(const CLI::App& app, const CLI::ParseError& error, int argc,
                              const char* const* argv) {
    constexpr int kWrongUse = 2;
    if (error.get_exit_code() == 0)
        return app.exit(error);
    fmt::print(stderr, "{}\n", usage_sentence(app, error, argc, argv));
    return kWrongUse;
}

} // namespace rustland
