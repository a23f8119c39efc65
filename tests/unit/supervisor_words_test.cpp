// SPDX-License-Identifier: GPL-2.0-only
// What rustlandctl says to people: true, and with the command that helps on this machine.
#include "supervisor/ctl/absent_daemon.hpp"
#include "supervisor/ctl/bus_client.hpp"
#include "supervisor/ctl/commands.hpp"
#include "supervisor/ctl/doctor.hpp"
#include "supervisor/ctl/status_view.hpp"
#include "support/daemon_test.hpp"

#include <cerrno>
#include <gmock/gmock.h>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;
using test::DaemonTest;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace {

constexpr std::int64_t kNow = 1'764'410'000'000;

const char* verdict_name(const Finding& f) {
    return f.verdict == Finding::Verdict::Bad    ? "bad"
           : f.verdict == Finding::Verdict::Note ? "note"
                                                 : "good";
}

// "bad failures: … -> …", one for each finding.
std::vector<std::string> lines_of(const std::vector<Finding>& findings) {
    std::vector<std::string> lines;
    for (const Finding& f : findings)
        lines.push_back(
            fmt::format("{} {}: {} -> {}", verdict_name(f), f.subject, f.text, f.advice));
    return lines;
}

// The words of a daemon that did as the test says.
class Words : public DaemonTest {
  protected:
    std::vector<std::string> head() { return scheduler_lines(daemon->status(), wall_clock_ms()); }
    std::vector<std::string> tail() { return trouble_lines(daemon->status(), wall_clock_ms()); }
    std::vector<std::string> doctor() {
        return lines_of(daemon_findings(daemon->status(), wall_clock_ms()));
    }
};

} // namespace

TEST_F(Words, AQuarantineIsNoGoodHealth) {
    boot();
    EXPECT_EQ(why_off(daemon->status()), std::string("the scheduler is off: ") + kIdle);
    EXPECT_THAT(doctor(), Contains("good failures: none that keep the scheduler off -> "));
    game(50);
    runner->fail("exited with status 2: there is no option '--polcy'", ExitKind::Misconfigured);
    EXPECT_THAT(
        doctor(),
        Contains("bad failures: /opt/sched is not started any more, failed just now: exited "
                 "with status 2: there is no option '--polcy' -> mend that, then: sudo "
                 "rustlandctl reload (rustlandctl history --dump has more)"));
    EXPECT_THAT(tail(), Contains("quarantine: /opt/sched, just now")) << "because: has the reason";
    EXPECT_THAT(tail(), Not(Contains(StartsWith("last run:")))) << "said once";
}

TEST_F(Words, AQuarantineHasOneAdvice) {
    boot();
    game(50);
    runner->fail("exited with status 2; correct its options (scheduler_args), then sudo "
                 "rustlandctl reload",
                 ExitKind::Misconfigured);
    EXPECT_THAT(doctor(),
                Contains("bad failures: /opt/sched is not started any more, failed just now: "
                         "exited with status 2 -> correct its options (scheduler_args), then sudo "
                         "rustlandctl reload"));
    fixture.dir().write("conf", std::string(test::kConfig) + "# corrected\n");
    ask({{"request", "reload"}});
    EXPECT_THAT(doctor(), Not(Contains(StartsWith("bad failures"))))
        << "the command that is advised helps";
}

TEST_F(Words, ARefusedReloadIsSaid) {
    boot();
    fixture.dir().write("conf", "[supervisor]\nlinger = x\nmin_dwell = y\n");
    ask({{"request", "reload"}});
    EXPECT_THAT(tail(),
                Contains(StartsWith("config:     refused just now, the one before it stays: ")));
    EXPECT_THAT(tail(), Contains("            correct it (rustlandctl check), then: sudo "
                                 "rustlandctl reload"));
    EXPECT_THAT(tail(), Contains(testing::AllOf(HasSubstr("conf:2: [supervisor] linger"),
                                                testing::EndsWith("(and 1 more)"))));
    const json history = ask({{"request", "history"}})["history"];
    const std::string told = history[history.size() - 1]["text"];
    EXPECT_THAT(told, testing::AllOf(HasSubstr("conf:2: [supervisor] linger"),
                                     testing::EndsWith(" (and 1 more: rustlandctl check)")));
    EXPECT_THAT(doctor(), Contains(StartsWith("bad configuration in use: is an older one")));
}

TEST_F(Words, AFileThatTheDaemonMayNotReadIsMadeReadable) {
    const json status = {
        {"refused_configuration",
         {{"text", "/etc/rustland/rustland.conf.d/x.conf: cannot be read: Permission denied; "
                   "chmod a+r it"},
          {"time_ms", kNow - 2000}}}};
    EXPECT_THAT(lines_of(daemon_findings(status, kNow)),
                Contains("bad configuration in use: is an older one; 2s ago this was refused: "
                         "/etc/rustland/rustland.conf.d/x.conf: cannot be read: Permission denied "
                         "-> chmod a+r it, then: sudo rustlandctl reload"));
}

TEST_F(Words, AnAdviceIsSaidInItsTime) {
    const auto doctor_on = [](const json& exit) {
        return lines_of(daemon_findings({{"state", "on"}, {"last_exit", exit}}, kNow));
    };
    json exit = {{"kind", "misconfigured"},
                 {"reason", "/x: is not a program; correct scheduler= or mend the file, then sudo "
                            "rustlandctl reload"},
                 {"time_ms", kNow - 5000},
                 {"dump", ""}};
    EXPECT_EQ(last_run({{"state", "on"}, {"last_exit", exit}}, kNow),
              "did not start 5s ago: /x: is not a program")
        << "it is on: that was done";
    EXPECT_THAT(last_run({{"state", "off"}, {"last_exit", exit}}, kNow), HasSubstr("; correct"));
    EXPECT_THAT(doctor_on(exit), Contains("note last run: did not start 5s ago: /x: is not a "
                                          "program -> "))
        << "it wrote nothing";
    exit = {{"kind", "crashed"},
            {"reason", "killed by SIGSEGV"},
            {"time_ms", kNow - 5000},
            {"dump", "words"}};
    EXPECT_THAT(doctor_on(exit), Contains("note last run: crashed 5s ago: killed by SIGSEGV -> "
                                          "what it wrote: sudo rustlandctl history --dump"));
    exit["kind"] = "stopped-from-outside";
    const json stopped = {{"state", "off"},
                          {"why", "stopped from outside, until …"},
                          {"stopped_from_outside", true},
                          {"last_exit", exit}};
    EXPECT_THAT(lines_of(daemon_findings(stopped, kNow)),
                Not(Contains(StartsWith("note last run"))))
        << "the stop is told";
}

TEST_F(Words, OneMistakeIsToldOnce) {
    const std::string mistake = "/etc/rustland/rustland.conf.d/x.conf:2: [workload x] comn: "
                                "unknown key; is comm meant?";
    std::vector<Finding> findings{
        {Finding::Verdict::Bad, "configuration", mistake + " (and 1 more)", "correct it"},
        {Finding::Verdict::Bad, "configuration in use",
         "is an older one; 2s ago this was refused: " + mistake, "correct it"}};
    tell_mistakes_once(findings);
    EXPECT_THAT(lines_of(findings),
                ElementsAre("bad configuration: " + mistake + " (and 1 more) -> correct it",
                            "note configuration in use: is the one from before that mistake -> "));
    findings = {
        {Finding::Verdict::Bad, "configuration", "x.conf: cannot be read; chmod a+r it", ""},
        {Finding::Verdict::Bad, "configuration in use",
         "is an older one; just now this was refused: x.conf: cannot be read", ""}};
    tell_mistakes_once(findings);
    EXPECT_THAT(findings[1].text, HasSubstr("from before that mistake"));
    findings[0].text = "another mistake";
    findings[1].verdict = Finding::Verdict::Bad;
    findings[1].text = "is an older one; 2s ago this was refused: " + mistake;
    tell_mistakes_once(findings);
    EXPECT_THAT(findings[1].text, HasSubstr(mistake));
}

TEST_F(Words, TheUnitThatIsAlwaysOnIsOn) {
    fixture.kernel("enabled", "rustland", 1);
    fixture.add({8, 1, "rustland", {"rustland"}, "/system.slice/rustland.service", "", 5, 0});
    boot();
    game(50);
    const auto lines = head();
    EXPECT_EQ(why_off(daemon->status()), "");
    EXPECT_EQ(lines[0], "scheduler:  on, always (rustland.service)");
    EXPECT_EQ(lines[1],
              "because:    rustland, which rustland.service keeps on, with a game and without");
    EXPECT_THAT(lines.back(), HasSubstr("default_action = start"));
    EXPECT_THAT(list_notes(ask({{"request", "list"}})["workloads"]),
                ElementsAre(HasSubstr("games are not put in front")));
}

TEST_F(Words, AForeignSchedulerIsSaidOnceWithWhatToDo) {
    fixture.kernel("enabled", "rustland", 1);
    fixture.add({812, 1, "rustland", {"rustland"}, "/user.slice/x.scope", "", 5, 0});
    fixture.open_file(812, 9, "anon_inode:bpf_link", "link_type:\tstruct_ops\n");
    boot();
    game(50);
    EXPECT_THAT(head(),
                ElementsAre("scheduler:  off",
                            "because:    the kernel runs rustland, which somebody else started "
                            "(process 812, rustland): left alone",
                            "kernel:     enabled (rustland)",
                            "            end process 812, or take over: sudo rustlandctl start "
                            "--take-over"));
    EXPECT_EQ(
        why_off(daemon->status()),
        "the scheduler is off: the kernel runs rustland, which somebody else started (process "
        "812, rustland): left alone; end process 812, or take over: sudo rustlandctl start "
        "--take-over");
    EXPECT_THAT(lines_of({who_runs_finding(daemon->status()["runs"])}),
                Contains(StartsWith("note other scheduler: the kernel runs rustland, which "
                                    "somebody else started")));
    EXPECT_EQ(still_on(daemon->status()),
              "rustlandd has nothing on and starts nothing until rustlandctl resume or start, but "
              "the kernel still runs rustland, which somebody else started (process 812, "
              "rustland); end process 812, or take over: sudo rustlandctl "
              "start --take-over, then sudo rustlandctl stop");
}

TEST_F(Words, StoppedMeansThatNothingIsOn) {
    boot();
    game(50);
    runner->attach();
    ask({{"request", "stop"}});
    runner->stopped();
    EXPECT_FALSE(still_on(daemon->status()));
    EXPECT_THAT(head()[1], StartsWith("because:    stopped by command of root, until"));
    EXPECT_THAT(doctor(), Contains(HasSubstr("-> sudo rustlandctl resume")));
    EXPECT_THAT(list_notes(ask({{"request", "list"}})["workloads"]),
                ElementsAre(StartsWith("stopped by command of root")));
}

TEST_F(Words, WhatWasStoppedFromOutsideHasAWayOut) {
    boot();
    game(50);
    runner->attach();
    runner->die(ExitKind::Outside);
    EXPECT_EQ(head()[1],
              "because:    stopped from outside, until the next game begins or rustlandctl resume");
    EXPECT_THAT(doctor(), Contains("note stop: stopped from outside, until the next game begins or "
                                   "rustlandctl resume -> sudo rustlandctl resume, to have games "
                                   "turn it on again"));
    game(60);
    EXPECT_TRUE(runner->starting) << "a second game of the same rule";
    EXPECT_THAT(doctor(), Not(Contains(StartsWith("note stop:"))));
}

TEST_F(Words, AStopThatCouldNotBeSavedIsNoPromise) {
    boot();
    // As with a full file system: nothing can be put there.
    std::filesystem::create_directories(fixture.dir().path("run/stopped.json"));
    ask({{"request", "stop"}});
    EXPECT_EQ(phase(), "off") << "the stop itself works";
    const std::string path = fixture.dir().path("run/stopped.json");
    EXPECT_EQ(
        stop_answer(daemon->status()),
        "stopped; it stays off only as long as this rustlandd runs, because that could not be "
        "saved (" +
            path + ": Is a directory); mend that, then rustlandctl stop again");
    EXPECT_THAT(doctor(), Contains(testing::AllOf(HasSubstr("note stop:"),
                                                  HasSubstr(path + ": Is a directory"))));
    std::filesystem::remove(path);
    ask({{"request", "stop"}});
    EXPECT_EQ(stop_answer(daemon->status()),
              "stopped; it stays off until rustlandctl resume or start");
    EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

TEST_F(Words, AnEndHasATimeAndIsSaidWhereItMatters) {
    const auto ended = [](const char* kind, const char* reason, const char* state) {
        return last_run(
            {{"state", state},
             {"last_exit", {{"kind", kind}, {"reason", reason}, {"time_ms", kNow - 185'000}}}},
            kNow);
    };
    EXPECT_EQ(ended("requested", "exited with status 0: stopped", "off"),
              "ended as asked 3min 5s ago");
    EXPECT_EQ(ended("requested", "exited with status 0: stopped", "on"), "");
    EXPECT_EQ(ended("crashed", "killed by SIGKILL", "on"),
              "crashed 3min 5s ago: killed by SIGKILL");
    EXPECT_EQ(ended("stopped-from-outside", "SysRq-S", "off"),
              "ended from outside 3min 5s ago: SysRq-S");
    EXPECT_EQ(ended("failed", "", "off"), "failed 3min 5s ago") << "no colon with nothing behind";
    EXPECT_EQ(last_run({{"state", "off"}, {"last_exit", nullptr}}, kNow), "");
    EXPECT_EQ(ago(kNow - 5, kNow), "just now");
    EXPECT_EQ(ago(kNow + 5000, kNow), "just now") << "a clock that was set back";
}

TEST_F(Words, AnOlderDaemonIsUnderstood) {
    EXPECT_THAT(
        scheduler_lines({{"state", "off"}, {"why", "x"}, {"kernel", {{"supported", true}}}}, kNow),
        ElementsAre("scheduler:  off", "because:    x", "kernel:     "));
    EXPECT_FALSE(still_on({{"state", "off"}}));
}

TEST(BusWords, ADaemonThatHasGoneIsSaidInWordsForPeople) {
    const auto said = [](const char* name, const char* text, int code) {
        return bus_error(name, text, code);
    };
    const Error gone =
        said("org.freedesktop.DBus.Error.NoReply",
             "Message recipient disconnected from message bus without replying", ECONNRESET);
    EXPECT_THAT(gone.message(), StartsWith("rustlandd is not there to answer; see "));
    EXPECT_EQ(gone.code(), ECONNRESET) << "it may be asked again";
    EXPECT_THAT(said("org.freedesktop.DBus.Error.ServiceUnknown", "no such name", EIO).message(),
                StartsWith("rustlandd is not there"));
    EXPECT_THAT(said("org.freedesktop.DBus.Error.Timeout", "too slow", ETIMEDOUT).message(),
                StartsWith("rustlandd does not answer"));
    const Error own = said("org.rustland1.Error.NotAuthorized", "stop is for administrators", EIO);
    EXPECT_EQ(own.message(), "stop is for administrators");
    EXPECT_EQ(own.code(), 0);
    EXPECT_EQ(said("", "", EIO).message(), "rustlandd: Input/output error");
}

TEST(AbsentDaemon, TheCommandThatHelpsOnThisMachine) {
    const test::TempDir dir;
    const auto said = [&] {
        const DaemonAbsence absence = look_for_daemon(dir.root());
        return what_is_absent(absence) + "; " + how_to_have_it(absence);
    };
    EXPECT_EQ(said(), "rustlandd does not run; run rustlandd as root") << "without systemd";
    dir.write("run/systemd/system/x", "");
    EXPECT_EQ(said(),
              "rustlandd does not run; install the package that has rustlandd and its unit");
    dir.write("usr/lib/systemd/system/rustlandd.service", "");
    EXPECT_EQ(said(), "rustlandd does not run; sudo systemctl enable --now rustlandd");
    std::filesystem::create_directories(dir.path("etc/systemd/system/multi-user.target.wants"));
    std::filesystem::create_symlink(
        "/nowhere", dir.path("etc/systemd/system/multi-user.target.wants/rustlandd.service"));
    EXPECT_EQ(said(), "rustlandd does not run; sudo systemctl restart rustlandd (why it ended: "
                      "systemctl status rustlandd; refused as started too often: sudo systemctl "
                      "reset-failed rustlandd first)");
    dir.write("etc/rustland/rustland.conf", "[supervisor]\nlinger = x\nmin_dwell = y\n");
    EXPECT_THAT(said(),
                testing::AllOf(StartsWith("rustlandd does not run, and cannot with a "
                                          "mistake in its configuration: "),
                               HasSubstr("rustland.conf:2: [supervisor] linger: "),
                               HasSubstr("(and 1 more: rustlandctl check); correct that, then "
                                         "sudo systemctl restart rustlandd")));
}

TEST(DoctorWords, ABrokenConfigurationIsNoCircle) {
    const test::ProcFixture fixture;
    DoctorOptions options;
    options.root = fixture.dir().root();
    options.socket = fixture.dir().path("none.sock");
    fixture.dir().write("etc/rustland/rustland.conf.d/mine.conf",
                        "[workload my-game]\nprograms = x\n");
    const auto lines = lines_of(examine(options));
    EXPECT_THAT(lines, Contains(testing::AllOf(
                           StartsWith("bad configuration: "),
                           HasSubstr("mine.conf:2: [workload my-game] programs: unknown key; is "
                                     "program meant?"),
                           HasSubstr("-> correct it (rustlandctl check shows all)"))));
    EXPECT_THAT(lines, Contains(StartsWith("bad rustlandd: does not run, and cannot with that "
                                           "configuration -> correct that, then ")));
}

TEST(DoctorWords, AFileThatIsThereIsNotMissing) {
    const test::ProcFixture fixture;
    DoctorOptions options;
    options.root = fixture.dir().root();
    options.socket = fixture.dir().path("none.sock");
    options.scheduler = fixture.dir().write("sbin/rustland", "#!/bin/sh\n");
    EXPECT_THAT(lines_of(examine(options)),
                Contains(StartsWith("bad scheduler: " + options.scheduler +
                                    " is not executable -> sudo chmod +x " + options.scheduler)));
    options.scheduler += "-none";
    EXPECT_THAT(lines_of(examine(options)),
                Contains(StartsWith("bad scheduler: " + options.scheduler +
                                    " is not there -> install the package rustland")));
}

TEST(DoctorWords, WhatIsCalledLikeOursIsNotOurs) {
    const test::ProcFixture fixture;
    DoctorOptions options;
    options.root = fixture.dir().root();
    options.socket = fixture.dir().path("none.sock");
    fixture.kernel("enabled", "rustland", 1);
    EXPECT_THAT(lines_of(examine(options)),
                Contains(StartsWith("note other scheduler: the kernel runs rustland")));
}

TEST(DoctorWords, WhatADaemonThatIsGoneLeftOnIsNotAlwaysOn) {
    const test::ProcFixture fixture;
    DoctorOptions options;
    options.root = fixture.dir().root();
    options.socket = fixture.dir().path("none.sock");
    fixture.kernel("enabled", "rustland", 1);
    fixture.add({8, 1, "rustland", {"rustland"}, "/system.slice/rustland.service", "", 5, 0});
    const auto other = [&] {
        for (const std::string& line : lines_of(examine(options)))
            if (line.find(" other scheduler: ") != std::string::npos)
                return line;
        return std::string();
    };
    const std::string always = "note other scheduler: the kernel runs rustland, which "
                               "rustland.service keeps on, with a game and without, and rustlandd "
                               "leaves it alone -> ";
    EXPECT_THAT(other(), StartsWith(always)) << "no daemon started it";
    const std::string left = "note other scheduler: the kernel runs rustland, which rustlandd "
                             "started before it ended -> start rustlandd, which takes it over";
    const auto state = [&](int pid, const std::string& unit) {
        fixture.dir().write("run/rustland/state.json", json{{"version", 1},
                                                            {"scheduler", "/usr/sbin/rustland"},
                                                            {"arguments", json::array()},
                                                            {"pid", pid},
                                                            {"start_time", 5},
                                                            {"ops", "rustland"},
                                                            {"backend", "systemd"},
                                                            {"unit", unit}}
                                                           .dump());
    };
    state(8, "rustland.service");
    EXPECT_EQ(other(), left);
    state(7, "rustland.service");
    EXPECT_THAT(other(), StartsWith(always)) << "somebody else started it anew";
    // A user may not read the file, but sees that it is there.
    fixture.dir().write("run/rustland/state.json", "unreadable");
    EXPECT_EQ(other(), left);
    fixture.dir().write("etc/systemd/system/multi-user.target.wants/rustland.service", "");
    EXPECT_THAT(other(), StartsWith(always));
}

TEST(DoctorWords, AKernelWithoutSchedExtNamesThePackageAndNoMore) {
    const test::ProcFixture fixture;
    std::filesystem::remove_all(fixture.sched_ext());
    DoctorOptions options;
    options.root = fixture.dir().root();
    options.socket = fixture.dir().path("none.sock");
    fixture.dir().write("etc/os-release", "NAME=\"Debian GNU/Linux\"\nID=debian\n"
                                          "VERSION_CODENAME=trixie\n");
    const auto lines = lines_of(examine(options));
    EXPECT_THAT(lines[0], HasSubstr("apt install -t trixie-backports linux-image-"));
    EXPECT_THAT(lines, Not(Contains(StartsWith("good BPF JIT"))));
    EXPECT_THAT(kernel_to_boot("ID=debian\nVERSION_CODENAME=trixie\n", "aarch64"),
                HasSubstr("linux-image-arm64"));
    EXPECT_THAT(kernel_to_boot("ID=ubuntu\n", "x86_64"), StartsWith("Ubuntu 25.10"));
    EXPECT_THAT(kernel_to_boot("ID=\"arch\"\n", "x86_64"), StartsWith("boot Linux 6.16"));
    EXPECT_THAT(kernel_to_boot("", "x86_64"), StartsWith("boot Linux 6.16"));
}
