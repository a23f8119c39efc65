#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""reader-table.py FILE…: Markdown of what reader-guest has printed, one file for each seed."""

import statistics
import sys

sys.dont_write_bytecode = True

import figures  # noqa: E402  pylint: disable=wrong-import-position

LEAST_RATE = 30  # samples a second: the VM is slow, but with fewer nobody has read often


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.strip())
    print("| seed | ms a second without the reader | with it | change | us a decision without | with | "
          "decisions a second without | with | samples a second | us of the answering thread for each |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    changes = []
    for path in sys.argv[1:]:
        values = figures.read(path)
        # A figure that is missing, or nothing that was decided, ends this with an error.
        cost = {on: values[f"{on}.cpu_us"] / values[f"{on}.decisions"] for on in ("off", "on")}
        rate = {on: values[f"{on}.decisions"] * 1000 / values[f"{on}.elapsed_ms"]
                for on in ("off", "on")}
        busy = {on: values[f"{on}.cpu_us"] / values[f"{on}.elapsed_ms"] for on in ("off", "on")}
        samples = values["reader.samples"] * 1000 / values["on.elapsed_ms"]
        answer = (values["on.answering_us"] - values["off.answering_us"]) / values["reader.samples"]
        if samples < LEAST_RATE:
            sys.exit(f"reader-table: {path}: only {samples:.0f} samples a second")
        changes.append(100 * (busy["on"] / busy["off"] - 1))
        seed = path.rpartition("-")[2].removesuffix(".txt")
        print(f"| {seed} | {busy['off']:.2f} | {busy['on']:.2f} | {changes[-1]:+.2f} % | "
              f"{cost['off']:.2f} | {cost['on']:.2f} | {rate['off']:.0f} | {rate['on']:.0f} | {samples:.0f} | {answer:.0f} |")
    print(f"\nCPU time of the scheduling thread, median of the seeds: {statistics.median(changes):+.2f} % "
          "(aim: less than 1 %).")


if __name__ == "__main__":
    main()
