// SPDX-License-Identifier: GPL-2.0-only
// Lines of the log for a reader that does not read.
#include "rustland/common/line_writer.hpp"
#include "rustland/common/log.hpp"
#include "rustland/common/unique_fd.hpp"
#include "support/other_process.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <termios.h>
#include <thread>
#include <unistd.h>
#include <utility>

using namespace rustland;
using test::read_all;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

using Ends = test::PipeEnds;

Ends socket_pair() {
    std::array<int, 2> fds{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Whose terminal emulator hangs, or the network under it.
Ends terminal_pair() {
    UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_EQ(::grantpt(master.get()), 0);
    EXPECT_EQ(::unlockpt(master.get()), 0);
    UniqueFd writer(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios as_it_is{};
    ::cfmakeraw(&as_it_is);
    EXPECT_EQ(::tcsetattr(writer.get(), TCSANOW, &as_it_is), 0);
    return {std::move(master), std::move(writer)};
}

class WithoutReader : public testing::TestWithParam<Ends (*)()> {
  protected:
    // A writer that waits would do so for ever.
    WithoutReader() { ::alarm(20); }
    ~WithoutReader() override { ::alarm(0); }
};

} // namespace

TEST_P(WithoutReader, LinesAreCountedAndTheRestIsWhole) {
    const Ends ends = GetParam()();
    LineWriter writer(ends.writer.get(), "x: ");
    const std::string line = std::string(999, 'a') + "\n";
    for (int i = 0; i < 1000; ++i)
        writer.write(line);
    const std::uint64_t lost = writer.lost();
    ASSERT_GT(lost, 100U);
    std::string text = read_all(ends.reader);
    writer.write("the next one\n");
    EXPECT_EQ(writer.lost(), 0U);
    text += read_all(ends.reader);
    EXPECT_THAT(text, EndsWith("x: " + std::to_string(lost) +
                               " lines are missing here: nobody read them in time\n"
                               "the next one\n"));
    // One that was taken in part was completed.
    const std::string before = text.substr(0, text.find("x: "));
    EXPECT_EQ(before.size() % line.size(), 0U);
    EXPECT_EQ(before.size() / line.size() + lost, 1000U);
}

TEST_P(WithoutReader, LinesLongerThanItsBufferAreWhole) {
    const Ends ends = GetParam()();
    LineWriter writer(ends.writer.get(), "", millis(5));
    const std::string line = std::string(1'000'000, 'a') + "\n";
    writer.write(line);
    std::string text;
    for (int i = 0; i < 100; ++i) {
        text += read_all(ends.reader);
        writer.write("b\n");
    }
    text += read_all(ends.reader);
    EXPECT_THAT(text, StartsWith(line));
    EXPECT_THAT(text, EndsWith("b\nb\n"));
    EXPECT_THAT(text, HasSubstr("are missing here"));
}

TEST_P(WithoutReader, ASlowOneIsWaitedForAMoment) {
    const Ends ends = GetParam()();
    LineWriter writer(ends.writer.get(), "", seconds(30));
    constexpr std::size_t all = 1'000'000;
    std::size_t read = 0;
    std::thread slow([&] {
        std::array<char, 4096> buffer{};
        while (read < all) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            const ssize_t n = ::read(ends.reader.get(), buffer.data(), buffer.size());
            if (n <= 0)
                break;
            read += static_cast<std::size_t>(n);
        }
    });
    for (std::size_t i = 0; i < all / 1000; ++i)
        writer.write(std::string(999, 'a') + "\n");
    EXPECT_EQ(writer.lost(), 0U);
    slow.join();
    EXPECT_EQ(read, all);
}

INSTANTIATE_TEST_SUITE_P(LineWriter, WithoutReader,
                         testing::Values(socket_pair, test::make_pipe, terminal_pair));

TEST(LineWriter, WhereNobodyCanReadNothingIsKept) {
    Ends ends = socket_pair();
    ends.reader.reset();
    LineWriter writer(ends.writer.get(), "");
    writer.write("gone\n");
    EXPECT_EQ(writer.lost(), 0U);
}

// The whole way, as a daemon does whose journal hangs.
TEST(Log, WaitsForNoReader) {
    const Ends ends = socket_pair();
    EXPECT_TRUE(test::comes_back(ends.writer, [] {
        setup_logging("test", LogLevel::Info);
        for (int i = 0; i < 10'000; ++i)
            log::warn("a line that nobody reads, number {}", i);
    }));
}
