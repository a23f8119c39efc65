#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""docs/tutorial.md, followed to the letter: what it says to type is typed, what it says to write is
written, and what it says comes out must come out. Runs in a VM (ci/package tutorial); /share has
this file, tutorial.md and repo/, a repository with librustland-dev.

All code comes from the text, whose blocks are taken one after the other: one that is not expected
here is a failure. The places that the text describes in words are in here.
"""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time

SHARE = os.path.dirname(os.path.abspath(__file__))
USER, HOME = "player", "/home/player"
SCX = "/sys/kernel/sched_ext"
LONG = 300  # seconds: the VM is slow, and whoever else uses this machine makes it slower


def fail(what):
    sys.exit(f"FAIL: {what}")


def step(text):
    print(f"[{time.monotonic():6.0f} s] {text}", flush=True)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Tutorial:
    def __init__(self, text):
        self._text = text
        blocks = re.findall(r"^\n((?: {4}.*\n|\n(?= {4}))+)", text, re.MULTILINE)
        self._blocks = [re.sub("^ {4}", "", block, flags=re.MULTILINE) for block in blocks]

    def block(self, beginning):
        """The next one."""
        if not self._blocks or not self._blocks[0].startswith(beginning):
            fail(f"after the block before, the tutorial does not go on with '{beginning}' but with "
                 f"{self._blocks[:1]}")
        return self._blocks.pop(0)

    def said(self, words):
        """What stands in the running text or in a table."""
        if f"`{words}`" not in self._text:
            fail(f"the tutorial does not say `{words}` any more")
        return words

    def end(self):
        if self._blocks:
            fail(f"nothing is known of the tutorial's block {self._blocks[0]}")


class Terminal:
    """A terminal of the user in which a command runs."""
    folder = HOME

    def __init__(self, command):
        step("$ " + command.rstrip().replace("\n", "\n           $ "))
        self.command, self.output, self.status = command, "", None
        script = f"{command}\nstatus=$?; pwd >/tmp/folder; exit $status"
        self._pid, self._fd = os.forkpty()
        if self._pid == 0:
            os.chdir(Terminal.folder)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # the VM's command is started without it
            os.execvp("runuser", ["runuser", "-u", USER, "--", "env", f"HOME={HOME}", "LC_ALL=C.UTF-8",
                                  "bash", "-c", "set -e\n" + script])

    def _read(self, seconds):
        if not select.select([self._fd], [], [], seconds)[0]:
            return
        try:
            more = os.read(self._fd, 65536).decode(errors="replace").replace("\r", "")
        except OSError:  # the other end is closed
            more = ""
        if more:
            self.output += more
            print(more, end="", flush=True)
        elif self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def wait(self, what, condition, seconds=LONG):
        deadline = time.monotonic() + seconds
        while not condition():
            if self.status is not None or time.monotonic() > deadline:
                fail(f"'{self.command}': not seen: {what} (status {self.status})")
            self._read(0.2)

    def wait_for(self, pattern):
        self.wait(pattern, lambda: re.search(pattern, self.output, re.MULTILINE))

    def wait_end(self):
        self.wait("its end", lambda: self.status is not None, 2 * LONG)
        return self.status

    def control_c(self):
        os.write(self._fd, b"\x03")
        return self.wait_end()


def run(command, good=True):
    terminal = Terminal(command)
    if (terminal.wait_end() == 0) != good:
        fail(f"'{command}' ended with status {terminal.status}")
    Terminal.folder = read("/tmp/folder").strip()
    return terminal.output


def edit(name, pattern, replacement):
    """A change in a file of the project, at the first place that the pattern is for."""
    path = os.path.join(Terminal.folder, name)
    text, count = re.subn(pattern, replacement, read(path), count=1, flags=re.MULTILINE | re.DOTALL)
    if count == 0:
        fail(f"{name}: no place for {pattern}")
    write(path, text)


def after(text):
    """For edit(): what was found, and this."""
    return lambda match: match[0] + text


def shape(line):
    return re.sub(r"[\d.]+", "0", line)


def prepare():
    """What the tutorial takes for granted: sudo, and an apt that knows rustland's packages."""
    write("/etc/hosts", "127.0.0.1 localhost vm\n")  # sudo asks for the latter
    write("/etc/sudoers.d/user", f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    write("/etc/apt/apt.conf.d/vm", 'APT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\n')
    write("/etc/dpkg/dpkg.cfg.d/vm", "force-unsafe-io\n")  # the disk is thrown away
    os.remove("/etc/dpkg/dpkg.cfg.d/99mmdebstrap")  # the image's packages are without documentation
    write("/etc/apt/sources.list", f"deb [trusted=yes] file:{SHARE}/repo ./\n"
          "deb [trusted=yes] file:/srv/packages ./\n")
    subprocess.run(["apt-get", "-q", "update"], check=True)


class Figures:
    """The lines of --stats and --monitor, by the names of the columns."""
    def __init__(self, terminal, header):
        self._terminal, self._header = terminal, header

    def largest(self, column):
        at = self._header.split().index(column)
        lines = re.findall(r"^ *\d+(?: +[\d.]+)+$", self._terminal.output, re.MULTILINE)
        return max((float(line.split()[at]) for line in lines), default=0)

    def wait_positive(self, *columns):
        for column in columns:
            self._terminal.wait(f"{column} above 0", lambda: self.largest(column) > 0)


def schedules(pid):
    """Whether the attached scheduler has this process."""
    return re.search(r"^ext\.enabled +: +1$", read(f"/proc/{pid}/sched"), re.MULTILINE)


def main():
    tutorial = Tutorial(read(os.path.join(SHARE, "tutorial.md")))
    prepare()

    if run(tutorial.block("cat /sys/kernel/sched_ext/state")).split() != [tutorial.said("disabled")]:
        fail("there is a scheduler already")
    run(tutorial.block("sudo apt install librustland-dev"))
    tutorial.block("ci/build")  # instead of the packages
    if "100% tests passed" not in run(tutorial.block("cp -r /usr/share/doc")):
        fail("the template's test")

    start = tutorial.block("sudo build/my-scheduler --stats 1")
    attached, header, _ = tutorial.block("my-scheduler: info: attached").splitlines()
    first = Terminal(start)
    first.wait("it is attached", lambda: shape(attached) in map(shape, first.output.splitlines()))
    hogs = subprocess.Popen(tutorial.said("stress-ng --cpu 0").split(), stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    first.wait("the columns", lambda: header in first.output.splitlines())
    figures = Figures(first, header)
    figures.wait_positive("queued/s", "decided%")
    second = Terminal(tutorial.block("cat /sys/kernel/sched_ext/root/ops"))
    second.wait_for(f"^{tutorial.said('rustland')}$")
    second.wait("the same columns", lambda: header in second.output.splitlines())
    Figures(second, header).wait_positive("queued/s")
    second.control_c()
    if not schedules(hogs.pid):
        fail("a process is not scheduled by it")
    run(tutorial.said("build/my-scheduler --help"))
    if figures.largest("fallback/s") > 0:
        fail("tasks ran without a decision")
    if first.control_c() != 0 or read(f"{SCX}/state") != "disabled\n":
        fail("Ctrl-C does not end it")

    edit("policy_test.cpp", r"^    check\(.*?;\n", after(indented(tutorial.block("check("))))
    build = tutorial.block("cmake --build build")
    if tutorial.block("FAILED").strip() not in run(build, good=False):
        fail("the new expectation does not fail")
    edit("policy.cpp", r"^    decision\.deadline =.*?\n", after(indented(tutorial.block("decision.key"))))
    run(build)
    first = Terminal(start)
    Figures(first, header).wait_positive("decided%", tutorial.said("preempt/s"))
    if first.control_c() != 0:
        fail("Ctrl-C does not end it")

    for name in ("<array>", "<rustland/policy/task_map.hpp>"):
        edit("policy.hpp", "^#pragma once\n", after(f"#include {tutorial.said(name)}\n"))
    # Each … stands for what is there.
    top, middle, bottom = tutorial.block("struct Seen").split("    …\n")
    edit("policy.hpp", r"^class MyPolicy .*?public:\n(.*?)\n  private:\n(.*?)^\};\n",
         lambda match: top + match[1] + middle + match[2] + bottom)
    edit("policy.cpp", r"^MyPolicy::MyPolicy.*?\{\}\n", lambda _: tutorial.block("MyPolicy::MyPolicy"))
    edit("policy.cpp", r"^bool MyPolicy::enqueue.*?\{\n", after(indented(tutorial.block("if (++tasks"))))
    run(build)
    first = Terminal(start)
    Figures(first, header).wait_positive("decided%")
    ask = tutorial.block("python3 -c")
    if newcomers(run(ask)) == 0:
        fail("the policy has met nobody")
    before, deadline = newcomers(run(ask)), time.monotonic() + LONG
    while newcomers(run(ask)) == before:  # each of these questions is a new task
        if time.monotonic() > deadline:
            fail("the policy's own count does not grow")
    if first.control_c() != 0:
        fail("Ctrl-C does not end it")

    edit("policy.cpp", "^#include <algorithm>\n", after(tutorial.said("#include <stdexcept>") + "\n"))
    which, mistake = "task.pid.value % 10", 'throw std::runtime_error("no idea");'
    edit("policy.cpp", r"^bool MyPolicy::enqueue.*?\{\n",
         after(f"    if ({tutorial.said(which)} == 0)\n        {tutorial.said(mistake)}\n"))
    run("cmake --build build")
    first = Terminal(start)
    log = re.escape(tutorial.said("the policy my-policy threw in enqueue(): …")).replace("…", "no idea")

    def thrown():
        subprocess.run(["true"], check=True)  # a new task with the next PID
        return re.search(log, first.output)

    first.wait(log, thrown)
    if first.control_c() != 0:
        fail("Ctrl-C does not end it")

    hogs.send_signal(signal.SIGTERM)
    hogs.wait()
    tutorial.end()
    print("PASSED")


def indented(block):
    return re.sub("^(?=.)", "    ", block, flags=re.MULTILINE)


def newcomers(answer):
    return json.loads(answer)["policy_counters"]["newcomers"]


if __name__ == "__main__":
    main()
