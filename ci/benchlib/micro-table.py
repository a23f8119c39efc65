#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""micro-table.py RESULT.json: Google Benchmark's medians as a Markdown table."""

import json
import sys


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    with open(sys.argv[1], encoding="utf-8") as file:
        result = json.load(file)
    rows = [row for row in result["benchmarks"] if row.get("aggregate_name") == "median"]
    if not rows or any(row.get("error_occurred") for row in result["benchmarks"]):
        sys.exit("micro-table: the result holds errors or no medians")
    spread = {row["run_name"]: row for row in result["benchmarks"]
              if row.get("aggregate_name") == "cv"}
    print("| operation | tasks | CPU time, ns | ns per task | spread | allocations |")
    print("|---|--:|--:|--:|--:|--:|")
    for row in rows:
        name, _, tasks = row["run_name"].partition("/")
        time = row["cpu_time"]
        # A round deals with that many tasks; elsewhere they wait while one is dealt with.
        each = time / int(tasks) if name.startswith("round") else time
        allocations = row.get("allocations")
        print(f"| {name} | {int(tasks):,} | " if tasks else f"| {name} | | ", end="")
        print(f"{time:,.1f} | {each:,.1f} | {100 * spread[row['run_name']]['cpu_time']:.0f} % | "
              f"{'not counted' if allocations is None else format(allocations, '.0f')} |")


if __name__ == "__main__":
    main()
