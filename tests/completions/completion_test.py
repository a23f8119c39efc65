#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""completion_test.py FOLDER: asks the shells themselves what they complete.

FOLDER is the build's, with bash/, zsh/ and fish/. A shell that is not installed is skipped.
"""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

FOLDER = ""
DEADLINE = 60  # seconds, for a shell on a busy machine


class Bash:
    name = "bash"

    def ask(self, line):
        words = line.split(" ")
        script = (f'source "{FOLDER}/bash/{words[0]}"\n'
                  'compopt() { :; }\n'  # works inside of a completion that the user began
                  'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))\n'
                  f'COMP_LINE="$*"; COMP_POINT=${{#COMP_LINE}}\n'
                  f'function=$(complete -p {words[0]} | sed "s/.*-F \\([^ ]*\\).*/\\1/")\n'
                  '$function\nprintf "%s\\n" "${COMPREPLY[@]}"\n')
        done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True,
                              text=True, timeout=DEADLINE, check=False)
        if done.returncode != 0 or done.stderr:
            raise AssertionError(f"bash: status {done.returncode}: {done.stderr}")
        return set(done.stdout.split("\n")) - {""}


class Fish:
    name = "fish"

    def ask(self, line):
        program = line.split(" ", maxsplit=1)[0]
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run(
                ["fish", "--no-config", "-c",
                 f'source "{FOLDER}/fish/{program}.fish"; complete -C "{line}"'],
                capture_output=True, text=True, timeout=DEADLINE, check=False,
                env={**os.environ, "HOME": home})
        if done.returncode != 0 or done.stderr:
            raise AssertionError(f"fish: status {done.returncode}: {done.stderr}")
        return {found.split("\t")[0] for found in done.stdout.splitlines()}


class Zsh:
    """zsh completes only at its own prompt, so that it gets a terminal."""
    name = "zsh"

    def ask(self, line):
        with tempfile.TemporaryDirectory() as home:
            child, terminal = pty.fork()
            if child == 0:
                os.environ.update(HOME=home, ZDOTDIR=home, TERM="dumb", PS1="", LANG="C.UTF-8")
                os.chdir(home)
                os.execvp("zsh", ["zsh", "-f", "-i"])
            try:
                return self._session(terminal, line)
            finally:
                os.kill(child, 9)
                os.waitpid(child, 0)
                os.close(terminal)

    def _session(self, terminal, line):
        setup = (f"fpath=('{FOLDER}/zsh' $fpath); autoload -Uz compinit; compinit -u -D; "
                 "stty columns 400 rows 400; LISTMAX=0; PROMPT=; unset zle_bracketed_paste; "
                 "zstyle ':completion:*' verbose no; zstyle ':completion:*' menu no; "
                 "bindkey '^X' list-choices; print READY$((1+1))\n")
        os.write(terminal, setup.encode())
        self._read(terminal, "READY2")
        os.write(terminal, line.encode() + b"\x18")
        text = self._quiet(terminal)
        return set(re.split(r"[\s\x1b]+", text)) - {""}

    @staticmethod
    def _read(terminal, until):
        text, end = "", time.monotonic() + DEADLINE
        while until not in text:
            if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"zsh: no '{until}' in {text!r}")
            text += os.read(terminal, 65536).decode(errors="replace")
        return text

    @staticmethod
    def _quiet(terminal):
        """All that it prints until it has printed nothing for a while."""
        text, pause = "", 10.0
        while select.select([terminal], [], [], pause)[0]:
            text += os.read(terminal, 65536).decode(errors="replace")
            pause = 1.0 if "\n" in text else 10.0
        return text


COMMANDS = {"status", "list", "start", "switch", "stop", "restart", "run", "hold", "release",
            "reload", "reset-failed", "check", "explain", "add", "exclude", "doctor", "monitor", "history",
            "import-ananicy", "import-falcond", "import-gamemode"}


class Cases:
    """The same questions to each shell."""
    shell = None

    def setUp(self):
        if not shutil.which(self.shell.name):
            self.skipTest(f"{self.shell.name} is not installed")

    def offers(self, line, *wanted):
        found = self.shell.ask(line)
        self.assertLessEqual(set(wanted), found, f"{self.shell.name} for '{line}'")
        return found

    def test_commands(self):
        found = self.offers("rustlandctl ", *COMMANDS)
        self.assertNotIn("--describe", found)

    def test_commands_that_begin_so(self):
        found = self.offers("rustlandctl re", "release", "reload", "reset-failed", "restart")
        self.assertNotIn("status", found)

    def test_options_of_a_command(self):
        found = self.offers("rustlandctl start --", "--scheduler", "--take-over", "--json")
        self.assertNotIn("--dump", found)
        self.assertNotIn("--socket", found)

    def test_options_before_a_command(self):
        self.offers("rustlandctl --", "--socket", "--version", "--help")

    def test_command_after_an_option_with_a_value(self):
        self.offers("rustlandctl --socket /run/x hist", *(["history"] if self.shell.name != "zsh"
                                                          else []))

    def test_processes(self):
        found = self.shell.ask("rustlandctl explain ")
        self.assertTrue(any(re.fullmatch("[0-9]+", word) for word in found), found)

    def test_options_of_the_scheduler(self):
        self.offers("rustland --", "--policy", "--slice-us", "--stats", "--help-stats")

    def test_policies(self):
        self.offers("rustland --policy ", "deadline", "fifo")

    def test_loads(self):
        self.offers("rustland-bench --load ", "build", "hog", "mixed", "none")

    def test_log_levels(self):
        self.offers("rustlandd --log-level ", "error", "warning", "info", "debug")

    def test_hidden_options(self):
        found = self.offers("rustlandd --", "--config", "--run-dir")
        self.assertNotIn("--proc-root", found)


class BashTest(Cases, unittest.TestCase):
    shell = Bash()

    def test_a_command_line_of_its_own(self):
        self.offers("rustlandctl run -- env", "env")


class FishTest(Cases, unittest.TestCase):
    shell = Fish()


class ZshTest(Cases, unittest.TestCase):
    shell = Zsh()


if __name__ == "__main__":
    FOLDER = os.path.abspath(sys.argv.pop(1))
    unittest.main()
