// SPDX-License-Identifier: GPL-2.0-only
// A table of configurations that are refused.
#pragma once

#include "support/config_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rustland::test {

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
