# SPDX-License-Identifier: GPL-2.0-only
"""The packages: each step of ci/package is a test."""

import os

from testlib.process import ROOT, run
from testlib.report import FAIL, PASS, SKIP
from testlib.schedule import Job

# In the order in which they need each other.
STEPS = ("version", "deb", "lintian", "blhc", "tests", "quilt", "reproducible", "rpm", "rpmlint",
         "compare", "deb-check", "rpm-check", "arm64", "distro-trixie", "distro-sid", "vm", "tutorial")
# Left out by default, with the reason.
PENDING = {
    "reproducible": "builds all of it a second time from nothing, ten minutes",
    "deb-check": "compiles the unit tests once more, with the packages' flags",
    "rpm-check": "runs the unit tests as deb-check does, whose objects it takes",
    "distro-trixie": "compiles all of it once more, with another release's compiler",
    "distro-sid": "compiles all of it once more, with another release's compiler",
    "arm64": "compiles all of it once more, with a compiler that it has to fetch",
    "tutorial": "compiles five times in an emulated machine, five minutes on an idle one",
}
COMPILE = ("deb", "reproducible", "rpm", "deb-check", "rpm-check", "arm64", "distro-trixie",
           "distro-sid")
# They need no package of an earlier step.
ALONE = ("version", "quilt", "rpm-check", "arm64", "distro-trixie", "distro-sid")
LIMIT_SECONDS = 3600
NAMES = tuple(f"package/{step}" for step in STEPS)


def add_jobs(schedule, selected, report, in_any_case, after):
    """One step after another, as they need what others have made; `after`: jobs to wait for."""
    built = {}
    for step in STEPS:
        name = f"package/{step}"
        if name not in selected:
            continue
        if step in PENDING and not in_any_case:
            report.add(SKIP, name, f"{PENDING[step]}; runs with --all or --only")
            continue
        # Only the steps that compile have work for more than one CPU.
        schedule.add(Job("package", name, lambda cpus, step=step: run_step(step, cpus, built, report),
                         most=os.cpu_count() if step in COMPILE else 1, after=after))
        after = (name,)


def run_step(step, cpus, built, report):
    name = f"package/{step}"
    missing = [needed for needed in ("deb", "rpm")
               if built.get(needed) is False and step not in (*ALONE, needed)]
    if missing:
        report.add(SKIP, name, f"package/{missing[0]} failed")
        return
    result = run([os.path.join(ROOT, "ci", "package"), step], timeout=LIMIT_SECONDS,
                 RUSTLAND_SKIP_SETUP="1", RUSTLAND_JOBS=str(cpus))
    built[step] = result.status == 0
    if built[step]:
        report.add(PASS, name, "", result.seconds)
    else:
        report.add(FAIL, name, f"status {result.status}", result.seconds, result.output)
