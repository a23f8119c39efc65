# SPDX-License-Identifier: GPL-2.0-only
"""Finds in a kernel log what must not be there."""

import re

PREFIX = re.compile(r"^(<\d+>)?\s*(\[\s*\d+\.\d+\])?\s*(\[\s*[TC]\d+\])?\s*")
PROBLEM = re.compile(
    r"^Kernel panic|^BUG:|^kernel BUG at|^WARNING:|^Oops|^general protection fault"
    r"|^watchdog: BUG|soft lockup|hard LOCKUP|^rcu: INFO: .*(stall|starved)|^INFO: rcu.* stall"
    r"|^INFO: task .* blocked for more than|^unable to handle|^BUG: unable to handle"
    r"|^traps: .* trap|^double fault|Out of memory: Killed|^UBSAN:|^KASAN:|unchecked MSR access"
    r"|^list_(add|del) corruption|^refcount_t:|scheduling while atomic", re.IGNORECASE)
SCHED_EXT = re.compile(r"^sched_ext: ")
SCHED_EXT_NORMAL = re.compile(
    r'^sched_ext: BPF scheduler "[^"]*" '
    r"(enabled( \(partial\))?|disabled \(unregistered from user space\))\s*$")
# Faults of some of the kernels that we test on, harmless to whoever runs there:
# - A verdict of ops.select_cpu that is not used, since a sched_ext scheduler comes or goes at that
#   moment, is still there at the task's next wake-up. Mended by the kernel's commit 7e0ffb72de8a
#   ("sched_ext: Fix stale direct dispatch state in ddsp_dsq_id"); also sched-ext/scx issue 2758.
KERNEL_FAULTS = re.compile(r"^WARNING: .* at (kernel/sched/ext\.c:\d+ )?scx_dsq_insert_commit\+")
CONTEXT = 40  # lines that are shown after a problem: its registers and call trace


def message(line):
    return PREFIX.sub("", line, count=1)


class Verdict:
    def __init__(self):
        self.problems = []  # indices of lines
        self.expected_seen = False


def examine(lines, expected_sched_ext=None, allowed=None):
    """`expected_sched_ext`, `allowed`: compiled expressions, or None."""
    verdict = Verdict()
    for index, line in enumerate(lines):
        text = message(line)
        if KERNEL_FAULTS.search(text) or allowed and allowed.search(text):
            continue
        if SCHED_EXT.search(text):
            if SCHED_EXT_NORMAL.search(text):
                continue
            if expected_sched_ext and expected_sched_ext.search(text):
                verdict.expected_seen = True
                continue
            verdict.problems.append(index)
        elif PROBLEM.search(text):
            verdict.problems.append(index)
    return verdict


def excerpt(lines, problems):
    """The problems' lines, each with what follows it, as one text."""
    shown = set()
    for index in problems[:5]:
        shown.update(range(max(0, index - 2), min(len(lines), index + CONTEXT)))
    parts, previous = [], None
    for index in sorted(shown):
        if previous is not None and index != previous + 1:
            parts.append("…")
        parts.append(message(lines[index]))
        previous = index
    if len(problems) > 5:
        parts.append(f"… and {len(problems) - 5} more problem lines")
    return "\n".join(parts)
