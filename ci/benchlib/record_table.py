#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""record_table.py DIR: Markdown of a record: each cell with its verdict, and the means.

Medians over the seeds, the worst seed in brackets. The criteria are those of docs/benchmarks.md.
"""

import collections
import sys

sys.dont_write_bytecode = True

import record_plan as plans  # noqa: E402  pylint: disable=wrong-import-position

# Not told, against EEVDF in the same cell.
FPS_RATIO = 0.97
FPS_RATIO_AGAIN = 0.95  # with ten new seeds
LONGEST_TIMES = 1.2
LONGEST_MORE_MS = 5
LATE_MORE = 2
# Told: by the rate of the screen.
TOLD = {60: (59.5, 48), 144: (143, 118)}
TOLD_LATE = 2
# Where the kernel alone leaves the game below this part of its rate, in the setups in which game and
# load are one group, the mean ratio must be at least MEAN_RATIO.
LEFT_BEHIND = 0.95
ONE_GROUP = ("one-session", "app-slice")
MEAN_RATIO = 1.15
# A rounding error of the sums is no loss.
EXACT = 1e-6

Figure = collections.namedtuple("Figure", "median worst")
GET = {
    "fps": (lambda run: run["frames"]["fps"], min),
    "low1": (lambda run: run["frames"]["low1_fps"], min),
    "max_ms": (lambda run: run["frames"]["max_ms"], max),
    "late": (lambda run: run["audio"]["late"], max),
    "work": (lambda run: run["work"]["total_iterations_per_s"], min),
}


def figure(runs, key):
    get, worst = GET[key]
    values = [get(run) for run in runs]
    return Figure(plans.median(values), worst(values))


def figures(runs):
    """Of all keys; None if there is no run."""
    return {key: figure(runs, key) for key in GET} if runs else None


def told_targets(hz):
    """Frame rate and 1 % low of a game that the scheduler is told of."""
    return TOLD.get(hz, (hz * TOLD[60][0] / 60, hz * TOLD[60][1] / 60))


def judge_untold(base, ours, again):
    """What fails; `again` are frame rates (EEVDF's, ours) with new seeds, or None."""
    bad = []
    ratio = ours["fps"].median / base["fps"].median
    if ratio < FPS_RATIO - EXACT:
        if again is None or again[1] / again[0] < FPS_RATIO_AGAIN - EXACT:
            bad.append("fps")
    if ours["low1"].median < base["low1"].median - EXACT:
        bad.append("1 % low")
    if ours["max_ms"].median > max(base["max_ms"].median * LONGEST_TIMES,
                                   base["max_ms"].median + LONGEST_MORE_MS) + EXACT:
        bad.append("longest")
    if ours["late"].median > base["late"].median + LATE_MORE:
        bad.append("late")
    return bad


def judge_told(told, hz):
    fps, low1 = told_targets(hz)
    bad = []
    if told["fps"].median < fps - EXACT:
        bad.append("told fps")
    if told["low1"].median < low1 - EXACT:
        bad.append("told 1 % low")
    if told["late"].median > TOLD_LATE:
        bad.append("told late")
    return bad


class CellResult:
    """All there is of one cell under one kernel."""

    def __init__(self, folder, plan, kernel, number, cell):
        self.kernel, self.number, self.cell = kernel, number, cell
        runs = list(plans.runs_of_cell(plan))
        results = plans.group(folder, kernel, number, runs)
        retried = plans.group(folder, kernel, number, plans.retries_of_cell(plan))
        self.wanted = len(plan["seeds"])
        self.figures = {name: figures(found) for name, found in results.items()}
        self.missing = [name for name, found in results.items() if len(found) < self.wanted]
        self.again = None
        if retried["eevdf-retry"] and retried["rustland-retry"]:
            self.again = (plans.median_fps(retried["eevdf-retry"]),
                          plans.median_fps(retried["rustland-retry"]))
        first = next((found[0] for found in results.values() if found), None)
        self.about = first["scenario"]["cell"] if first else None

    def ratio(self, name, key="fps"):
        base, other = self.figures.get("eevdf"), self.figures.get(name)
        if not base or not other or not base[key].median:
            return None
        return other[key].median / base[key].median

    def left_behind(self):
        """Whether the kernel alone has the game far below its rate, in one group with the load."""
        base = self.figures.get("eevdf")
        return bool(self.about and base and self.about["setup"] in ONE_GROUP
                    and base["fps"].median < LEFT_BEHIND * self.about["hz"])

    def verdict(self):
        bad = [f"no result: {name}" for name in self.missing]
        base, ours = self.figures.get("eevdf"), self.figures.get("rustland")
        if base and ours:
            bad += judge_untold(base, ours, self.again)
        if self.figures.get("told"):
            bad += judge_told(self.figures["told"], self.about["hz"])
        return "fail: " + ", ".join(bad) if bad else "pass"


def number(value, digits=1):
    return "-" if value is None else f"{value:.{digits}f}"


def pair(found, key, digits=1):
    """Median and, in brackets, the worst seed."""
    if not found:
        return "-"
    return f"{found[key].median:.{digits}f} ({found[key].worst:.{digits}f})"


def both(result, key, digits):
    sides = [result.figures.get(name) for name in ("eevdf", "rustland")]
    return " / ".join(number(side[key].median if side else None, digits) for side in sides)


HEADER = ("#", "cell", "equal shares", "EEVDF fps", "again", "rustland fps", "ratio",
          "1 % low", "longest ms", "late", "told fps", "told 1 % low", "told late", "work", "verdict")


def row(result, peers):
    about, f = result.about, result.figures
    cells = [str(result.number), about["short"] if about else result.cell,
             number(about and about["equal_share_fps"]), pair(f.get("eevdf"), "fps"),
             number(result.ratio(plans.NOISE), 2), pair(f.get("rustland"), "fps"),
             number(result.ratio("rustland"), 2), both(result, "low1", 0), both(result, "max_ms", 0),
             both(result, "late", 0), pair(f.get("told"), "fps"), pair(f.get("told"), "low1", 0),
             pair(f.get("told"), "late", 0), number(result.ratio("rustland", "work"), 2)]
    cells += [pair(f.get(peer), "fps") for peer in peers]
    return [*cells, result.verdict()]


def markdown(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|--:|---|" + "--:|" * (len(header) - 3) + "---|"]
    return "\n".join(lines + ["| " + " | ".join(cells) + " |" for cells in rows])


def mean(values):
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def means(results):
    """What the cells say together, a line each."""
    behind = [r for r in results if r.left_behind()]
    lines = [f"- {sum(r.verdict() == 'pass' for r in results)} of {len(results)} cells pass."]
    if behind:
        bound = mean(r.about["equal_share_fps"] / r.figures["eevdf"]["fps"].median for r in behind)
        ratio = mean(r.ratio("rustland") for r in behind)
        lines.append(f"- Not told, in the {len(behind)} cells of one group in which EEVDF has less "
                     f"than {LEFT_BEHIND:.0%} of the game's rate: {number(ratio, 2)} of EEVDF's "
                     f"frame rate in the mean (target {MEAN_RATIO}; equal shares allow at most "
                     f"{number(bound, 2)}).")
    rest = [r for r in results if r not in behind]
    if rest:
        lines.append(f"- Not told, in the other {len(rest)} cells: "
                     f"{number(mean(r.ratio('rustland') for r in rest), 2)} in the mean.")
    noise = [r.ratio(plans.NOISE) for r in results if r.ratio(plans.NOISE) is not None]
    if noise:
        lines.append(f"- EEVDF against itself with other seeds: {min(noise):.2f} to "
                     f"{max(noise):.2f}, {number(mean(noise), 2)} in the mean.")
    lines.append(f"- Total work against EEVDF: not told "
                 f"{number(mean(r.ratio('rustland', 'work') for r in results), 3)}, told "
                 f"{number(mean(r.ratio('told', 'work') for r in results), 3)} in the mean.")
    return "\n".join(lines)


def table(folder):
    plan = plans.read_plan(folder)
    peers = [s.removeprefix("peer:") for s in plan["schedulers"] if s.startswith("peer:")]
    for peer in peers:  # results carry the name without the prefix
        plan["schedulers"][plan["schedulers"].index(f"peer:{peer}")] = peer
    all_results = [CellResult(folder, plan, *cell) for cell in plans.cells_of(plan)]
    text = [f"Draw seed {plan['draw']} (commit {plan['commit']}), {plan['cpus']} CPUs, "
            f"{plan['duration']} s a run, seeds {' '.join(map(str, plan['seeds']))}"]
    header = [*HEADER[:-1], *(f"{peer} fps" for peer in peers), HEADER[-1]]
    for kernel in dict.fromkeys(r.kernel for r in all_results):
        results = [r for r in all_results if r.kernel == kernel]
        text += [f"Linux {kernel}", markdown(header, [row(r, peers) for r in results]),
                 means(results)]
    text += ["The cells, to be repeated with `ci/bench cells --cells \"…\"`:",
             "\n".join(f"{i}. `{cell}`" for i, cell in enumerate(plan["cells"]))]
    return "\n\n".join(text)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    try:
        print(table(sys.argv[1]))
    except plans.BadPlan as bad:
        sys.exit(f"bench: {bad}")
