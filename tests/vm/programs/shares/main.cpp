// SPDX-License-Identifier: GPL-2.0-only
// share-oracle: who gets the CPU time, under the kernel's own scheduler and under another.
#include "shares/compare.hpp"
#include "shares/description.hpp"
#include "shares/draw.hpp"
#include "shares/stage.hpp"

#include "rustland/common/file.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fmt/format.h>
#include <system_error>

using namespace rustland;
using namespace rustland::shares;

namespace {

// 1 is left for shares that miss their target.
constexpr int kFailed = 2;

int fail(const Error& error) {
    fmt::print(stderr, "share-oracle: {}\n", error.message());
    return kFailed;
}

Result<std::vector<Configuration>> read_configurations(const std::string& path) {
    const auto text = read_file(path);
    if (!text)
        return text.error();
    auto all = parse(*text);
    return all ? std::move(all) : Result<std::vector<Configuration>>(all.error().with(path));
}

// A name from the file, or tree-SEED.
Result<Configuration> find(const std::vector<Configuration>& all, const std::string& name) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&name](const Configuration& one) { return one.name == name; });
    if (found != all.end())
        return *found;
    constexpr std::string_view kTree = "tree-";
    std::uint64_t seed = 0;
    const char* end = name.data() + name.size();
    if (name.starts_with(kTree))
        if (const auto read = std::from_chars(name.data() + kTree.size(), end, seed);
            read.ec == std::errc() && read.ptr == end)
            return draw_tree(seed);
    return Error(fmt::format("there is no configuration '{}'; 'share-oracle list' names them, and "
                             "tree-1, tree-2 … are drawn",
                             name));
}

struct RunCommand {
    std::string file;
    std::vector<std::string> names;
    std::int64_t warmup_ms = 2000;
    std::int64_t duration_ms = 10000;
    StageOptions stage;
};

int run(RunCommand command) {
    const auto all = read_configurations(command.file);
    if (!all)
        return fail(all.error());
    std::vector<Configuration> wanted;
    for (const std::string& name : command.names) {
        auto one = find(*all, name);
        if (!one)
            return fail(one.error());
        wanted.push_back(*std::move(one));
    }
    if (auto status = prepare_process(); !status)
        return fail(status.error());
    command.stage.warmup = millis(command.warmup_ms);
    command.stage.duration = millis(command.duration_ms);
    for (const Configuration& configuration : wanted) {
        const auto result = perform(configuration, command.stage);
        if (!result)
            return fail(result.error().with(configuration.name));
        fmt::print("{}\n", to_json(*result));
        std::fflush(stdout); // what comes after may take the machine with it
    }
    return 0;
}

int list(const std::string& file) {
    const auto all = read_configurations(file);
    if (!all)
        return fail(all.error());
    for (const Configuration& one : *all)
        fmt::print("{:<24} {}\n", one.name, one.about);
    return 0;
}

Result<std::vector<Run>> read_runs(const std::vector<std::string>& paths) {
    std::vector<Run> runs;
    for (const std::string& path : paths) {
        const auto text = read_file(path);
        if (!text)
            return text.error();
        auto more = runs_from_json(*text);
        if (!more)
            return more.error().with(path);
        runs.insert(runs.end(), more->begin(), more->end());
    }
    return runs;
}

struct CompareCommand {
    std::vector<std::string> reference;
    std::vector<std::string> measured;
    std::vector<std::string> beside;
    Names names;
};

int compare_files(const CompareCommand& command) {
    const auto reference = read_runs(command.reference);
    if (!reference)
        return fail(reference.error());
    const auto measured = read_runs(command.measured);
    if (!measured)
        return fail(measured.error());
    const auto beside = read_runs(command.beside);
    if (!beside)
        return fail(beside.error());
    if (reference->empty())
        return fail(Error("the reference has no results"));
    const auto rows = compare(*reference, *measured, *beside);
    if (!rows)
        return fail(rows.error());
    fmt::print("{}", to_markdown(*rows, command.names));
    return all_good(*rows) ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("Who gets the CPU time: shares of groups and tasks, measured and compared");
    app.require_subcommand(1);

    RunCommand runs;
    auto* run_command = app.add_subcommand("run", "measures configurations; a line of JSON each");
    run_command->add_option("--file", runs.file, "their description")->required();
    run_command->add_option("--warmup-ms", runs.warmup_ms)->check(CLI::Range(0, 100000));
    run_command->add_option("--duration-ms", runs.duration_ms)->check(CLI::Range(100, 1000000));
    run_command->add_option("--seed", runs.stage.seed, "of the machine, for the result");
    run_command->add_option("--socket", runs.stage.socket, "where rustland listens");
    run_command->add_option("names", runs.names, "configurations, or tree-SEED")->required();

    std::string list_file;
    auto* list_command = app.add_subcommand("list", "the names of the configurations");
    list_command->add_option("--file", list_file)->required();

    std::vector<std::uint64_t> seeds;
    auto* draw_command = app.add_subcommand("draw", "the description of drawn trees");
    draw_command->add_option("seeds", seeds)->required();

    CompareCommand comparison;
    auto* compare_command = app.add_subcommand(
        "compare", "a Markdown table; status 1 when a share misses its target or there is none");
    compare_command->add_option("--reference", comparison.reference, "results, a seed each")
        ->required();
    compare_command->add_option("--measured", comparison.measured)->required();
    compare_command->add_option("--beside", comparison.beside, "another reference, only shown");
    compare_command->add_option("--reference-name", comparison.names.reference);
    compare_command->add_option("--measured-name", comparison.names.measured);
    compare_command->add_option("--beside-name", comparison.names.beside);

    CLI11_PARSE(app, argc, argv);
    if (run_command->parsed())
        return run(std::move(runs));
    if (list_command->parsed())
        return list(list_file);
    if (compare_command->parsed())
        return compare_files(comparison);
    for (const std::uint64_t seed : seeds)
        fmt::print("{}", to_text(draw_tree(seed)));
    return 0;
}
