# SPDX-License-Identifier: GPL-2.0-only
"""Unit tests: every case that ctest knows of a preset."""

import os
import tempfile
import xml.etree.ElementTree

from testlib.process import ROOT, run
from testlib.report import FAIL, PASS, SKIP

LIMIT_SECONDS = 1200


def run_preset(preset, cpus, report):
    with tempfile.TemporaryDirectory(prefix="rustland-ctest.") as folder:
        path = os.path.join(folder, "result.xml")
        result = run(["ctest", "--test-dir", os.path.join(ROOT, "build", preset), "--output-junit",
                      path, "--output-on-failure", "--timeout", "120", "--parallel",
                      str(cpus)], timeout=LIMIT_SECONDS)
        if not os.path.exists(path):
            report.add(FAIL, f"unit/{preset}", "ctest did not finish", result.seconds,
                       result.output)
            return
        cases = list(xml.etree.ElementTree.parse(path).getroot().iter("testcase"))
    passed, bad = 0, 0
    for case in cases:
        name = f"unit/{preset}/{case.get('name')}"
        output = case.findtext("system-out") or ""
        if case.find("failure") is not None or case.get("status") == "fail":
            bad += 1
            report.add(FAIL, name, "", float(case.get("time", 0)), output)
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            bad += 1
            report.add(SKIP, name, skip_reason(case))
        else:
            passed += 1
    if passed:
        report.add(PASS, f"unit/{preset}", f"{passed} cases", result.seconds, count=passed)
    if not cases:
        report.add(FAIL, f"unit/{preset}", "ctest found no test", result.seconds, result.output)
    elif result.status != 0 and bad == 0:
        report.add(FAIL, f"unit/{preset}", f"ctest ended with status {result.status}",
                   result.seconds, result.output)


def skip_reason(case):
    """A GoogleTest case gives its reason in the line after the place of the skip."""
    lines = (case.findtext("system-out") or "").splitlines()
    for number, line in enumerate(lines[:-1]):
        if line.rstrip().endswith(": Skipped"):
            return lines[number + 1].strip()
    skipped = case.find("skipped")
    return (skipped.get("message") if skipped is not None else None) or "no reason given"
