// SPDX-License-Identifier: GPL-2.0-only
// A program's command line as data: what completions are generated from and what the manual pages
// are held against. Every program prints it with the option --describe, which no help shows.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace rustland {

inline constexpr std::string_view kDescribeOption = "--describe";

inline nlohmann::json describe_option(const CLI::Option& option) {
    nlohmann::json names = nlohmann::json::array();
    for (const std::string& name : option.get_lnames())
        names.push_back("--" + name);
    for (const std::string& name : option.get_snames())
        names.push_back("-" + name);
    const bool flag = option.get_expected_max() == 0 || option.get_type_size_max() == 0;
    return {{"names", names},
            {"positional", option.get_positional()},
            {"argument", flag ? nlohmann::json() : nlohmann::json(option.get_type_name())},
            {"name", option.get_name(true)},
            {"required", option.get_required()},
            {"several", option.get_expected_max() > 1},
            {"help", option.get_description()}};
}

// The help is described as an option; what belongs to no group is hidden there and here.
inline nlohmann::json describe(const CLI::App& app) {
    nlohmann::json options = nlohmann::json::array();
    for (const CLI::Option* option : app.get_options())
        if (!option->get_group().empty())
            options.push_back(describe_option(*option));
    nlohmann::json commands = nlohmann::json::array();
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
        commands.push_back(describe(*command));
    return {{"name", app.get_name()},
            {"help", app.get_description()},
            {"options", options},
            {"commands", commands}};
}

// The text to print where the command line asks for the description and nothing else.
inline std::optional<std::string> description_asked_for(const CLI::App& app, int argc,
                                                        const char* const* argv) {
    if (argc != 2 || argv[1] != kDescribeOption)
        return std::nullopt;
    return describe(app).dump(1) + "\n";
}

} // namespace rustland
