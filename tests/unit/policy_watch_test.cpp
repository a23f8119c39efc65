// SPDX-License-Identifier: GPL-2.0-only
// What is said of a policy that does not do its job.
#include "policy_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rustland;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

struct Watched : testing::Test {
    std::vector<std::string> look() { return watch.look(signs); }
    PolicyWatch watch{"mine", millis(20)};
    PolicySigns signs;
};

} // namespace

TEST_F(Watched, NothingIsSaidOfAGoodPolicy) {
    EXPECT_THAT(look(), IsEmpty());
    signs.fallback = 3; // bad luck
    signs.longest_round = millis(5);
    EXPECT_THAT(look(), IsEmpty());
    EXPECT_THAT(look(), IsEmpty());
}

TEST_F(Watched, TheFirstExceptionIsNamedOnce) {
    signs.errors = 1;
    signs.first_error = "enqueue(): no idea";
    EXPECT_THAT(look(), ElementsAre(AllOf(HasSubstr("mine"), HasSubstr("enqueue(): no idea"))));
    signs.errors = 100;
    EXPECT_THAT(look(), IsEmpty());
}

TEST_F(Watched, ForgettingIsNamedWhenItGoesOn) {
    signs.fallback = 50;
    EXPECT_THAT(look(), IsEmpty());
    signs.fallback = 100;
    EXPECT_THAT(look(), ElementsAre(AllOf(HasSubstr("forgets tasks"), HasSubstr(": 50 of late"))));
    signs.fallback = 150;
    EXPECT_THAT(look(), IsEmpty());
}

TEST_F(Watched, ABurstOfUndecidedTasksIsNoForgetting) {
    signs.fallback = 50;
    EXPECT_THAT(look(), IsEmpty());
    EXPECT_THAT(look(), IsEmpty());
    signs.fallback = 100;
    EXPECT_THAT(look(), IsEmpty());
}

TEST_F(Watched, BlockingIsNotTakenForForgetting) {
    signs.fallback = 50;
    signs.longest_round = millis(100);
    EXPECT_THAT(look(), ElementsAre(AllOf(HasSubstr("blocks"), HasSubstr("100 ms"))));
    signs.fallback = 100;
    signs.longest_round = millis(120);
    EXPECT_THAT(look(), IsEmpty());
    // It does both.
    signs.fallback = 150;
    EXPECT_THAT(look(), IsEmpty());
    signs.fallback = 200;
    EXPECT_THAT(look(), ElementsAre(HasSubstr("forgets tasks")));
}

TEST_F(Watched, AThreadThatGetsNoCpuIsNotBlamedOnThePolicy) {
    signs.fallback = 20;
    signs.unasked = 500;
    EXPECT_THAT(look(), ElementsAre(HasSubstr("got no CPU in time")));
    signs.fallback = 40;
    signs.unasked = 1000;
    EXPECT_THAT(look(), IsEmpty());
}

TEST_F(Watched, MemoryIsNamedOnce) {
    signs.allocations = 2;
    signs.overflows = 1;
    EXPECT_THAT(look(), ElementsAre(HasSubstr("allocates memory while it schedules: 2 calls"),
                                    HasSubstr("more memory than its program gave it")));
    signs.allocations = 3;
    signs.overflows = 2;
    EXPECT_THAT(look(), IsEmpty());
}
