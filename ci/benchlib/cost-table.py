#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""cost-table.py FILE CPUS: Markdown of what costs-guest has printed."""

import sys


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    values = {}
    with open(sys.argv[1], encoding="utf-8") as file:
        for line in file:
            name, *pairs = line.split()
            values[name] = {key: int(number) for key, number in (p.split("=") for p in pairs)}
    elapsed_ns = values["run"]["elapsed_ms"] * 1_000_000
    machine_ns = elapsed_ns * int(sys.argv[2])
    rows = [(f"BPF {name.removeprefix('program.')}", row["runs"], row["ns"])
            for name, row in values.items() if name.startswith("program.") and row["runs"] > 0]
    rows += [(f"thread {name.removeprefix('thread.')}", None, row["ns"])
             for name, row in values.items() if name.startswith("thread.") and row["ns"] > 0]
    if not any(runs for _, runs, _ in rows):
        sys.exit("cost-table: no BPF program has run")
    rows.sort(key=lambda row: -row[2])
    print("| | runs a second | us a run | ms in all | % of all CPUs |")
    print("|---|--:|--:|--:|--:|")
    for name, runs, spent in rows:
        rate = f"{runs * 1e9 / elapsed_ns:,.0f} | {spent / runs / 1000:.2f}" if runs else " | "
        print(f"| {name} | {rate} | {spent / 1e6:.1f} | {100 * spent / machine_ns:.3f} |")
    for name, row in values.items():
        if name.startswith("counter."):
            print(f"\n{name.removeprefix('counter.')}: {row['n']:,}", end="")
    print()


if __name__ == "__main__":
    main()
