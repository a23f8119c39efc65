#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The record of ci/bench: what is left to run after an interruption, and the verdicts of its table."""

import json
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "ci",
                                "benchlib"))
import record_plan as plans  # noqa: E402
import record_table as tables  # noqa: E402

PAIRS = ["draw=7", "commit=abc", "programs=1", "kernel=6.18", "newest=7.3", "cpus=4", "duration=5",
         "seeds=1 2 3 4 5", "schedulers=eevdf rustland told", "cells=a/b:1@sessions c/d:2@app-slice",
         "newest_cells=a/b:1@sessions"]


def result(fps, low1=40.0, longest=33.3, late=0, work=100.0, hz=60, setup="app-slice", bound=60.0):
    return {"frames": {"fps": fps, "low1_fps": low1, "max_ms": longest}, "audio": {"late": late},
            "work": {"total_iterations_per_s": work},
            "scenario": {"cell": {"short": "heavy/hog:8@" + setup, "hz": hz, "setup": setup,
                                  "equal_share_fps": bound}}}


class Record(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        plans.new_plan(self.folder, PAIRS)

    def finish(self, base, run):
        with open(os.path.join(self.folder, base + ".json"), "w", encoding="utf-8") as file:
            json.dump({"runs": [run]}, file)

    def finish_all(self, figures):
        """Every run that is left, with the figures of its scheduler, until nothing is."""
        while lines := list(plans.todo(self.folder)):
            for line in lines:
                base, _, scheduler, seed, _ = line.split()
                self.finish(base, figures(scheduler, int(seed)))


class Plan(Record):
    def test_each_cell_has_each_seed_and_a_yardstick(self):
        lines = [line.split() for line in plans.todo(self.folder)]
        # Three schedulers and EEVDF again, five seeds, two cells and one on the newest kernel.
        self.assertEqual(len(lines), 4 * 5 * 3)
        self.assertEqual(len({line[0] for line in lines}), len(lines))
        of_eevdf = {line[3] for line in lines if line[2] == "eevdf"}
        self.assertEqual(of_eevdf, {str(seed) for seed in range(1, 11)})
        self.assertEqual({line[4] for line in lines if line[1] == "7.3"}, {"a/b:1@sessions"})

    def test_goes_on_where_it_stopped(self):
        lines = list(plans.todo(self.folder))
        self.finish(lines[0].split()[0], result(60))
        with open(os.path.join(self.folder, lines[1].split()[0] + ".failed"), "w",
                  encoding="utf-8"):
            pass
        # What was being written when it was interrupted is no result.
        with open(os.path.join(self.folder, lines[2].split()[0] + ".json.part"), "w",
                  encoding="utf-8"):
            pass
        self.assertEqual(list(plans.todo(self.folder)), lines[2:])
        plans.new_plan(self.folder, PAIRS)
        self.assertEqual(list(plans.todo(self.folder)), lines[2:])

    def test_refuses_other_programs_or_options(self):
        for change in ("programs=2", "seeds=1 2", "draw=8"):
            with self.assertRaisesRegex(plans.BadPlan, change.split("=", maxsplit=1)[0]):
                plans.new_plan(self.folder, [*PAIRS, change])
        with self.assertRaisesRegex(plans.BadPlan, "--resume"):
            plans.read_plan(os.path.join(self.folder, "elsewhere"))

    def test_a_cell_below_the_limit_gets_ten_new_seeds(self):
        self.finish_all(lambda scheduler, seed: result(50 if scheduler == "rustland" else 60))
        names = os.listdir(os.path.join(self.folder, "runs"))
        again = [n for n in names if n.startswith("6.18-00-rustland-")]
        self.assertEqual(len(again), 5 + 10)
        self.assertEqual(len([n for n in names if n.startswith("6.18-00-told-")]), 5)

    def test_a_cell_above_it_does_not(self):
        self.finish_all(lambda scheduler, seed: result(60))
        self.assertEqual(len(os.listdir(os.path.join(self.folder, "runs"))), 4 * 5 * 3)


class Table(Record):
    def cells(self, figures):
        self.finish_all(figures)
        plan = plans.read_plan(self.folder)
        return [tables.CellResult(self.folder, plan, *cell) for cell in plans.cells_of(plan)]

    def verdict(self, figures):
        return self.cells(figures)[0].verdict()

    def test_equal_figures_pass(self):
        self.assertEqual(self.verdict(lambda *_: result(60, low1=60, late=2)), "pass")

    def test_each_criterion_of_a_game_that_is_not_told_can_fail(self):
        good = {"fps": 50, "low1": 30, "longest": 50, "late": 3}
        base = tables.figures([result(**good)])
        for bad, name in (({"fps": 48.4}, "fps"), ({"low1": 29}, "1 % low"),
                          ({"longest": 60.1}, "longest"), ({"late": 6}, "late")):
            ours = tables.figures([result(**{**good, **bad})])
            self.assertEqual(tables.judge_untold(base, ours, None), [name])

    def test_new_seeds_can_confirm_or_clear_a_low_frame_rate(self):
        base, ours = tables.figures([result(50)]), tables.figures([result(48.4)])
        self.assertEqual(tables.judge_untold(base, ours, (50, 47.4)), ["fps"])
        self.assertEqual(tables.judge_untold(base, ours, (50, 47.5)), [])

    def test_limits_themselves_pass(self):
        base = tables.figures([result(50, low1=30, longest=20, late=3)])
        ours = tables.figures([result(48.5, low1=30, longest=25, late=5)])
        self.assertEqual(tables.judge_untold(base, ours, None), [])
        self.assertEqual(tables.judge_told(tables.figures([result(59.5, low1=48, late=2)]), 60), [])
        self.assertEqual(tables.judge_told(tables.figures([result(143, low1=118)]), 144), [])
        self.assertEqual(tables.judge_told(tables.figures([result(142.9, low1=117, late=3)]), 144),
                         ["told fps", "told 1 % low", "told late"])

    def test_new_seeds_can_clear_a_cell(self):
        def run(scheduler, seed):
            if scheduler == "told":
                return result(60, low1=60)
            return result(57 if scheduler == "rustland" and seed <= 5 else 60)
        self.assertEqual(self.verdict(run), "pass")

    def test_medians_decide_and_the_worst_seed_is_shown(self):
        def run(scheduler, seed):
            return result(10 if scheduler == "rustland" and seed == 3 else 60, low1=60)
        self.assertEqual(self.verdict(run), "pass")
        self.assertIn("| 60.0 (10.0) |", tables.table(self.folder))

    def test_a_run_that_failed_fails_its_cell(self):
        base = next(plans.todo(self.folder)).split()[0]
        with open(os.path.join(self.folder, base + ".failed"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.verdict(lambda *_: result(60, low1=60)), "fail: no result: eevdf")

    def test_the_mean_is_over_the_cells_in_which_eevdf_is_behind(self):
        def run(scheduler, _):
            return result(40 if scheduler == "eevdf" else 48, low1=48, bound=50)
        self.cells(run)
        text = tables.table(self.folder)
        self.assertIn("1.20 of EEVDF's frame rate in the mean (target 1.15; equal shares allow at "
                      "most 1.25)", text)
        self.assertIn("`c/d:2@app-slice`", text)


if __name__ == "__main__":
    unittest.main()
