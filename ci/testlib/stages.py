# SPDX-License-Identifier: GPL-2.0-only
"""The stages of a run as jobs: what waits for what, and how many CPUs each takes."""

import os
import time

from testlib import fuzz, kernels, lints, packages, unit, vm_tests
from testlib.process import ROOT, run
from testlib.report import FAIL, PASS, SKIP
from testlib.schedule import Job

PRESETS = ("dev", "asan")
BUILD_DEV = "build/dev"
SET_UP = "ci/setup"


def is_set_up():
    """Whether whoever calls says so."""
    return os.environ.get("RUSTLAND_SKIP_SETUP") == "1"


def set_up(report, name, *options):
    """True if ci/setup has done what the options say, or is not wanted."""
    if is_set_up():
        return True
    done = run([os.path.join(ROOT, "ci", "setup"), *options])
    print(done.output, end="", flush=True)
    if done.status != 0:
        report.add(FAIL, name, f"ci/setup ended with status {done.status}", done.seconds)
    return done.status == 0


class Stages:
    def __init__(self, schedule, report, selected, in_any_case):
        self._schedule = schedule
        self._report = report
        self._selected = selected
        self._in_any_case = in_any_case
        self._built = {}

    # What is built goes first, since the rest waits for it; each compiler run needs a whole CPU.
    # Then come the single tests, and last of all what keeps one CPU busy for long.

    def add_all(self, vm_cases, after=()):
        """`vm_cases`: None when they are added later (add_vm_tests)."""
        cpus = os.cpu_count() or 1
        late = [name for name, (_, needs_build) in lints.ALL.items()
                if needs_build and name in self._selected]
        for name, (check, needs_build) in lints.ALL.items():
            if name in self._selected and not needs_build:
                self._add("lint", name, lambda _, name=name, check=check: self._lint(name, check),
                          after=after)
        for_vms = {"dev"} if vm_cases is None else {case.preset for case in vm_cases}
        if f"unit/{PRESETS[0]}" in self._selected or late or "dev" in for_vms:
            self._add_build("dev", after)
        if "unit/asan" in self._selected or "asan" in for_vms:
            self._add_build("asan", after)
        if fuzz.NAME in self._selected:
            self._add("build", "build/fuzz", fuzz.build, cpus, cpus, after)
        for name in late:
            self._add("lint", name, lambda n, name=name: self._late_lint(name, n), 1, cpus,
                      (BUILD_DEV,))
        # The .debs are compiled as the dev build is: what it has compiled need not be compiled again.
        packages.add_jobs(self._schedule, self._selected, self._report, self._in_any_case,
                          (BUILD_DEV,) if "dev" in self._built else after)
        if fuzz.NAME in self._selected:
            self._add("fuzz", fuzz.NAME, lambda n: fuzz.run_all(n, self._report), 1, cpus,
                      ("build/fuzz",))
        if vm_cases:
            self.add_vm_tests(vm_cases)

    def add_vm_tests(self, cases):
        vm_tests.add_jobs(self._schedule, cases, self._report, lambda preset: f"build/{preset}",
                          lambda preset: self._built[preset])

    def add_kernels(self, plan, after):
        """Fetches the kernels while the rest goes on, looks at them and adds the tests on them.
        `plan`: called with what the kernels can do."""
        fetched = []
        self._add("setup", f"{SET_UP} (kernels)",
                  lambda _: fetched.append(set_up(self._report, "setup/kernels")), 0, 0, after)

        def examine(cpus):
            if fetched == [True]:
                self.add_vm_tests(plan(kernels.available(cpus)))

        self._add("setup", "looking at the kernels", examine, 1, 2, (f"{SET_UP} (kernels)",))

    def add_disk_image(self):
        """Made here so that the test that boots from it does not wait for it. One ci/setup at a time."""
        self._add("setup", f"{SET_UP} --systemd-image",
                  lambda _: set_up(self._report, "setup/image", "--no-kernels", "--systemd-image"),
                  after=(f"{SET_UP} (kernels)",))

    def _add(self, group, name, action, least=1, most=1, after=()):
        self._schedule.add(Job(group, name, action, least, most, after))

    def _add_build(self, preset, after):
        cpus = os.cpu_count() or 1
        self._built[preset] = False
        self._add("build", f"build/{preset}", lambda n: self._build(preset, n), cpus, cpus, after)
        if f"unit/{preset}" in self._selected:
            self._add("unit", f"unit/{preset}", lambda n: self._unit(preset, n), cpus, cpus,
                      (f"build/{preset}",))

    def _build(self, preset, cpus):
        done = run([os.path.join(ROOT, "ci", "build"), preset], RUSTLAND_SKIP_SETUP="1",
                   RUSTLAND_JOBS=str(cpus))
        self._built[preset] = done.status == 0
        if done.status != 0:
            self._report.add(FAIL, f"build/{preset}", "the build failed", done.seconds, done.output)
        else:
            print(f"      build/{preset} is ready  ({done.seconds:.1f} s)", flush=True)

    def _unit(self, preset, cpus):
        if self._built[preset]:
            unit.run_preset(preset, cpus, self._report)
        else:
            self._report.add(SKIP, f"unit/{preset}", "its build failed")

    def _lint(self, name, check):
        started = time.monotonic()
        passed, output = check()
        seconds = time.monotonic() - started
        if passed is None:
            self._report.add(SKIP, name, output)
        else:
            self._report.add(PASS if passed else FAIL, name, "", seconds, output)

    def _late_lint(self, name, cpus):
        if self._built["dev"]:
            self._lint(name, lambda: lints.ALL[name][0](cpus))
        else:
            self._report.add(SKIP, name, "the build failed")
