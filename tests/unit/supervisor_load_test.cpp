// SPDX-License-Identifier: GPL-2.0-only
// The configuration as files: which ones are read, and whom they are believed.
#include "supervisor/config/load.hpp"

#include "rustland/common/file.hpp"
#include "supervisor/config/trust.hpp"
#include "support/config_text.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <set>
#include <sstream>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

using namespace rustland;
using namespace rustland::supervisor;
using test::build;
using test::fake_user;
using test::messages;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Load, ReadsTheLayersInOrder) {
    test::TempDir dir;
    dir.write("vendor/10-a.conf", "[supervisor]\nlinger = 1s\nmin_dwell = 1s\n");
    dir.write("vendor/ignored.txt", "rubbish");
    dir.write("etc/rustland.conf", "[supervisor]\nlinger = 2s\n");
    dir.write("etc/rustland.conf.d/20-b.conf", "[supervisor]\nlinger = 4s\n");
    dir.write("etc/rustland.conf.d/10-a.conf", "[supervisor]\nlinger = 3s\n");
    const auto files = find_config_files(
        {dir.path("vendor"), dir.path("etc/rustland.conf"), dir.path("etc/rustland.conf.d")});
    EXPECT_EQ(files.size(), 4U);
    const BuiltConfig built = load_config(files, fake_user);
    EXPECT_THAT(messages(built.problems), IsEmpty());
    EXPECT_EQ(built.config.settings.linger, seconds(4));
    EXPECT_EQ(built.config.settings.min_dwell, seconds(1));
}

TEST(Load, RefusesWhatOthersCanWrite) {
    test::TempDir dir;
    const std::string file = dir.write("a.conf", "[supervisor]\n");
    ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
    EXPECT_THAT(messages(load_config({file}, fake_user).problems),
                ElementsAre(file + ": can be written by others; chmod go-w it"));
    ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
    EXPECT_THAT(messages(load_config({file}, fake_user).problems), IsEmpty());
    ASSERT_EQ(::chmod(dir.root().c_str(), 0777), 0);
    EXPECT_THAT(messages(load_config({file}, fake_user).problems),
                ElementsAre(file + ": its directory " + dir.root() +
                            " can be written by others; chmod go-w and chown root it"));
}

TEST(Load, RefusesWhatTheDaemonMayNotRead) {
    test::TempDir dir;
    const std::string file = dir.write("a.conf", "[supervisor]\n");
    // Root reads it all the same; the daemon goes without the capability for that.
    ASSERT_EQ(::chmod(file.c_str(), 0000), 0);
    EXPECT_THAT(messages(load_config({file}, fake_user).problems),
                ElementsAre(file + ": cannot be read: Permission denied; chmod a+r it"));
}

TEST(Load, RefusesWhatIsNoFile) {
    test::TempDir dir;
    const std::string fifo = dir.path("fifo.conf");
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_THAT(messages(load_config({fifo}, fake_user).problems),
                ElementsAre(fifo + ": is not a regular file"));
    EXPECT_THAT(messages(load_config({"/nonexistent.conf"}, fake_user).problems),
                ElementsAre("/nonexistent.conf: cannot be read: No such file or directory"));
}

TEST(DefaultConfig, IsValidAndMentionsEverySupervisorKeyWithItsDefault) {
    const auto text = read_file(RUSTLAND_SOURCE_DIR "/supervisor/rustland.conf");
    ASSERT_TRUE(text);
    const BuiltConfig built = build(*text);
    EXPECT_THAT(messages(built.problems), IsEmpty());
    EXPECT_THAT(messages(built.notes), IsEmpty());
    EXPECT_GT(built.config.rules.size(), 10U);
    // The commented settings, made active, must be valid and change nothing.
    std::string active = "[supervisor]\n";
    std::set<std::string> mentioned;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t sign = line.find(" =");
        if (!line.starts_with('#') || line.starts_with("# ") || sign == std::string::npos)
            continue;
        mentioned.insert(line.substr(1, sign - 1));
        active += line.substr(1) + "\n";
    }
    const BuiltConfig defaults = build(active);
    EXPECT_THAT(messages(defaults.problems), IsEmpty());
    const Settings a = defaults.config.settings;
    const Settings b;
    EXPECT_EQ(a.scheduler, b.scheduler);
    EXPECT_EQ(std::tie(a.linger, a.min_dwell, a.switch_limit, a.restart_initial, a.restart_factor,
                       a.restart_max, a.restart_jitter, a.healthy_time, a.crash_limit),
              std::tie(b.linger, b.min_dwell, b.switch_limit, b.restart_initial, b.restart_factor,
                       b.restart_max, b.restart_jitter, b.healthy_time, b.crash_limit));
    EXPECT_EQ(std::tie(a.scan_interval, a.start_timeout, a.stop_timeout, a.event_buffer,
                       a.log_level, a.runner, a.sleep_action, a.default_action),
              std::tie(b.scan_interval, b.start_timeout, b.stop_timeout, b.event_buffer,
                       b.log_level, b.runner, b.sleep_action, b.default_action));
    const auto keys = supervisor_keys();
    EXPECT_EQ(mentioned, std::set<std::string>(keys.begin(), keys.end()));
}

// The program that root runs, and every step of the way to it.
TEST(Trust, AFileIsAsGoodAsTheFoldersAndLinksThatLeadToIt) {
    const test::TempDir dir;
    const std::string program = dir.path("a/b/program");
    dir.write("a/b/program", "");
    const auto said = [&](const std::string& path) {
        const Status status = check_trusted(path);
        return status ? std::string("trusted") : status.error().message();
    };
    ASSERT_EQ(::chmod(program.c_str(), 0755), 0);
    EXPECT_EQ(said(program), "trusted");
    ASSERT_EQ(::chmod(program.c_str(), 0775), 0);
    EXPECT_EQ(said(program), "can be written by others; chmod go-w it");
    ASSERT_EQ(::chmod(program.c_str(), 0755), 0);
    // Not the last folder alone.
    ASSERT_EQ(::chmod(dir.path("a").c_str(), 0777), 0);
    EXPECT_THAT(said(program),
                testing::HasSubstr("its directory " + dir.path("a") + " can be written"));
    ASSERT_EQ(::chmod(dir.path("a").c_str(), 01777), 0);
    EXPECT_EQ(said(program), "trusted") << "where nobody can replace what is not his";
    ASSERT_EQ(::chmod(dir.path("a").c_str(), 0755), 0);
    // A link leads through a folder of others.
    std::filesystem::create_directory(dir.path("open"));
    ASSERT_EQ(::chmod(dir.path("open").c_str(), 0777), 0);
    std::filesystem::create_symlink("../a/b/program", dir.path("open/link"));
    std::filesystem::create_symlink(dir.path("open/link"), dir.path("a/link"));
    EXPECT_THAT(said(dir.path("a/link")), testing::HasSubstr("open can be written by others"));
    ASSERT_EQ(::chmod(dir.path("open").c_str(), 0755), 0);
    EXPECT_EQ(said(dir.path("a/link")), "trusted");
    std::filesystem::create_symlink("round", dir.path("round"));
    EXPECT_THAT(said(dir.path("round")), testing::HasSubstr("Too many levels"));
    EXPECT_THAT(said(dir.path("nowhere")), testing::HasSubstr("No such file"));
    if (::geteuid() == 0) {
        ASSERT_EQ(::lchown(dir.path("open/link").c_str(), 1000, 1000), 0);
        EXPECT_THAT(said(dir.path("a/link")), testing::HasSubstr("belongs to uid 1000"));
        ASSERT_EQ(::chown(dir.path("a/b").c_str(), 1000, 1000), 0);
        EXPECT_THAT(said(program), testing::HasSubstr("a/b can be written by others"));
    }
}

TEST(ConfigFiles, ALinkIntoAHomeIsRefusedWhoeverReadsIt) {
    const test::TempDir dir;
    // Nothing need be there: the daemon could not tell, and root is told the same.
    const std::string link = dir.path("x.conf");
    for (const char* target : {"/root/dot/x.conf", "/home/nobody-at-all/x.conf"}) {
        std::filesystem::remove(link);
        std::filesystem::create_symlink(target, link);
        const auto text = read_trusted_file(link);
        ASSERT_FALSE(text);
        EXPECT_EQ(text.error().message(),
                  fmt::format("leads to {1}, in a home folder, which rustlandd does not see; "
                              "put a copy in its place: sudo rm {0} && sudo cp -r {1} {0}",
                              link, target));
    }
    // A whole folder, too, in which the daemon would find nothing.
    std::filesystem::create_symlink("/root/rules", dir.path("rules"));
    ConfigPaths paths;
    paths.vendor_dir = dir.path("none");
    paths.main_file = dir.path("none.conf");
    paths.admin_dir = dir.path("rules");
    const BuiltConfig built = load_config(find_config_files(paths), system_user);
    ASSERT_EQ(built.problems.size(), 1U);
    EXPECT_NE(built.problems[0].message().find("leads to /root/rules"), std::string::npos);
    // What is named by a path in a home is meant by whoever names it: to try it.
    const auto own = read_trusted_file("/root/no/such/file.conf");
    ASSERT_FALSE(own);
    EXPECT_EQ(own.error().message().find("leads to"), std::string::npos);
}
