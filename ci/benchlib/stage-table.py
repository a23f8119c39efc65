#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""stage-table.py STAGE JSON LABEL=FILE…: Markdown of what the guests of a stage have printed; all
figures of all seeds go to the file JSON.

Each file holds lines of a name and KEY=VALUE pairs, from one VM; files with the same label are
seeds of one scheduler, of which the median is taken. Ratios are to the first label.
"""

import collections
import json
import statistics
import sys

sys.dont_write_bytecode = True

import figures  # noqa: E402  pylint: disable=wrong-import-position

LESS, MORE = "less", "more"  # which is better
WAITERS = (
    ("2 hogs", "hogs"), ("2 hogs, nice 19", "hogs_nice19"), ("a hog bound to each CPU", "hogs_bound"),
    ("a hog bound to each CPU, nice 19", "hogs_bound_nice19"), ("2 that sleep", "sleepers"),
    ("one that sleeps bound to each CPU, nice 19", "sleepers_bound_nice19"),
    ("2 whose migration is disabled", "pinned"),
)
STAGES = {
    "stages": [
        ("wake-up, CPUs half busy: p50, us", "wakeups_half.p50_us", LESS),
        ("wake-up, CPUs half busy: p99, us", "wakeups_half.p99_us", LESS),
        ("wake-up, CPUs half busy: longest, us", "wakeups_half.max_us", LESS),
        ("wake-up, CPUs overloaded: p50, us", "wakeups_full.p50_us", LESS),
        ("wake-up, CPUs overloaded: p99, us", "wakeups_full.p99_us", LESS),
        ("wake-up, CPUs overloaded: longest, us", "wakeups_full.max_us", LESS),
        ("wake-up, CPUs overloaded: messages a second", "wakeups_full.per_second", MORE),
        ("hackbench, processes and sockets, s", "hackbench_sockets.seconds", LESS),
        ("hackbench, threads and pipes, s", "hackbench_pipes.seconds", LESS),
        ("stress-ng --switch, a second", "switches.per_second", MORE),
        ("fork storm, ms", "forks.ms", LESS),
        ("throughput of hogs, Mit/s", "hogs.total_mit_s", MORE),
        ("hog with the least, Mit/s", "hogs.fewest_mit_s", MORE),
    ],
    "waits": [(f"{c}, {text}, longest wait, ms", f"{c}_{key}.longest_ms", LESS)
              for c in ("normal", "background") for text, key in WAITERS],
    "real": [
        ("timedemo: realtics for the demo", "demo.realtics", LESS),
        ("timedemo: frames a second", "timed.fps", MORE),
        ("timedemo: CPU time of the compilation, CPUs", "timed_compilation.cpus", MORE),
        ("paced: frames a second (35 wanted)", "paced.fps", MORE),
        ("paced: 1 % low, frames a second", "paced.low1_fps", MORE),
        ("paced: p99 frame time, ms (28.6 wanted)", "paced.p99_ms", LESS),
        ("paced: longest frame, ms", "paced.max_ms", LESS),
        ("paced: missed frames", "paced.missed", LESS),
        ("paced: CPU time of the compilation, CPUs", "paced_compilation.cpus", MORE),
    ],
}


def figure(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(value, base, better):
    """How good it is: above 1 is better than the first one, whatever is measured."""
    if not value or not base:
        return "-"
    return f"{value / base if better == MORE else base / value:.2f}"


def main():
    if len(sys.argv) < 4 or sys.argv[1] not in STAGES:
        sys.exit(__doc__.strip())
    runs = collections.defaultdict(list)
    for argument in sys.argv[3:]:
        label, _, path = argument.rpartition("=")
        # Single frames repeat, and go to logs of their own.
        runs[label].append({key: value for key, value in figures.read(path).items()
                            if not key.endswith("_frame.ms")})
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump({"stage": sys.argv[1], "runs": runs}, file, indent=1)
        file.write("\n")
    labels = list(runs)
    print("| | " + " | ".join([labels[0], *(f"{label} | worst seed | ratio"
                                             for label in labels[1:])]) + " |")
    print("|---|--:" + "|--:|--:|--:" * (len(labels) - 1) + "|")
    for text, key, better in STAGES[sys.argv[1]]:
        # One that is missing ends this with an error.
        values = {label: [run[key] for run in runs[label]] for label in labels}
        base = statistics.median(values[labels[0]])
        cells = [figure(base)]
        for label in labels[1:]:
            middle = statistics.median(values[label])
            worst = (max if better == LESS else min)(values[label])
            cells += [figure(middle), figure(worst), ratio(middle, base, better)]
        print(f"| {text} | " + " | ".join(cells) + " |")
    print("\nRatios above 1 are better than", labels[0] + ", whatever is measured.")


if __name__ == "__main__":
    main()
