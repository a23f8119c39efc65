// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/config.hpp"
#include "supervisor/core/who_runs.hpp"
#include "supervisor/ctl/doctor.hpp"
#include "supervisor/ctl/import_ananicy.hpp"
#include "supervisor/ctl/import_others.hpp"
#include "supervisor/ctl/print.hpp"
#include "supervisor/ctl/status_view.hpp"
#include "supervisor/match/matcher.hpp"
#include "support/proc_fixture.hpp"

#include <bpf/btf.h>
#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::supervisor;

TEST(ImportAnanicy, TakesGamesAndLeavesTheRest) {
    EXPECT_EQ(*ananicy_game(R"({"name": "a.exe", "type": "Game"})"), "a.exe");
    EXPECT_EQ(*ananicy_game(R"({"name": "a", "type": "Game"} # why)"), "a");
    EXPECT_EQ(*ananicy_game(R"({"name": "cc1", "type": "BG_CPUIO"})"), "");
    EXPECT_EQ(*ananicy_game("# comment"), "");
    EXPECT_EQ(*ananicy_game(""), "");
    EXPECT_FALSE(ananicy_game("rubbish"));
    EXPECT_FALSE(ananicy_game(R"({"type": "Game"})"));
}

TEST(ImportAnanicy, WritesAConfigurationThatMatchesEveryName) {
    test::TempDir dir;
    const std::vector<std::string> names{
        "plain",
        "A Game With Spaces.exe",
        "Comma, The Game.exe",
        "star*[x]?.exe",
        "Quote\"d.exe",
        "~tilde.exe",
        "A Very Long Name That No comm Could Hold-Win64-Shipping.exe"};
    std::string rules;
    for (const std::string& name : names)
        rules += nlohmann::json{{"name", name}, {"type", "Game"}}.dump() + "\n";
    for (int i = 0; i < 1200; ++i)
        rules += "{\"name\": \"game" + std::to_string(i) + ".exe\", \"type\": \"Game\"}\n";
    dir.write("00/games.rules", rules);
    dir.write("00/more.rules", "broken\n");
    const auto imported = import_ananicy(dir.root());
    ASSERT_TRUE(imported);
    EXPECT_EQ(imported->names, 1207);
    ASSERT_EQ(imported->problems.size(), 1U);
    EXPECT_TRUE(imported->problems[0].ends_with("more.rules:1: not a JSON object"));
    const BuiltConfig built =
        build_config({parse_ini(imported->text, "f")},
                     [](const std::string&) { return std::optional<uid_t>(); });
    for (const Problem& p : built.problems)
        ADD_FAILURE() << p.message();
    const Matcher matcher(built.config.rules);
    ProcessInfo process;
    for (const std::string& name : names) {
        process.argv = {"Z:\\g\\" + name};
        EXPECT_NE(matcher.match(process), nullptr) << name;
    }
    process.argv = {"Z:\\g\\starX[x]Y.exe"};
    EXPECT_EQ(matcher.match(process), nullptr) << "its stars are not wildcards";
    process.argv = {"Z:\\g\\game1199.exe"};
    EXPECT_NE(matcher.match(process), nullptr);
}

namespace {

Matcher matcher_of(const ImportedRules& imported) {
    const BuiltConfig built = build_config(
        {parse_ini(imported.text, "f")}, [](const std::string&) { return std::optional<uid_t>(); });
    for (const Problem& p : built.problems)
        ADD_FAILURE() << p.message();
    return Matcher(built.config.rules);
}

} // namespace

TEST(ImportAnanicy, MeansCommProgramAndExecutableByAName) {
    const test::TempDir dir;
    dir.write("waydroid.rules", "{ \"name\": \"tarEN.Arknights\", \"type\": \"Game\" }\n"
                                "{ \"name\": \".en.reverse1999\", \"type\": \"Game\" }\n"
                                "{ \"name\": \"Game.exe\", \"type\": \"Game\" }\n"
                                "{ \"name\": \"a/b\", \"type\": \"Game\" }\n"
                                "{ \"name\": \"$x\", \"type\": \"Game\" }\n");
    const auto imported = import_ananicy(dir.root());
    ASSERT_TRUE(imported);
    EXPECT_EQ(imported->names, 3);
    EXPECT_EQ(imported->problems.size(), 2U) << "what check would refuse is left out, with a word";
    const Matcher matcher = matcher_of(*imported);
    ProcessInfo process;
    process.comm = "tarEN.Arknights";
    process.argv = {"com.YoStarEN.Arknights"};
    EXPECT_NE(matcher.match(process), nullptr);
    process.comm = ".en.reverse1999";
    EXPECT_NE(matcher.match(process), nullptr);
    process.comm = "other";
    EXPECT_EQ(matcher.match(process), nullptr);
    process.exe = "/opt/x/tarEN.Arknights";
    EXPECT_NE(matcher.match(process), nullptr);
    process.exe = "/usr/bin/wine64-preloader";
    process.argv = {"Z:\\g\\GAME.EXE"};
    EXPECT_NE(matcher.match(process), nullptr);
}

TEST(ImportFalcond, TakesTheNamesOfProfiles) {
    const test::TempDir dir;
    dir.write("civ7.conf", "name = \"Civ7_linux\"\nperformance_mode = true\n");
    dir.write("htpc/cyberpunk.conf", "# a comment\nname = Cyberpunk2077.exe\n");
    dir.write("proton.conf", "name = \"Proton\"\n");
    dir.write("broken.conf", "scx_sched = none\n");
    const auto imported = import_falcond(dir.root());
    ASSERT_TRUE(imported);
    EXPECT_EQ(imported->names, 2);
    ASSERT_EQ(imported->problems.size(), 1U);
    EXPECT_TRUE(imported->problems[0].ends_with("broken.conf: no name"));
    const Matcher matcher = matcher_of(*imported);
    ProcessInfo process;
    process.argv = {"/g/Civ7_linux"};
    EXPECT_NE(matcher.match(process), nullptr);
    process.argv = {"C:\\Cyberpunk2077.exe"};
    EXPECT_NE(matcher.match(process), nullptr);
    process.argv = {"Proton"};
    EXPECT_EQ(matcher.match(process), nullptr);
    EXPECT_FALSE(import_falcond("/nonexistent"));
    EXPECT_FALSE(import_falcond(test::TempDir().root()));
}

TEST(ImportGameMode, TakesTheFilter) {
    const test::TempDir dir;
    const std::string file = dir.write("gamemode.ini", "[general]\nrenice=10\nwhitelist=no\n"
                                                       "[filter]\n; whitelist=comment\n"
                                                       "whitelist=RiseOfTheTombRaider ; why\n"
                                                       "    supergame\n"
                                                       "blacklist=HalfLife3\n    glxgears\n"
                                                       "[custom]\nstart=x\n");
    const auto imported = import_gamemode(file);
    ASSERT_TRUE(imported) << imported.error().message();
    EXPECT_EQ(imported->names, 4);
    EXPECT_TRUE(imported->problems.empty());
    const Matcher matcher = matcher_of(*imported);
    ProcessInfo process;
    process.exe = "/g/RiseOfTheTombRaider/bin/game";
    ASSERT_NE(matcher.match(process), nullptr);
    EXPECT_FALSE(matcher.match(process)->deny);
    process.exe = "/g/supergame";
    EXPECT_NE(matcher.match(process), nullptr);
    process.exe = "/usr/bin/glxgears";
    EXPECT_TRUE(matcher.match(process)->deny);
    process.exe = "/g/no";
    EXPECT_EQ(matcher.match(process), nullptr);
    EXPECT_FALSE(import_gamemode(dir.write("empty.ini", "[general]\n")));
    EXPECT_FALSE(import_gamemode("/nonexistent"));
}

TEST(ImportAnanicy, ADirectoryWithoutRulesIsAnError) {
    test::TempDir dir;
    EXPECT_FALSE(import_ananicy(dir.root()));
    EXPECT_FALSE(import_ananicy("/nonexistent"));
}

TEST(Doctor, SaysWhatIsMissingAndWhatToDo) {
    test::ProcFixture fixture;
    fixture.add({70, 1, "scx_loader", {"scx_loader"}, "/", "", 100, 0});
    fixture.kernel("enabled", "scx_other", 1);
    DoctorOptions options;
    options.root = fixture.dir().root();
    options.socket = fixture.dir().path("none.sock");
    options.scheduler = "/nonexistent/rustland";
    std::map<std::string, Finding> by_subject;
    for (const Finding& f : examine(options))
        by_subject[f.subject] = f;
    EXPECT_EQ(by_subject["kernel"].verdict, Finding::Verdict::Good);
    EXPECT_EQ(by_subject["BTF"].verdict, Finding::Verdict::Bad);
    EXPECT_EQ(by_subject["scheduler"].verdict, Finding::Verdict::Bad);
    EXPECT_EQ(by_subject["other scheduler"].verdict, Finding::Verdict::Note);
    EXPECT_EQ(by_subject["other services"].text, "scx_loader (70)");
    // The kernel's name of a process is cut off.
    fixture.add({71, 1, "system76-schedu", {"/usr/bin/system76-scheduler"}, "/", "", 100, 0});
    fixture.add({72, 1, "ananicy-cpp", {"ananicy-cpp", "start"}, "/", "", 100, 0});
    fixture.add({73, 1, "system76-power", {"system76-power"}, "/", "", 100, 0});
    for (const Finding& f : examine(options)) {
        if (f.subject == "other services") {
            EXPECT_EQ(f.text, "scx_loader (70), system76-scheduler (71), ananicy-cpp (72)");
        }
    }
    EXPECT_EQ(by_subject["rustlandd"].verdict, Finding::Verdict::Bad);
    for (const auto& [subject, finding] : by_subject)
        EXPECT_EQ(finding.verdict == Finding::Verdict::Good, finding.advice.empty()) << subject;
    std::filesystem::remove_all(fixture.sched_ext());
    EXPECT_EQ(examine(options)[0].verdict, Finding::Verdict::Bad);
}

TEST(Doctor, KnowsWhatAContainerWithholdsAndWhatTheAdministratorEnabled) {
    const test::TempDir dir;
    DoctorOptions options;
    options.root = dir.root();
    options.socket = dir.path("none.sock");
    const auto finding = [&](const std::string& subject) {
        for (const Finding& f : examine(options))
            if (f.subject == subject)
                return f;
        return Finding{};
    };
    EXPECT_EQ(finding("capabilities").text, "cannot be seen");
    dir.write("proc/self/status", "Name:\tx\nCapBnd:\t000001ffffffffff\n");
    EXPECT_EQ(finding("capabilities").verdict, Finding::Verdict::Good);
    dir.write("proc/self/status", "Name:\tx\nCapBnd:\t00000000a80425fb\n");
    EXPECT_EQ(finding("capabilities").text,
              "even root cannot have CAP_NET_ADMIN, CAP_IPC_LOCK, CAP_SYS_PTRACE, CAP_SYS_NICE, "
              "CAP_PERFMON, CAP_BPF");
    EXPECT_EQ(finding("rustland.service").verdict, Finding::Verdict::Good);
    dir.write("etc/systemd/system/multi-user.target.wants/rustland.service", "");
    EXPECT_EQ(finding("rustland.service").verdict, Finding::Verdict::Note);
}

TEST(Doctor, TellsWhetherTheGraphicsDriverTells) {
    const test::ProcFixture fixture;
    DoctorOptions options;
    options.root = fixture.dir().root();
    options.socket = fixture.dir().path("none.sock");
    const auto graphics = [&] {
        for (const Finding& f : examine(options))
            if (f.subject == "graphics")
                return f;
        return Finding{};
    };
    EXPECT_EQ(graphics().verdict, Finding::Verdict::Good);
    EXPECT_NE(graphics().text.find("no program"), std::string::npos);
    fixture.open_file(1, 3, "/dev/nvidia0", "pos:\t0\n");
    EXPECT_EQ(graphics().verdict, Finding::Verdict::Note);
    fixture.open_file(1, 4, "/dev/dri/renderD128", "drm-driver: xe\ndrm-engine-gfx: 5 ns\n");
    EXPECT_EQ(graphics().verdict, Finding::Verdict::Good);
}

TEST(Doctor, TellsBrokenTypeInformationFromWhole) {
    const test::TempDir dir;
    DoctorOptions options;
    options.root = dir.root();
    options.socket = dir.path("none.sock");
    // Type information with one public function of sched_ext, as a kernel has it.
    const auto examined = [&](bool broken) {
        const std::unique_ptr<btf, decltype(&btf__free)> types(btf__new_empty(), btf__free);
        const int number = btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
        const int aux = btf__add_ptr(types.get(), btf__add_struct(types.get(), "bpf_prog_aux", 0));
        const int proto = btf__add_func_proto(types.get(), number);
        btf__add_func_param(types.get(), "cpu", broken ? aux : number);
        btf__add_func(types.get(), "scx_bpf_kick_cpu", BTF_FUNC_STATIC, proto);
        std::uint32_t size = 0;
        const void* data = btf__raw_data(types.get(), &size);
        dir.write("sys/kernel/btf/vmlinux", {static_cast<const char*>(data), size});
        for (const Finding& f : examine(options))
            if (f.subject == "BTF")
                return f;
        return Finding{};
    };
    EXPECT_EQ(examined(false).verdict, Finding::Verdict::Good);
    EXPECT_EQ(examined(true).verdict, Finding::Verdict::Bad);
    EXPECT_NE(examined(true).text.find("scx_bpf_kick_cpu (1 in all)"), std::string::npos);
    dir.write("sys/kernel/btf/vmlinux", "rubbish");
    for (const Finding& f : examine(options)) {
        if (f.subject == "BTF") {
            EXPECT_EQ(f.verdict, Finding::Verdict::Bad);
        }
    }
}

TEST(Print, ControlCharactersDoNotReachTheTerminal) {
    EXPECT_EQ(safe("a\x1b[31mb\n"), "a?[31mb?");
    EXPECT_EQ(uptime(59'000), "59s");
    EXPECT_EQ(uptime(3'661'000), "1h 1min");
}

TEST(Doctor, NamesWhatTheKernelWasBootedWithThatKeepsASchedulerOut) {
    const test::TempDir dir;
    DoctorOptions options;
    options.root = dir.root();
    options.socket = dir.path("none.sock");
    const auto subjects = [&] {
        std::set<std::string> all;
        for (const Finding& f : examine(options))
            if (f.verdict == Finding::Verdict::Bad && f.advice.find("boot") != std::string::npos)
                all.insert(f.subject);
        return all;
    };
    EXPECT_EQ(subjects(), (std::set<std::string>{"kernel", "BTF"})) << "an empty machine";
    dir.write("proc/cmdline", "quiet isolcpus=2,3\n");
    dir.write("sys/kernel/realtime", "1\n");
    dir.write("sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
    EXPECT_EQ(subjects(), (std::set<std::string>{"kernel", "BTF", "isolated CPUs",
                                                 "real-time kernel", "lockdown"}));
}

TEST(Doctor, SaysOfAnEnabledUnitWhatIsTrueNow) {
    const auto found = [](bool enabled, WhoRuns::By by) {
        return unit_finding(enabled, {{"by", runner_name(by)}});
    };
    EXPECT_EQ(found(false, WhoRuns::By::Us).verdict, Finding::Verdict::Good);
    EXPECT_EQ(
        found(true, WhoRuns::By::AlwaysOn).text,
        "is enabled, so that the scheduler is always on, rustlandd leaves it alone, and games "
        "are not put in front");
    EXPECT_EQ(
        found(true, WhoRuns::By::Us).text,
        "is enabled, and on for now by rustlandd, which stops it as usual and does not start "
        "an enabled unit again; from the next start of the machine on, the scheduler is always "
        "on, and games are not put in front");
    EXPECT_EQ(
        found(true, WhoRuns::By::Nobody).text,
        "is enabled, but not on, and rustlandd does not start an enabled unit: no game turns "
        "the scheduler on; from the next start of the machine on, the scheduler is always on, "
        "and games are not put in front");
    EXPECT_EQ(found(true, WhoRuns::By::Nobody).advice.find("sudo systemctl disable rustland,"), 0U);
}

TEST(Doctor, WhatCannotBeStartedIsBadAndHasTheAdvice) {
    nlohmann::json status = {
        {"could_not_start", "no bus; start it"},
        {"runner_note", "runner = child is not in force: x; set runner = auto"},
        {"classes", {{"problem", "scheduler.sock: No such file"}}}};
    const auto find = [&](const std::string& subject) {
        for (const Finding& f : daemon_findings(status, 0))
            if (f.subject == subject)
                return f;
        return Finding{};
    };
    EXPECT_EQ(find("start").verdict, Finding::Verdict::Bad);
    EXPECT_EQ(find("start").text, "no bus");
    EXPECT_EQ(find("start").advice, "start it");
    EXPECT_EQ(find("runner").advice, "set runner = auto");
    // status says the same, with what to do.
    std::string all;
    for (const std::string& line : trouble_lines(status, 0))
        all += line + "\n";
    EXPECT_NE(all.find("no bus; start it"), std::string::npos) << all;
    EXPECT_NE(all.find("No such file; games are not put in front: sudo rustlandctl restart"),
              std::string::npos)
        << all;
}
