// SPDX-License-Identifier: GPL-2.0-only
#include "options.hpp"
#include "policies.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <initializer_list>

using namespace rustland;
using testing::HasSubstr;

namespace {

std::variant<Options, Message> parse(std::initializer_list<const char*> arguments) {
    std::vector<const char*> argv{"rustland"};
    argv.insert(argv.end(), arguments);
    return parse_options(static_cast<int>(argv.size()), argv.data(), rustland_program());
}

Options good(std::initializer_list<const char*> arguments) {
    const auto parsed = parse(arguments);
    if (const auto* message = std::get_if<Message>(&parsed)) {
        ADD_FAILURE() << message->text;
        return {};
    }
    return std::get<Options>(parsed);
}

// The one line that refuses the options.
std::string bad(std::initializer_list<const char*> arguments) {
    const auto parsed = parse(arguments);
    const auto* message = std::get_if<Message>(&parsed);
    if (message == nullptr) {
        ADD_FAILURE() << "accepted";
        return {};
    }
    EXPECT_EQ(message->code, ExitCode::Usage);
    EXPECT_EQ(std::count(message->text.begin(), message->text.end(), '\n'), 1) << message->text;
    return message->text;
}

} // namespace

TEST(Options, DefaultsAreThoseOfTheManualPage) {
    const Options options = good({});
    EXPECT_EQ(options.policy, "deadline");
    EXPECT_EQ(options.slice_max, millis(20));
    EXPECT_EQ(options.slice_min, millis(1));
    EXPECT_EQ(options.lease, millis(20));
    EXPECT_EQ(options.timeout_ms, 10000U);
    EXPECT_FALSE(options.realtime);
    EXPECT_FALSE(options.partial || options.numa_local || options.percpu_local || options.verbose);
    EXPECT_TRUE(options.cpufreq);
    EXPECT_FALSE(options.stats || options.monitor);
    EXPECT_EQ(options.socket, "/run/rustland/scheduler.sock");
}

TEST(Options, EveryOptionReachesItsPlace) {
    const Options options = good({"--policy",
                                  "fifo",
                                  "--slice-us",
                                  "5000",
                                  "--slice-min-us=500",
                                  "--lease-ms",
                                  "1000",
                                  "--no-realtime",
                                  "--partial",
                                  "--numa-local",
                                  "--percpu-local",
                                  "--no-cpufreq",
                                  "--exit-dump-len",
                                  "65536",
                                  "--timeout-ms",
                                  "30000",
                                  "--stats",
                                  "0.5",
                                  "--verbose",
                                  "--socket",
                                  "/s"});
    EXPECT_EQ(options.policy, "fifo");
    EXPECT_EQ(options.slice_max, millis(5));
    EXPECT_EQ(options.slice_min, micros(500));
    EXPECT_EQ(options.lease, seconds(1));
    EXPECT_FALSE(options.realtime);
    EXPECT_TRUE(options.partial && options.numa_local && options.percpu_local && options.verbose);
    EXPECT_FALSE(options.cpufreq);
    EXPECT_EQ(options.exit_dump_len, 65536U);
    EXPECT_EQ(options.timeout_ms, 30000U);
    EXPECT_EQ(options.stats, millis(500));
    EXPECT_EQ(options.socket, "/s");
    EXPECT_TRUE(options.socket_given);
    EXPECT_EQ(good({"--monitor", "2"}).monitor, seconds(2));
    EXPECT_EQ(good({"--monitor", "0.01"}).monitor, millis(10)) << "100 times a second";
}

TEST(Options, BadValuesAreRefusedInOneLineThatNamesOptionAndValue) {
    const struct {
        std::initializer_list<const char*> arguments;
        const char* words;
    } cases[] = {
        {{"--policy", "cfs"}, "--policy: 'cfs' is not a policy: choose deadline or fifo"},
        {{"--slice-us", "20ms"}, "--slice-us: '20ms' is not a whole number from 100 to 1000000"},
        {{"--slice-us", "99"}, "--slice-us: '99'"},
        {{"--slice-us", "-5000"}, "--slice-us"},
        {{"--slice-us", "99999999999"}, "--slice-us: '99999999999'"},
        {{"--slice-us", ""}, "--slice-us"},
        {{"--slice-us", "0x500"}, "--slice-us: '0x500'"},
        {{"--slice-us", "500.5"}, "--slice-us: '500.5'"},
        {{"--slice-us", "2000", "--slice-min-us", "3000"},
         "the shortest slice (3000 us) is longer than the longest (--slice-us, 2000 us)"},
        {{"--lease-ms", "0"}, "--lease-ms: '0' is not a whole number from 1 to 1000"},
        {{"--lease-ms", "1001"}, "--lease-ms: '1001'"},
        {{"--lease-ms", "500", "--timeout-ms", "500"}, "must be longer than the lease"},
        {{"--timeout-ms", "30001"},
         "--timeout-ms: '30001' is not a whole number from 100 to 30000"},
        {{"--exit-dump-len", "10"}, "--exit-dump-len: '10'"},
        {{"--stats", "0"}, "--stats: '0' is not a number of seconds from 0.01 to 3600"},
        {{"--stats", "0.009"}, "--stats: '0.009'"},
        {{"--stats", "1s"}, "--stats: '1s'"},
        {{"--stats", "nan"}, "--stats: 'nan'"},
        {{"--stats", "inf"}, "--stats: 'inf'"},
        {{"--monitor", "1e9"}, "--monitor: '1e9'"},
        {{"--monitor", "1", "--stats", "1"}, "leave --stats out"},
        {{"--socket", "relative"}, "--socket: 'relative' is not an absolute path"},
        {{"--nonsense"}, "--nonsense"},
        {{"--stats"}, "--stats"},
        {{"word"}, "word"},
        {{"--slice-us", "1000", "--slice-us", "2000"}, "--slice-us"},
        {{"-v"}, "-v"},
    };
    for (const auto& wrong : cases) {
        const std::string line = bad(wrong.arguments);
        EXPECT_THAT(line, HasSubstr(wrong.words));
        EXPECT_THAT(line, HasSubstr("rustland: "));
        EXPECT_THAT(line, HasSubstr("(see rustland --help)"));
    }
}

TEST(Options, HelpListsEveryOptionUnderItsGroupAndEveryExitCode) {
    const auto parsed = parse({"--help"});
    const auto& message = std::get<Message>(parsed);
    EXPECT_EQ(message.code, ExitCode::Stopped);
    for (const OptionRow& row : option_table()) {
        EXPECT_THAT(message.text, HasSubstr(std::string("  --") + row.name));
        EXPECT_THAT(message.text, HasSubstr(std::string("\n") + row.group + ":\n"));
    }
    for (const ExitCodeRow& row : kExitCodes)
        EXPECT_THAT(message.text, HasSubstr(row.meaning));
    for (std::size_t at = 0; at < message.text.size();) {
        const std::size_t end = message.text.find('\n', at);
        EXPECT_LE(end - at, 100U) << message.text.substr(at, end - at);
        at = end + 1;
    }
}

TEST(Options, TextsThatOnlyPrint) {
    EXPECT_THAT(std::get<Message>(parse({"--version"})).text, HasSubstr("rustland 0."));
    EXPECT_THAT(std::get<Message>(parse({"--help-stats"})).text, HasSubstr("decided_share"));
    // Help is given even where other options are wrong.
    EXPECT_EQ(std::get<Message>(parse({"--help", "--policy", "x"})).code, ExitCode::Stopped);
}

TEST(Options, AMisspeltOneGetsTheRightOne) {
    EXPECT_EQ(bad({"--polcy", "fifo"}),
              "rustland: there is no option '--polcy'; is --policy meant? (see rustland --help)\n");
}
