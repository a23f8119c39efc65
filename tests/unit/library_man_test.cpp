// SPDX-License-Identifier: GPL-2.0-only
// librustland(3) names every header, every function of a policy, and the types for policies.
#include "rustland/common/file.hpp"

#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <regex>
#include <set>

using namespace rustland;

namespace {

const std::filesystem::path kHeaders = RUSTLAND_HEADERS;

std::string page() { return read_file(RUSTLAND_MAN_PAGE).value_or(""); }

std::set<std::string> all_matches(const std::string& text, const std::regex& pattern) {
    std::set<std::string> found;
    for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at)
        found.insert((*at)[1]);
    return found;
}

} // namespace

TEST(LibraryPage, NamesEveryHeaderAndNoOther) {
    std::set<std::string> headers;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kHeaders)) {
        if (entry.path().extension() == ".hpp")
            headers.insert(std::filesystem::relative(entry.path(), kHeaders).string());
    }
    ASSERT_GT(headers.size(), 10U);
    EXPECT_EQ(all_matches(page(), std::regex(R"(\n\.In (\S+))")), headers);
}

TEST(LibraryPage, ExplainsEveryFunctionOfAPolicy) {
    const auto header = read_file((kHeaders / "rustland/policy/policy.hpp").string());
    ASSERT_TRUE(header);
    const auto functions = all_matches(*header, std::regex(R"(virtual [^;{~]*?(\w+)\()"));
    ASSERT_GT(functions.size(), 7U);
    const auto explained = all_matches(page(), std::regex(R"(\n\.It Fn (\w+))"));
    for (const std::string& name : functions)
        EXPECT_TRUE(explained.count(name) == 1) << name;
}

TEST(LibraryPage, NamesTheTypesThatAPolicyMeets) {
    std::set<std::string> types;
    for (const char* name :
         {"run_policy.hpp", "policy/policy.hpp", "policy/run_queue.hpp", "policy/task_map.hpp",
          "policy/policy_memory.hpp", "testing/fake_kernel.hpp", "testing/simulation.hpp"}) {
        const auto header = read_file((kHeaders / "rustland" / name).string());
        ASSERT_TRUE(header) << name;
        types.merge(all_matches(
            *header,
            std::regex(R"(\n(?:template <typename \w+> )?(?:class|struct) (\w+)[^;\n]*\{)")));
    }
    ASSERT_TRUE(types.count("TaskMap") == 1 && types.count("QueuedTask") == 1);
    // What is only met inside of others.
    for (const char* name :
         {"MachineParams", "Step", "TaskSpec", "Start", "TaskStats", "FakeCounters"})
        types.erase(name);
    const std::string text = page();
    for (const std::string& type : types)
        EXPECT_TRUE(std::regex_search(text, std::regex("\\b" + type + "\\b"))) << type;
}
