// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/clean_text.hpp"
#include "rustland/common/file.hpp"
#include "rustland/common/log.hpp"
#include "rustland/common/result.hpp"
#include "rustland/common/unique_fd.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <sys/resource.h>
#include <sys/stat.h>

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

TEST(File, ALinkThatPointsNowhereIsThere) {
    const test::TempDir dir;
    const std::string link = dir.path("link");
    EXPECT_FALSE(path_exists(link));
    std::filesystem::create_symlink("nowhere", link);
    EXPECT_TRUE(path_exists(link));
    EXPECT_FALSE(path_exists(dir.path("link/below")));
    EXPECT_TRUE(path_exists(dir.root()));
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

TEST(CleanText, KeepsWhatMayBeShown) {
    EXPECT_EQ(CleanLine("Größe 大 🎮 ok").str(), "Größe 大 🎮 ok");
    EXPECT_EQ(CleanBlock("a\tb\nc").str(), "a\tb\nc");
    EXPECT_EQ(CleanLine("").str(), "");
}

TEST(CleanText, ReplacesControlCharacters) {
    EXPECT_EQ(CleanLine("x\nMAINPID=1\r\t\x1b[2J\x7f").str(), "x?MAINPID=1???[2J?");
    EXPECT_EQ(CleanBlock("x\n\r\x1b").str(), "x\n??");
    EXPECT_EQ(CleanLine(std::string_view("a\0b", 3)).str(), "a?b");
    EXPECT_EQ(CleanLine("\xc2\x85|\xe2\x80\xa8|\xe2\x80\xae|\xe2\x81\xa6").str(), "?|?|?|?")
        << "line ends of Unicode, and those that turn the direction";
}

TEST(CleanText, ReplacesWhatIsNoUtf8ByteByByte) {
    EXPECT_EQ(CleanLine("\xff\xfegame").str(), "??game");
    EXPECT_EQ(CleanLine("\xc3").str(), "?") << "cut in a character";
    EXPECT_EQ(CleanLine("\xc3(").str(), "?(");
    EXPECT_EQ(CleanLine("\xc0\x8a").str(), "??") << "a line end, longer than it need be";
    EXPECT_EQ(CleanLine("\xed\xa0\x80").str(), "???") << "a surrogate";
    EXPECT_EQ(CleanLine("\xf4\x90\x80\x80").str(), "????") << "above the last character";
}

TEST(CleanText, IsCutBetweenCharacters) {
    EXPECT_EQ(CleanLine("aaé", 3).str(), "aa");
    EXPECT_EQ(CleanLine("aaé", 4).str(), "aaé");
    EXPECT_EQ(CleanLine("abc", 0).str(), "");
}

TEST(CleanText, IsWrittenAsText) { EXPECT_EQ(fmt::format("{:>4}|", CleanLine("a\n")), "  a?|"); }

// As under systemd, which names the journal's socket so.
TEST(Log, TextFromOutsideForgesNoLineAndNoPriority) {
    testing::internal::CaptureStderr();
    struct stat st = {};
    ASSERT_EQ(::fstat(STDERR_FILENO, &st), 0);
    const std::string stream = std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino);
    ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
    setup_logging("test", LogLevel::Info);
    log::warn("process {} ends", "\n<0>PANIC \x1b[2J\xff");
    log::flush();
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "<4>process \n<4>    <0>PANIC ?[2J? ends\n");
    ::unsetenv("JOURNAL_STREAM");
}

// As on a full file system: a part is written, the rest is not.
TEST(ReplaceFile, WhatDoesNotFitLeavesTheOldOneAndNothingElse) {
    const test::TempDir dir;
    const std::string path = dir.path("state");
    ASSERT_TRUE(replace_file(path, "old", 0600));
    struct stat st = {};
    ASSERT_EQ(::stat(path.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600U);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit small{1000, before.rlim_max};
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const Status status = replace_file(path, std::string(5000, 'x'));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, handler);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code(), EFBIG) << status.error().message();
    EXPECT_EQ(*read_file(path), "old");
    const auto entries = std::filesystem::directory_iterator(dir.root());
    EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}
