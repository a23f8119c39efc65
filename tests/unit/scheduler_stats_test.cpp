// SPDX-License-Identifier: GPL-2.0-only
#include "protocol.hpp"
#include "rustland/common/line_reader.hpp"
#include "stats.hpp"
#include "stats_table.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <gmock/gmock.h>
#include <set>

using namespace rustland;
using testing::HasSubstr;

namespace {

Value value_of(const Values& values, std::string_view name) {
    const auto fields = stats_fields();
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].name == name)
            return values.at(i);
    }
    ADD_FAILURE() << "no field " << name;
    return std::nullopt;
}

} // namespace

TEST(Stats, EveryCounterOfTheKernelSideHasAField) {
    constexpr std::size_t kReserved = sizeof(rl_counters::reserved) / sizeof(std::uint64_t);
    constexpr std::size_t kWords = sizeof(rl_counters) / sizeof(std::uint64_t) - kReserved;
    Snapshot before;
    const Values zero = values_of(before);
    for (std::size_t word = 0; word < kWords; ++word) {
        if (word == offsetof(rl_counters, speed) / sizeof(std::uint64_t))
            continue; // no counter: see SpeedIsTheMeanOfTheCpus
        if (word == offsetof(rl_counters, held_ns) / sizeof(std::uint64_t))
            continue; // shown in seconds: see HeldTimeIsInSeconds
        std::array<std::uint64_t, kWords + kReserved> raw{};
        raw[word] = 1'000'003;
        Snapshot snapshot;
        snapshot.kernel = std::bit_cast<rl_counters>(raw);
        const Values values = values_of(snapshot);
        EXPECT_EQ(std::count(values.begin(), values.end(), Value(1'000'003)), word == 0 ? 2 : 1)
            << "word " << word << " of rl_counters"; // the first is queued, pending with it
    }
    EXPECT_EQ(zero.size(), stats_fields().size());
}

TEST(Stats, HeldTimeIsInSeconds) {
    Snapshot snapshot;
    snapshot.kernel.held_ns = 2'500'000'000;
    EXPECT_EQ(value_of(values_of(snapshot), "held_time"), Value(2.5));
}

TEST(Stats, NamesAreDistinctAndSpeakable) {
    std::set<std::string> names;
    for (const Field& field : stats_fields()) {
        EXPECT_TRUE(names.insert(field.name).second) << field.name;
        EXPECT_NE(std::string(field.help), "");
    }
}

TEST(Stats, DecidedShareIsOfAllThatWereSentOnAndFoundNoIdleCpu) {
    Snapshot snapshot;
    EXPECT_FALSE(value_of(values_of(snapshot), "decided_share")) << "of nothing there is no share";
    snapshot.kernel.queued = 120;
    snapshot.kernel.decided = 75;
    snapshot.kernel.dequeued = 30; // nobody had to decide about those in the end
    snapshot.kernel.fallback = 5;
    snapshot.kernel.congested = 12;
    snapshot.kernel.unasked = 8;
    EXPECT_DOUBLE_EQ(*value_of(values_of(snapshot), "decided_share"), 75);
}

TEST(Stats, SpeedIsTheMeanOfTheCpus) {
    Snapshot snapshot;
    snapshot.kernel.speed = 3ULL * RL_SPEED_FULL;
    EXPECT_FALSE(value_of(values_of(snapshot), "speed")) << "of how many, nobody knows";
    snapshot.online_cpus = 4;
    EXPECT_DOUBLE_EQ(*value_of(values_of(snapshot), "speed"), 75);
}

TEST(Stats, PendingIsWhatNobodyHasDealtWith) {
    Snapshot snapshot;
    snapshot.kernel.queued = 100;
    snapshot.kernel.decided = 60;
    snapshot.kernel.fallback = 5;
    snapshot.kernel.dequeued = 30;
    EXPECT_EQ(value_of(values_of(snapshot), "pending"), 5);
    // Counters of several CPUs are read one after the other.
    snapshot.kernel.decided = 70;
    EXPECT_EQ(value_of(values_of(snapshot), "pending"), 0);
}

TEST(Stats, JsonGoesThereAndBack) {
    Snapshot snapshot;
    snapshot.uptime = millis(1500);
    snapshot.kernel.queued = 12345678901;
    snapshot.thread_cpu = micros(2500);
    snapshot.page_faults = 0;
    const Values values = values_of(snapshot);
    const auto json = to_json(values);
    EXPECT_EQ(json.at("queued").dump(), "12345678901");
    EXPECT_EQ(json.at("uptime").dump(), "1.5");
    EXPECT_TRUE(json.at("allocations").is_null()) << "not known";
    EXPECT_EQ(json.at("page_faults").dump(), "0");
    EXPECT_EQ(json.size(), stats_fields().size());
    const auto back = values_from_json(json);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, values);
}

TEST(Stats, JsonFromTheLastTimeIsReplacedWhole) {
    Snapshot snapshot;
    snapshot.runnable = 7;
    snapshot.kernel.queued = 12;
    auto json = to_json(values_of(snapshot));
    snapshot.runnable = std::nullopt; // known before, not now
    snapshot.online_cpus = 4;
    snapshot.kernel.queued = 13;
    update_json(json, values_of(snapshot));
    EXPECT_EQ(json, to_json(values_of(snapshot)));
    EXPECT_TRUE(json.at("runnable").is_null());
}

TEST(Stats, JsonOfAnotherVersionIsUnderstood) {
    const auto values = values_from_json({{"queued", 7}, {"from_the_future", 1}});
    ASSERT_TRUE(values);
    EXPECT_EQ(value_of(*values, "queued"), 7);
    EXPECT_FALSE(value_of(*values, "idle"));
    EXPECT_FALSE(values_from_json({{"queued", "many"}}));
    EXPECT_FALSE(values_from_json(nlohmann::json::array()));
}

TEST(Stats, TableShowsRatesBetweenTwoMoments) {
    Snapshot snapshot;
    snapshot.uptime = seconds(10);
    snapshot.kernel.queued = 1000;
    snapshot.kernel.decided = 1000;
    snapshot.online_cpus = 4;
    StatsTable table;
    EXPECT_EQ(table.next(values_of(snapshot)), "") << "one moment is no interval";
    snapshot.uptime = seconds(12);
    snapshot.kernel.queued = 1500;
    snapshot.kernel.decided = 1400;
    snapshot.kernel.fallback = 100;
    snapshot.thread_cpu = millis(100);
    const std::string text = table.next(values_of(snapshot));
    EXPECT_THAT(text, HasSubstr("queued/s"));
    EXPECT_THAT(text, HasSubstr(" 250 ")) << "500 in 2 s";
    EXPECT_THAT(text, HasSubstr(" 80.0 ")) << "400 of 500 were decided";
    EXPECT_THAT(text, HasSubstr(" 5.00 ")) << "100 ms of CPU time in 2 s";
    EXPECT_EQ(text.find('\n'), stats_heading().size());
    const std::string line = text.substr(text.find('\n') + 1);
    EXPECT_EQ(line.size(), stats_heading().size() + 1) << "columns stand under their headings";
    EXPECT_LE(line.size(), 121U);
    EXPECT_THAT(table.next(values_of(snapshot)), Not(HasSubstr("queued/s")))
        << "the heading is not repeated each time";
}

TEST(Stats, AnAnswerIsShorterThanALineMayBe) {
    std::array<std::uint64_t, sizeof(rl_counters) / sizeof(std::uint64_t)> raw{};
    raw.fill(9'007'199'254'740'991);
    Snapshot snapshot;
    snapshot.kernel = std::bit_cast<rl_counters>(raw);
    EXPECT_LT(to_json(values_of(snapshot)).dump().size(), LineReader::kMaxLine / 2);
}

TEST(Stats, HelpExplainsEveryField) {
    const std::string help = help_stats_text();
    for (const Field& field : stats_fields()) {
        EXPECT_THAT(help, HasSubstr(std::string("  ") + field.name + " "));
        EXPECT_THAT(help, HasSubstr(field.help));
    }
}

TEST(Protocol, UnderstandsItsRequests) {
    EXPECT_EQ(parse_request(R"({"request":"stats"})")->kind, Request::Kind::Stats);
    const auto subscribe = parse_request(R"({"request":"subscribe","interval":0.5,"x":1})");
    ASSERT_TRUE(subscribe);
    EXPECT_EQ(subscribe->kind, Request::Kind::Subscribe);
    EXPECT_EQ(subscribe->interval, millis(500));
    EXPECT_FALSE(subscribe->needs_root());
    const auto often = parse_request(R"({"request":"subscribe","interval":0.01})");
    ASSERT_TRUE(often);
    EXPECT_EQ(often->interval, millis(10));
    EXPECT_TRUE(parse_request(R"({"request":"stop"})")->needs_root());
    const auto classes = parse_request(R"({"request":"classes","foreground":[7,8]})");
    ASSERT_TRUE(classes);
    EXPECT_EQ(classes->kind, Request::Kind::Classes);
    EXPECT_TRUE(classes->needs_root());
    EXPECT_EQ(classes->foreground, (std::vector<Pid>{Pid{7}, Pid{8}}));
    EXPECT_TRUE(classes->background.empty());
    const auto more = parse_request(R"({"request":"classes","companions":[9]})");
    ASSERT_TRUE(more);
    EXPECT_EQ(more->companions, std::vector<Pid>{Pid{9}});
    EXPECT_TRUE(more->foreground.empty());
    EXPECT_FALSE(parse_request(R"({"request":"classes","companions":[0]})"));
}

TEST(Protocol, RefusesTheRestWithAReason) {
    const struct {
        const char* line;
        const char* reason;
    } cases[] = {
        {"", "not a JSON object"},
        {"stats", "not a JSON object"},
        {"[1]", "not a JSON object"},
        {R"({"request":"stats")", "not a JSON object"},
        {"{}", "names no request"},
        {R"({"request":5})", "names no request"},
        {R"({"request":"dance"})", "unknown request"},
        {R"({"request":"subscribe"})", "needs an interval"},
        {R"({"request":"subscribe","interval":"1"})", "needs an interval"},
        {R"({"request":"subscribe","interval":0})", "0.01 to 3600"},
        {R"({"request":"subscribe","interval":0.0099})", "0.01 to 3600"},
        {R"({"request":"subscribe","interval":-1})", "0.01 to 3600"},
        {R"({"request":"subscribe","interval":1e300})", "0.01 to 3600"},
        {R"({"request":"classes","foreground":7})", "foreground must be a list of process ids"},
        {R"({"request":"classes","background":["7"]})", "background must be a list"},
        {R"({"request":"classes","foreground":[0]})", "foreground must be a list"},
        {R"({"request":"classes","foreground":[99999999999]})", "foreground must be a list"},
        {"\xff\xfe", "not a JSON object"},
    };
    for (const auto& wrong : cases) {
        const auto request = parse_request(wrong.line);
        ASSERT_FALSE(request) << wrong.line;
        EXPECT_THAT(request.error().message(), HasSubstr(wrong.reason));
    }
    const std::string deep(3000, '[');
    EXPECT_FALSE(parse_request(deep));
}

TEST(Protocol, ErrorLinesAreJsonWhateverTheMessage) {
    for (const char* message : {"plain", "with \"quotes\"", "broken \xff utf-8"}) {
        const std::string line = error_line(message);
        EXPECT_EQ(line.back(), '\n');
        EXPECT_TRUE(nlohmann::json::parse(line, nullptr, false).contains("error")) << line;
    }
}

TEST(LineReader, CutsLinesHoweverTheyArrive) {
    LineReader reader;
    reader.append("on");
    EXPECT_FALSE(reader.next());
    reader.append("e\ntwo\nth");
    EXPECT_EQ(reader.next(), "one");
    EXPECT_EQ(reader.next(), "two");
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(reader.overflown());
}

TEST(LineReader, OverlongLinesOverflow) {
    LineReader reader;
    reader.append(std::string(LineReader::kMaxLine, 'x'));
    EXPECT_FALSE(reader.overflown());
    reader.append("x");
    EXPECT_TRUE(reader.overflown());
    reader.append("\n");
    EXPECT_FALSE(reader.next()) << "nothing of it is taken";
    EXPECT_TRUE(reader.overflown());
}
