// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/acceptor.hpp"
#include "rustland/common/client_limits.hpp"

#include <cerrno>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <vector>

using namespace rustland;
using testing::HasSubstr;

namespace {

constexpr ClientLimits kLimits{
    .all = 10, .kept = 2, .per_user = 4, .requests_per_second = 10, .burst = 5};

void fill(ClientBook& book, uid_t first_user, int users, int each) {
    for (int u = 0; u < users; ++u)
        for (int i = 0; i < each; ++i)
            if (!book.refusal(first_user + static_cast<uid_t>(u)))
                book.came(first_user + static_cast<uid_t>(u), {});
}

} // namespace

TEST(ClientBook, OneUserCannotTakeThePlacesOfTheOthers) {
    ClientBook book(kLimits);
    fill(book, 1000, 1, 100);
    EXPECT_EQ(book.connections(), 4U);
    EXPECT_THAT(book.refusal(1000).value_or(""), HasSubstr("user 1000 has 4 connections"));
    EXPECT_FALSE(book.refusal(1001));
    book.left(1000);
    EXPECT_FALSE(book.refusal(1000));
}

// A user has 65,536 subordinate ones.
TEST(ClientBook, AllUsersTogetherCannotTakeThePlacesOfRoot) {
    ClientBook book(kLimits);
    fill(book, 100'000, 50, 4);
    EXPECT_EQ(book.connections(), 8U);
    EXPECT_THAT(book.refusal(1000).value_or(""), HasSubstr("kept for root"));
    EXPECT_FALSE(book.refusal(0));
    fill(book, 0, 1, 2);
    EXPECT_TRUE(book.refusal(0)) << "there is an end";
}

TEST(ClientBook, RequestsComeAtARateAndNoFasterByConnectingAgain) {
    ClientBook book(kLimits);
    const auto allowed = [&](int tries, Nanos now) {
        int n = 0;
        for (int i = 0; i < tries; ++i)
            n += book.take_request(1000, now) ? 1 : 0;
        return n;
    };
    book.came(1000, seconds(1));
    EXPECT_EQ(allowed(100, seconds(1)), 5);
    book.left(1000);
    book.came(1000, seconds(1));
    EXPECT_EQ(allowed(100, seconds(1)), 0);
    EXPECT_EQ(allowed(100, seconds(1) + millis(300)), 3);
    EXPECT_EQ(allowed(100, seconds(60)), 5) << "no more than at once";
    book.came(0, seconds(1));
    for (int i = 0; i < 1000; ++i)
        ASSERT_TRUE(book.take_request(0, seconds(1)));
}

TEST(ClientBook, SilentOnesAreNoticedButNotRoots) {
    const ClientBook book(kLimits);
    EXPECT_FALSE(book.silent_too_long(1000, false, {}, seconds(9)));
    EXPECT_TRUE(book.silent_too_long(1000, false, {}, seconds(10)));
    EXPECT_FALSE(book.silent_too_long(1000, true, {}, seconds(59)));
    EXPECT_TRUE(book.silent_too_long(1000, true, {}, seconds(60)));
    EXPECT_FALSE(book.silent_too_long(0, false, {}, seconds(9999)));
}

TEST(Acceptor, TurnsAwayWhoeverComesWhereNoDescriptorIsLeft) {
    const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un any{};
    any.sun_family = AF_UNIX;
    socklen_t size = sizeof(any.sun_family); // the kernel chooses a name
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), size), 0);
    ASSERT_EQ(::listen(listener.get(), 4), 0);
    size = sizeof(any);
    ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&any), &size), 0);
    Acceptor acceptor;
    const UniqueFd first(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const UniqueFd second(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(first.get(), reinterpret_cast<sockaddr*>(&any), size), 0);
    const rlimit before = [] {
        rlimit now{};
        ::getrlimit(RLIMIT_NOFILE, &now);
        return now;
    }();
    const rlimit none{static_cast<rlim_t>(second.get()) + 1, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const UniqueFd refused = acceptor.accept(listener.get());
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_FALSE(refused);
    char byte = 0;
    EXPECT_EQ(::recv(first.get(), &byte, 1, 0), 0) << "it has been closed";
    errno = 0;
    EXPECT_EQ(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK), -1);
    EXPECT_EQ(errno, EAGAIN) << "nobody waits any more: the loop can sleep";
    ASSERT_EQ(::connect(second.get(), reinterpret_cast<sockaddr*>(&any), size), 0);
    EXPECT_TRUE(acceptor.accept(listener.get())) << "with descriptors it takes the next";
}
