# SPDX-License-Identifier: GPL-2.0-only
"""Fuzzing: each target for some seconds, from the inputs that are in the tree. What it tries is the
same each time; ci/fuzz looks further."""

import os

from testlib.process import ROOT, run
from testlib.report import FAIL, PASS

NAME = "fuzz"
SECONDS = 20
LIMIT = 1800  # for the build, too


def build(cpus):
    """Compiles the targets; run_all() does it again, and says so where it fails."""
    run([os.path.join(ROOT, "ci", "fuzz"), "--build"], timeout=LIMIT, RUSTLAND_SKIP_SETUP="1",
        RUSTLAND_JOBS=str(cpus))


def run_all(cpus, report):
    seconds = os.environ.get("RUSTLAND_FUZZ_SECONDS", str(SECONDS))
    done = run([os.path.join(ROOT, "ci", "fuzz"), "--seconds", seconds, "--seed", "1"],
               timeout=LIMIT, RUSTLAND_SKIP_SETUP="1", RUSTLAND_JOBS=str(cpus))
    report.add(PASS if done.status == 0 else FAIL, NAME, f"{seconds} s each", done.seconds,
               done.output)
