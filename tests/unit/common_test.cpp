// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/file.hpp"
#include "rustland/common/result.hpp"
#include "rustland/common/unique_fd.hpp"
#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>

using namespace rustland;

TEST(Result, CarriesAValueOrAnErrorWithContext) {
    Result<int> good = 7;
    ASSERT_TRUE(good);
    EXPECT_EQ(*good, 7);

    Result<int> bad = Error::from_code("open /x", ENOENT);
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code(), ENOENT);
    EXPECT_EQ(bad.error().with("start").message(), "start: open /x: No such file or directory");
}

TEST(Result, MovesMoveOnlyValuesOut) {
    Result<std::unique_ptr<int>> r = std::make_unique<int>(3);
    std::unique_ptr<int> p = *std::move(r);
    EXPECT_EQ(*p, 3);
}

TEST(UniqueFd, MoveAssignmentClosesTheOldDescriptor) {
    UniqueFd a(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int old = a.get();
    ASSERT_GE(old, 0);
    UniqueFd b(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    a = std::move(b);
    EXPECT_EQ(::fcntl(old, F_GETFD), -1);
    EXPECT_TRUE(a.valid());
}

TEST(File, MissingFileNamesItsPath) {
    auto text = read_file("/nonexistent/file");
    ASSERT_FALSE(text);
    EXPECT_NE(text.error().message().find("/nonexistent/file"), std::string::npos);
    EXPECT_EQ(text.error().code(), ENOENT);
}

TEST(File, ReadLineDropsTrailingWhiteSpace) {
    auto text = read_line("/proc/sys/kernel/ostype");
    ASSERT_TRUE(text);
    EXPECT_EQ(*text, "Linux");
}

TEST(File, ReplaceMakesAFileForAllToReadAndLeavesNoOther) {
    const test::TempDir dir;
    const std::string path = dir.path("x.prom");
    ASSERT_TRUE(replace_file(path, "old and longer\n"));
    ASSERT_TRUE(replace_file(path, "new\n"));
    EXPECT_EQ(*read_file(path), "new\n");
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir.root())) {
        EXPECT_EQ(entry.path(), path);
        EXPECT_EQ(entry.status().permissions(), std::filesystem::perms(0644));
        ++files;
    }
    EXPECT_EQ(files, 1U);
    EXPECT_NE(replace_file("/nonexistent/x", "").error().message().find("/nonexistent/x"),
              std::string::npos);
}
