# SPDX-License-Identifier: GPL-2.0-only
"""What happened to each test, and how it is shown."""

import sys
import threading

PASS, FAIL, SKIP = "PASS", "FAIL", "SKIP"
OUTPUT_LINES = 150  # of a failing test


class Report:
    def __init__(self):
        self._lock = threading.Lock()
        self._counts = {PASS: 0, FAIL: 0, SKIP: 0}
        self._skips = []

    def add(self, outcome, name, reason="", seconds=None, output="", count=1):
        """One finished test; `count` is more than 1 when one line stands for several cases."""
        with self._lock:
            self._counts[outcome] += count
            line = f"{outcome}  {name}"
            if reason:
                line += f": {reason}"
            if seconds is not None:
                line += f"  ({seconds:.1f} s)"
            print(line)
            if outcome == SKIP:
                self._skips.append(f"{name}: {reason}")
            if outcome == FAIL and output:
                lines = output.rstrip().splitlines()
                if len(lines) > OUTPUT_LINES:
                    print(f"      | … {len(lines) - OUTPUT_LINES} lines left out")
                for text in lines[-OUTPUT_LINES:]:
                    print(f"      | {text}")
            sys.stdout.flush()

    def show_skipped(self):
        if self._skips:
            print("\nSkipped:")
            for skip in self._skips:
                print(f"  {skip}")

    def finish(self):
        """Prints the totals; the exit status of the whole run. A run of nothing is a failure."""
        if not any(self._counts.values()):
            self.add(FAIL, "no test", "nothing was run")
        print(f"{self._counts[PASS]} passed, {self._counts[FAIL]} failed, "
              f"{self._counts[SKIP]} skipped", flush=True)
        return 1 if self._counts[FAIL] else 0
