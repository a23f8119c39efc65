# SPDX-License-Identifier: GPL-2.0-only
"""Where the time of a run went."""

import dataclasses
import os
import threading

# In the order in which they are shown.
GROUPS = ("setup", "lint", "build", "unit", "fuzz", "vm", "package")
SUMMED = "vm"  # too many for a row each
LONGEST = 10


@dataclasses.dataclass(frozen=True)
class Row:
    group: str
    name: str
    wall: float
    cpu: float


class Times:
    def __init__(self):
        self._lock = threading.Lock()
        self._rows = []

    def add(self, group, name, wall, cpu):
        with self._lock:
            self._rows.append(Row(group, name, wall, cpu))

    def table(self, run_seconds, everything):
        """As text; without `everything` the VM tests are one row and the longest of them."""
        with self._lock:
            rows = list(self._rows)
        total = sum(row.cpu for row in rows)
        lines = [f"{'Where the time went':<44}{'wall s':>9}{'CPU s':>9}{'% CPU':>8}"]

        def line(name, wall, cpu):
            lines.append(f"{name:<44}{wall:9.1f}{cpu:9.1f}{100 * cpu / (total or 1):8.1f}")

        for group in GROUPS:
            members = [row for row in rows if row.group == group]
            if not members:
                continue
            if len(members) > 1:
                line(f"{group}: {len(members)} together", sum(row.wall for row in members),
                     sum(row.cpu for row in members))
            if group == SUMMED:
                members.sort(key=lambda row: row.wall, reverse=True)
                if not everything:
                    members = members[:LONGEST]
            for row in members:
                line(f"  {row.name}", row.wall, row.cpu)
        cpus = os.cpu_count() or 1
        busy = 100 * total / (run_seconds * cpus) if run_seconds else 0
        lines.append(f"The run: {run_seconds:.0f} s, {total:.0f} s of CPU time, {busy:.0f} % of what "
                     f"{cpus} CPUs have; stages overlap.")
        return "\n".join(lines)
