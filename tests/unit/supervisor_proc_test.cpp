// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/proc_events.hpp"
#include "supervisor/system/proc_reader.hpp"
#include "support/proc_fixture.hpp"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <unistd.h>

using namespace rustland;
using namespace rustland::supervisor;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(ProcStat, IsReadFromTheLastBracket) {
    const std::string tail = " S 7 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 12345 0 0\n";
    const auto stat = parse_proc_stat("42 (a) R 1 (b)" + tail);
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->comm, "a) R 1 (b");
    EXPECT_EQ(stat->parent.value, 7);
    EXPECT_EQ(stat->start_time, 12345U);
    EXPECT_FALSE(stat->kernel_thread);
    const auto kernel =
        parse_proc_stat("9 (kworker/0:1) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n");
    ASSERT_TRUE(kernel);
    EXPECT_TRUE(kernel->kernel_thread);
    for (const char* bad :
         {"", "42", "42 (a", "42 a)", ")(", "42 (a) S", "42 (a) S x 1 1 0 -1 4 1 0"})
        EXPECT_FALSE(parse_proc_stat(bad)) << bad;
}

TEST(ProcCmdline, SurvivesRewrittenTitles) {
    using std::string_literals::operator""s;
    EXPECT_THAT(parse_proc_cmdline("a\0b c\0"s), ElementsAre("a", "b c"));
    EXPECT_THAT(parse_proc_cmdline("a\0\0b\0\0\0"s), ElementsAre("a", "", "b"));
    EXPECT_THAT(parse_proc_cmdline("title without end"), ElementsAre("title without end"));
    EXPECT_THAT(parse_proc_cmdline(""), IsEmpty());
}

TEST(ProcCgroup, IsTheUnifiedPath) {
    EXPECT_EQ(parse_proc_cgroup("3:cpu:/a\n0::/user.slice/x:y\n"), "/user.slice/x:y");
    EXPECT_FALSE(parse_proc_cgroup("3:cpu:/a\n"));
    EXPECT_FALSE(parse_proc_cgroup(""));
}

TEST(ProcStatus, FindsANumberByItsWholeKey) {
    EXPECT_EQ(parse_proc_status("NTgid:\t9\nTgid:\t7\n", "Tgid"), 7);
    EXPECT_EQ(parse_proc_status("Uid:\t1000\t1\t2\t3\n", "Uid"), 1000);
    EXPECT_FALSE(parse_proc_status("Uid:\n", "Uid"));
    EXPECT_FALSE(parse_proc_status("Uid:\tx\n", "Uid"));
}

TEST(ProcReader, FindsTheProgramThatWineHasMappedWhereNobodyNamesIt) {
    const test::ProcFixture fixture;
    fixture.add({30, 1, "-silent", {"-silent"}, "/a", "/opt/wine/bin/wine64-preloader"});
    fixture.dir().write("proc/30/maps",
                        "140000000-140001000 r--p 00000000 08:01 5   /opt/wine/lib/ntdll.so\n"
                        "150000000-150001000 r--p 00000000 08:01 6   /h/My Games/Big Game.exe\n");
    Needs needs;
    needs.argv = needs.exe = true;
    const ProcReader reader(fixture.proc());
    const auto game = reader.read(Pid{30}, needs, false);
    ASSERT_TRUE(game);
    EXPECT_EQ(game->module, "/h/My Games/Big Game.exe");
    EXPECT_THAT(game->programs(), ElementsAre("-silent", "Big Game.exe", "wine64-preloader"));
    // A command line that names it is enough, and cheaper.
    fixture.add({31, 1, "Game.exe", {"C:\\Game.exe"}, "/a", "/opt/wine/bin/wine64-preloader"});
    fixture.dir().write("proc/31/maps", "1-2 r--p 0 08:01 6   /h/Other.exe\n");
    EXPECT_FALSE(reader.read(Pid{31}, needs, false)->module);
    EXPECT_FALSE(parse_proc_maps("1-2 r-xp 0 00:00 0\n1-2 r-xp 0 00:00 0   [vdso]\n"));
}

TEST(ProcReader, FindsTheAppidOfAGameThatAPortalStarted) {
    using std::string_literals::operator""s;
    const test::ProcFixture fixture;
    const std::string scope = "/app.slice/app-flatpak-com.valvesoftware.Steam-2222.scope";
    fixture.add({40, 1, "tf_linux64", {"./tf_linux64"}, scope, ""});
    fixture.dir().write("proc/40/environ", "HOME=/h\0SteamAppId=440\0"s);
    Needs needs;
    needs.steam_appid = true;
    const ProcReader reader(fixture.proc());
    EXPECT_EQ(reader.read(Pid{40}, needs, false)->steam_appid, 440U);
    // Only where ancestors cannot tell is the environment looked at.
    fixture.add({41, 1, "x", {"x"}, "/app.slice/app-x.scope", ""});
    fixture.dir().write("proc/41/environ", "SteamAppId=440\0"s);
    EXPECT_FALSE(reader.read(Pid{41}, needs, false)->steam_appid);
}

TEST(ProcReader, ReadsWhatIsAskedForAndTheAncestors) {
    test::ProcFixture fixture;
    fixture.add({10, 1, "reaper", {"reaper", "SteamLaunch", "AppId=570"}, "/a", "", 110, 1000});
    fixture.add({20, 10, "sh", {"sh", "-c"}, "/a", "", 120, 1000});
    fixture.add({30,
                 20,
                 "game",
                 {"/g/game", "-x"},
                 "/app-steam-app570-1.scope",
                 "/g/game (deleted)",
                 130,
                 1000});
    const ProcReader reader(fixture.proc());
    const auto all = reader.read(Pid{30}, {true, true, true, true, true, true, true}, false);
    ASSERT_TRUE(all);
    EXPECT_EQ(all->exe, "/g/game");
    EXPECT_EQ(all->uid, 1000U);
    EXPECT_EQ(all->steam_appid, 570U);
    ASSERT_EQ(all->ancestors.size(), 2U);
    EXPECT_EQ(all->ancestors[1].steam_appid, 570U);
    EXPECT_EQ(all->ancestors[1].key.start_time, 110U);
    const auto little = reader.read(Pid{30}, {}, false);
    ASSERT_TRUE(little);
    EXPECT_TRUE(little->argv.empty() && !little->exe && !little->cgroup);
    EXPECT_TRUE(little->ancestors.empty());
    const auto gone = reader.read(Pid{99}, {}, false);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code(), ESRCH);
}

TEST(ProcReader, ParentsAreReadAgainOnlyAfterAMoment) {
    const test::ProcFixture fixture;
    test::FakeProcess parent{50, 1, "make", {"make"}, "/x", "", 10, 0};
    fixture.add(parent);
    fixture.add({60, 50, "cc", {"cc"}, "/x", "", 20, 0});
    const ProcReader reader(fixture.proc());
    AncestorCache cache;
    const Nanos began = seconds(7);
    const auto parent_at = [&](Nanos now) {
        const auto info = reader.read_program(Pid{60}, Needs{}, true, cache, now);
        return info && !info->ancestors.empty() ? info->ancestors[0].comm : std::string();
    };
    EXPECT_EQ(parent_at(began), "make");
    parent.comm = "other";
    fixture.add(parent);
    EXPECT_EQ(parent_at(began + millis(99)), "make");
    EXPECT_EQ(parent_at(began + millis(100)), "other");
}

TEST(ProcReader, AYoungerParentOnlyHasTheNumber) {
    test::ProcFixture fixture;
    fixture.add({20, 1, "new", {"new"}, "/a", "", 500, 1000});
    fixture.add({30, 20, "game", {"game"}, "/a", "", 130, 1000});
    const auto info = ProcReader(fixture.proc()).read(Pid{30}, {}, true);
    ASSERT_TRUE(info);
    EXPECT_THAT(info->ancestors, IsEmpty());
}

TEST(ProcReader, ReadsTheRealProc) {
    const ProcReader reader;
    const auto self =
        reader.read(Pid{::getpid()}, {true, true, true, true, true, true, true}, true);
    ASSERT_TRUE(self);
    EXPECT_EQ(self->parent.value, ::getppid());
    EXPECT_TRUE(self->exe && self->exe->ends_with("supervisor_proc_test"));
    EXPECT_EQ(self->uid, ::getuid());
    EXPECT_EQ(*reader.thread_group(Pid{::getpid()}), Pid{::getpid()});
    const auto pids = reader.list();
    ASSERT_TRUE(pids);
    EXPECT_THAT(*pids, testing::Contains(Pid{::getpid()}));
}

namespace {

template <typename T> void append(std::vector<std::byte>& out, const T& value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    out.insert(out.end(), bytes, bytes + sizeof(value));
}

std::vector<std::byte> datagram(std::uint32_t what, int pid, int tgid, std::uint32_t idx = 1) {
    std::vector<std::byte> out;
    nlmsghdr header{};
    header.nlmsg_type = NLMSG_DONE;
    header.nlmsg_len = NLMSG_HDRLEN + sizeof(cn_msg) + 40;
    append(out, header);
    append(out, cb_id{idx, CN_VAL_PROC});
    for (const std::uint32_t word : {0U, 0U, 40U, what, 0U, 0U, 0U})
        append(out, word);
    append(out, pid);
    append(out, tgid);
    out.resize(header.nlmsg_len);
    return out;
}

} // namespace

TEST(ProcEvents, UnderstandsExecAndRenameOnly) {
    const auto exec = parse_proc_events(datagram(2, 5, 4));
    ASSERT_EQ(exec.size(), 1U);
    EXPECT_EQ(exec[0].kind, ProcessEvent::Kind::Exec);
    EXPECT_EQ(exec[0].thread.value, 5);
    EXPECT_EQ(exec[0].group.value, 4);
    EXPECT_EQ(parse_proc_events(datagram(0x200, 5, 5))[0].kind, ProcessEvent::Kind::Comm);
    EXPECT_EQ(parse_proc_events(datagram(1, 5, 5))[0].kind, ProcessEvent::Kind::Other);
    EXPECT_THAT(parse_proc_events(datagram(2, 5, 5, 9)), IsEmpty());
}

TEST(ProcEvents, LeavesOutWhatIsCutOrTooLong) {
    auto bytes = datagram(2, 5, 4);
    for (std::size_t n = 0; n < bytes.size(); ++n)
        EXPECT_THAT(parse_proc_events(std::span(bytes.data(), n)), IsEmpty()) << n;
    const std::uint32_t zero = 0;
    std::memcpy(bytes.data(), &zero, sizeof(zero));
    EXPECT_THAT(parse_proc_events(bytes), IsEmpty()) << "a length of 0 must not loop";
}
