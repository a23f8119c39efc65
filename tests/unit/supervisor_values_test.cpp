// SPDX-License-Identifier: GPL-2.0-only
// What a value of the configuration may look like.
#include "supervisor/config/values.hpp"

#include <gmock/gmock.h>

using namespace rustland;
using namespace rustland::supervisor;
using testing::ElementsAre;

TEST(Values, DurationsAreStrict) {
    EXPECT_EQ(*parse_duration("500ms"), millis(500));
    EXPECT_EQ(*parse_duration("1.5s"), millis(1500));
    EXPECT_EQ(*parse_duration("1h 30min"), seconds(5400));
    EXPECT_EQ(*parse_duration("0"), Nanos{});
    for (const char* bad : {"", "5", "12abc", "-1s", "1..5s", "s", "1s x", "5 ", "1e9s", "nan s",
                            "999999999h", ".5s", "5.s"})
        EXPECT_FALSE(parse_duration(bad)) << bad;
    for (const Nanos d : {Nanos{}, millis(1), seconds(90), seconds(3600), micros(7)})
        EXPECT_EQ(*parse_duration(format_duration(d)), d) << format_duration(d);
}

TEST(Values, SizesAreStrict) {
    EXPECT_EQ(*parse_size("4096"), 4096U);
    EXPECT_EQ(*parse_size("4MiB"), 4U << 20U);
    EXPECT_EQ(*parse_size("64k"), 65536U);
    for (const char* bad :
         {"", "4X", "-1", "1.5M", "99999999999999999999", "18446744073709551615G"})
        EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(Values, BooleansNumbersAndRatesAreStrict) {
    EXPECT_TRUE(*parse_bool("yes"));
    EXPECT_FALSE(*parse_bool("off"));
    for (const char* bad : {"", "Yes!", "2", "y", "TRUE"})
        EXPECT_FALSE(parse_bool(bad)) << bad;
    EXPECT_EQ(*parse_rate("6/1min"), (Rate{6, seconds(60)}));
    for (const char* bad : {"6", "/1s", "0/1s", "6/0", "6/1", "a/1s"})
        EXPECT_FALSE(parse_rate(bad)) << bad;
    EXPECT_FALSE(parse_integer("12abc", 0, 100));
    EXPECT_FALSE(parse_integer("99999999999999999999", 0, 100));
    EXPECT_FALSE(parse_number("1e999", 0, 1));
}

TEST(Values, ListsKeepQuotedCommasAndBackslashes) {
    EXPECT_THAT(*parse_list("a, b c ,d"), ElementsAre("a", "b c", "d"));
    EXPECT_THAT(*parse_list(R"("~x{1,2}\.y", "say \"hi\"")"),
                ElementsAre(R"(~x{1,2}\.y)", "say \"hi\""));
    EXPECT_THAT(*parse_list("a,"), ElementsAre("a"));
    for (const char* bad : {"a,,b", ",a", "\"open", "\"a\" b"})
        EXPECT_FALSE(parse_list(bad)) << bad;
}

TEST(Values, ArgumentsSplitAsInAShell) {
    EXPECT_THAT(*split_arguments(R"(--a 'b c' "d \" e" f\ g '')"),
                ElementsAre("--a", "b c", "d \" e", "f g", ""));
    EXPECT_FALSE(split_arguments("'open"));
    EXPECT_FALSE(split_arguments("end\\"));
    const std::vector<std::string> words{"--a", "b c", "", "q\"\\x", "$x;y"};
    EXPECT_EQ(*split_arguments(join_arguments(words)), words);
}
