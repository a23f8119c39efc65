# SPDX-License-Identifier: GPL-2.0-only
"""The packages: each step of ci/package is a test."""

import os

from testlib.process import ROOT, run
from testlib.report import FAIL, PASS, SKIP

# In the order in which they need each other.
STEPS = ("version", "deb", "lintian", "blhc", "tests", "quilt", "reproducible", "rpm", "rpmlint",
         "compare", "deb-check", "rpm-check", "arm64", "distro-trixie", "distro-sid", "vm", "tutorial")
# Left out by default, with the reason.
PENDING = {
    "reproducible": "builds all of it a second time from nothing, ten minutes",
    "deb-check": "compiles the unit tests with the packages' flags, ten minutes",
    "rpm-check": "runs the unit tests as deb-check does, whose objects it takes",
    "distro-trixie": "compiles all of it with another release's compiler, twenty minutes",
    "distro-sid": "compiles all of it with another release's compiler, twenty minutes",
    "arm64": "compiles all of it once more, with a compiler that it has to fetch",
    "tutorial": "compiles five times in an emulated machine, five minutes on an idle one",
}
# They need no package of an earlier step.
ALONE = ("version", "quilt", "rpm-check", "arm64", "distro-trixie", "distro-sid")
LIMIT_SECONDS = 3600
NAMES = tuple(f"package/{step}" for step in STEPS)


def run_all(selected, report, in_any_case):
    built = {}
    for step in STEPS:
        name = f"package/{step}"
        if name not in selected:
            continue
        if step in PENDING and not in_any_case:
            report.add(SKIP, name, f"{PENDING[step]}; runs with --all or --only")
            continue
        missing = [needed for needed in ("deb", "rpm")
                   if built.get(needed) is False and step not in (*ALONE, needed)]
        if missing:
            report.add(SKIP, name, f"package/{missing[0]} failed")
            continue
        result = run([os.path.join(ROOT, "ci", "package"), step], timeout=LIMIT_SECONDS,
                     RUSTLAND_SKIP_SETUP="1")
        built[step] = result.status == 0
        if built[step]:
            report.add(PASS, name, "", result.seconds)
        else:
            report.add(FAIL, name, f"status {result.status}", result.seconds, result.output)
