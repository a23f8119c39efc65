#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""record_plan.py new DIR KEY=VALUE…: writes DIR/plan.json, or checks that it says the same.
record_plan.py todo DIR: what is left to run, a line each: BASE KERNEL SCHEDULER SEED CELL.
record_plan.py get DIR KEY: what the plan says.

A record is a plan and a small file for each run, BASE.json. A run that failed leaves BASE.failed.
"""

import json
import os
import sys

sys.dont_write_bytecode = True

LISTS = ("cells", "newest_cells", "seeds", "schedulers")
# EEVDF with other seeds is the yardstick of noise.
NOISE = "eevdf-again"
RETRY_SEEDS = 10
RETRY_BELOW = 0.97  # of EEVDF's frame rate


class BadPlan(Exception):
    """The text says what is wrong and what to do."""


def plan_path(folder):
    return os.path.join(folder, "plan.json")


def read_plan(folder):
    try:
        with open(plan_path(folder), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise BadPlan(f"cannot read the record's plan: {error}; give --resume the folder of a "
                      "record") from error


def check_same(old, new):
    """A record is of one plan and of the same programs from its beginning to its end."""
    for key in new:
        if old.get(key) != new[key]:
            raise BadPlan(f"the record was begun with {key} {old.get(key)}, this is {new[key]}: go "
                          "on with the same programs and options, or begin a new record without "
                          "--resume")


def new_plan(folder, pairs):
    plan = dict(pair.split("=", 1) for pair in pairs)
    for key in LISTS:
        plan[key] = plan.get(key, "").split()
    plan["seeds"] = [int(seed) for seed in plan["seeds"]]
    if os.path.exists(plan_path(folder)):
        check_same(read_plan(folder), plan)
        return
    os.makedirs(os.path.join(folder, "runs"), exist_ok=True)
    with open(plan_path(folder) + ".new", "w", encoding="utf-8") as file:
        json.dump(plan, file, indent=1)
        file.write("\n")
    os.rename(plan_path(folder) + ".new", plan_path(folder))


def cells_of(plan):
    """(kernel, number, cell) of the whole record; the newest kernel has the first few."""
    for number, cell in enumerate(plan["cells"]):
        yield plan["kernel"], number, cell
    for number, cell in enumerate(plan["newest_cells"]):
        yield plan["newest"], number, cell


def base_of(kernel, number, scheduler, seed):
    return f"runs/{kernel}-{number:02}-{scheduler.removeprefix('peer:')}-{seed}"


def runs_of_cell(plan):
    """(name, scheduler, seed): what each cell is run with."""
    for scheduler in plan["schedulers"]:
        for seed in plan["seeds"]:
            yield scheduler, scheduler, seed
    for seed in plan["seeds"]:
        yield NOISE, "eevdf", seed + max(plan["seeds"])


def retries_of_cell(plan):
    first = 1 + 2 * max(plan["seeds"])
    for scheduler in ("eevdf", "rustland"):
        for seed in range(first, first + RETRY_SEEDS):
            yield f"{scheduler}-retry", scheduler, seed


def read_run(folder, base):
    """The one run of a result; None if there is none."""
    try:
        with open(os.path.join(folder, base + ".json"), encoding="utf-8") as file:
            return json.load(file)["runs"][0]
    except OSError:
        return None


def median(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    if not ordered:
        return None
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def group(folder, kernel, number, runs):
    """name -> the results of its seeds, without those that are missing."""
    found = {}
    for name, scheduler, seed in runs:
        run = read_run(folder, base_of(kernel, number, scheduler, seed))
        found.setdefault(name, [])
        if run:
            found[name].append(run)
    return found


def median_fps(runs):
    return median([run["frames"]["fps"] for run in runs])


def needs_retry(plan, results):
    """Whether the frame rate, not told, is so far below EEVDF's that new seeds must say it, too."""
    if not results.get("rustland") or not results.get("eevdf"):
        return False
    if min(len(results["rustland"]), len(results["eevdf"])) < len(plan["seeds"]):
        return False  # not finished
    return median_fps(results["rustland"]) < RETRY_BELOW * median_fps(results["eevdf"])


def todo(folder):
    plan = read_plan(folder)
    for kernel, number, cell in cells_of(plan):
        runs = list(runs_of_cell(plan))
        if needs_retry(plan, group(folder, kernel, number, runs)):
            runs += retries_of_cell(plan)
        for _, scheduler, seed in runs:
            base = base_of(kernel, number, scheduler, seed)
            done = any(os.path.exists(os.path.join(folder, base + end))
                       for end in (".json", ".failed"))
            if not done:
                yield f"{base} {kernel} {scheduler} {seed} {cell}"


def main(arguments):
    if len(arguments) >= 3 and arguments[0] == "new":
        new_plan(arguments[1], arguments[2:])
    elif len(arguments) == 2 and arguments[0] == "todo":
        for line in todo(arguments[1]):
            print(line)
    elif len(arguments) == 3 and arguments[0] == "get":
        value = read_plan(arguments[1])[arguments[2]]
        print(" ".join(map(str, value)) if isinstance(value, list) else value)
    else:
        sys.exit(__doc__.strip())


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BadPlan as bad:
        sys.exit(f"bench: {bad}")
