// SPDX-License-Identifier: GPL-2.0-only
// What tests of the configuration share: texts instead of files, and a table of those that are
// refused.
#pragma once

#include "supervisor/config/config.hpp"
#include "supervisor/config/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

namespace rustland::test {

inline std::optional<uid_t> fake_user(const std::string& name) {
    return name == "alice" ? std::optional<uid_t>(1000) : std::nullopt;
}

inline supervisor::BuiltConfig build(const std::string& text) {
    return supervisor::build_config({supervisor::parse_ini(text, "f")}, fake_user);
}

inline std::vector<std::string> messages(const supervisor::Problems& problems) {
    std::vector<std::string> out;
    for (const supervisor::Problem& p : problems)
        out.push_back(p.message());
    return out;
}

struct BadFile {
    const char* text;
    const char* message;
};

// A test program gives its own table to this suite.
class BadFiles : public testing::TestWithParam<BadFile> {};

TEST_P(BadFiles, AreRefusedWithFileLineKeyAndWhatToWrite) {
    EXPECT_THAT(messages(build(GetParam().text).problems),
                testing::ElementsAre(GetParam().message));
}

} // namespace rustland::test
