# SPDX-License-Identifier: GPL-2.0-only
"""VM tests: which script runs on which kernel, and what came out of it.

A test is an executable script tests/vm/NAME.sh that runs in the VM. Comments at its top, one per
line, say what it needs:

  # vm kernels: smoke          smoke: every kernel; full (default): 6.18 and the newest, or
                               every kernel with --all; main: 6.18, or every kernel with --all
  # vm on: ok                  ok (default): kernels that can load our scheduler; none: those
                               without sched_ext; broken: those whose type information is broken;
                               any: all; several words may be given
  # vm pending: REASON          reported as skipped; runs with --all or --only
  # vm realtime                else deterministic (`# vm seed: N`, default 1)
  # vm generic                 on the generic 6.18 kernel only
  # vm preset: asan            with the programs of that build; default dev
  # vm root: systemd           in the Debian image; default minimal
  # vm modules: vgem           of the kernel, loaded before the test
  # vm cpus: 4                 also a topology such as 4,cores=2,threads=2
  # vm memory: 1G
  # vm timeout: 60             seconds of the VM's clock
  # vm append: ARGS            kernel arguments
  # vm qemu: ARGS              more arguments for QEMU
  # vm expect-sched-ext-error: REGEX
  # vm allow-log: REGEX
"""

import dataclasses
import glob
import os
import re

from testlib import kernels
from testlib.process import ROOT, run
from testlib.report import FAIL, PASS, SKIP
from testlib.schedule import Job

MAIN_SERIES = "6.18"
SKIP_STATUS = 77
KEYS = {"kernels", "pending", "on", "realtime", "seed", "generic", "preset", "root", "cpus",
        "memory", "timeout", "modules", "append", "qemu", "expect-sched-ext-error", "allow-log"}
PRESETS = ("dev", "asan")
PASSED_ON = ("seed", "preset", "root", "cpus", "memory", "timeout", "append",
             "expect-sched-ext-error", "allow-log")


class BadHeader(Exception):
    """A test's header cannot be understood."""


@dataclasses.dataclass
class Case:
    """One test on one kernel."""
    script: str
    needs: dict
    kernel: kernels.Kernel

    @property
    def name(self):
        test = os.path.basename(self.script).removesuffix(".sh")
        return f"vm/{test}@{self.kernel.series}"

    @property
    def pending(self):
        """Why the test is left out by default; empty if it is not."""
        return self.needs.get("pending", "")

    @property
    def preset(self):
        """The build whose programs it runs."""
        return self.needs.get("preset", PRESETS[0])

    def in_any_case(self):
        """The same test, run although it is pending."""
        needs = {key: value for key, value in self.needs.items() if key != "pending"}
        return dataclasses.replace(self, needs=needs)

    def with_seed(self, seed):
        """The same test with another seed: a different course of events. In real time there is none."""
        if "realtime" in self.needs:
            return self
        return dataclasses.replace(self, needs={**self.needs, "seed": str(seed)})

    def options(self):
        line = ["--kernel", self.kernel.series.removesuffix("-generic")]
        if self.kernel.series.endswith("-generic"):
            line.append("--generic")
        if "realtime" in self.needs:
            line.append("--realtime")
        for key in PASSED_ON:
            if key in self.needs:
                line.append(f"--{key}={self.needs[key]}")
        line += [f"--module={name}" for name in self.needs.get("modules", "").split()]
        line += [f"--qemu={word}" for word in self.needs.get("qemu", "").split()]
        return line


def read_needs(script):
    needs = {}
    with open(script, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                break
            match = re.fullmatch(r"# vm ([a-z-]+)(?:: *(.*?))? *", line.rstrip("\n"))
            if match:
                needs[match[1]] = match[2] or ""
    name = os.path.relpath(script, ROOT)
    if unknown := set(needs) - KEYS:
        raise BadHeader(f"{name}: unknown need '{sorted(unknown)[0]}'")
    if needs.get("kernels", "full") not in ("smoke", "full", "main"):
        raise BadHeader(f"{name}: kernels must be smoke, full or main, not '{needs['kernels']}'")
    if needs.get("preset", PRESETS[0]) not in PRESETS:
        raise BadHeader(f"{name}: preset must be {' or '.join(PRESETS)}, not '{needs['preset']}'")
    wanted = set(needs.get("on", kernels.OK).split())
    if not wanted or not wanted <= {kernels.OK, kernels.NONE, kernels.BROKEN, "any"}:
        raise BadHeader(f"{name}: on must be ok, none, broken or any, not '{needs.get('on')}'")
    return needs


def scripts():
    return sorted(path for path in glob.glob(os.path.join(ROOT, "tests", "vm", "*.sh"))
                  if os.access(path, os.X_OK))


def kernels_for(needs, available, everything):
    """The kernels that a test runs on; missing ones are included, to be reported as skipped."""
    wanted = set(needs.get("on", kernels.OK).split())
    plain = [kernel for kernel in available if not kernel.series.endswith("-generic")]
    if "generic" in needs:
        return [kernel for kernel in available if kernel.series.endswith("-generic")]
    fitting = [kernel for kernel in plain
               if "any" in wanted or kernel.capability in wanted
               or kernel.capability in (kernels.MISSING, kernels.UNKNOWN)]
    if everything or needs.get("kernels", "full") == "smoke":
        return fitting
    usable = [kernel for kernel in fitting if kernel.capability in wanted | {kernels.OK}]
    newest = usable[-1:]
    main = [kernel for kernel in fitting if kernel.series == MAIN_SERIES]
    if needs.get("kernels") == "main":
        return main
    return main + [kernel for kernel in newest if kernel not in main]


def plan(available, everything):
    return [Case(script, needs, kernel)
            for script in scripts() for needs in [read_needs(script)]
            for kernel in kernels_for(needs, available, everything)]


def run_case(case, report):
    if case.pending:
        report.add(SKIP, case.name, f"{case.pending}; runs with --all or --only")
        return
    if case.kernel.capability == kernels.MISSING:
        report.add(SKIP, case.name, f"no kernel of the series {case.kernel.series} can be had")
        return
    if case.kernel.capability == kernels.UNKNOWN:
        report.add(FAIL, case.name, f"cannot examine the kernel: {case.kernel.problem}")
        return
    result = run([os.path.join(ROOT, "ci", "vm"), *case.options(),
                  "--share", os.path.join(ROOT, "tests", "vm"), "--",
                  "env", f"VM_KERNEL={case.kernel.series.removesuffix('-generic')}",
                  f"VM_CAPABILITY={case.kernel.capability}",
                  f"/share/{os.path.basename(case.script)}"])
    last = (result.output.strip().splitlines() or ["no output"])[-1]
    if result.status == 0:
        report.add(PASS, case.name, "", result.seconds)
    elif result.status == SKIP_STATUS:
        report.add(SKIP, case.name, last.removeprefix("SKIP: "), result.seconds)
    else:
        report.add(FAIL, case.name, f"status {result.status}", result.seconds, result.output)


def add_jobs(schedule, cases, report, after, built):
    """`after(preset)`: the job that builds it. `built(preset)`: whether it has, once that has ended."""
    def run_one(case):
        if case.pending or built(case.preset):
            run_case(case, report)
        else:
            report.add(SKIP, case.name, "the build failed")

    # The longest first, so that none of them is left alone at the end.
    for case in sorted(cases, key=lambda case: -int(case.needs.get("timeout", 120))):
        # A VM keeps one CPU busy; one in real time a little more, and stands being held up.
        # What is left out waits for no build.
        schedule.add(Job("vm", case.name, lambda _cpus, case=case: run_one(case),
                         after=() if case.pending else (after(case.preset),)))
