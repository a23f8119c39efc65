#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""How ci/test runs its stages beside one another, and what it says of their times."""

import os
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "ci"))

# pylint: disable=wrong-import-position
from testlib.process import Meter, run  # noqa: E402
from testlib.schedule import Job, Schedule  # noqa: E402
from testlib.times import Times  # noqa: E402


class Watch:
    """How many CPUs the jobs took at a time, and in which order they began and ended."""

    def __init__(self):
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0
        self.granted = {}
        self.began = []
        self.ended = []

    def job(self, name, least=1, most=1, after=(), seconds=0.05):
        def action(cpus):
            with self._lock:
                self._now += cpus if least else 0
                self.most = max(self.most, self._now)
                self.granted[name] = cpus
                self.began.append(name)
            time.sleep(seconds)
            with self._lock:
                self._now -= cpus if least else 0
                self.ended.append(name)

        return Job("unit", name, action, least, most, after)


class ScheduleTest(unittest.TestCase):
    def setUp(self):
        self.watch = Watch()
        self.times = Times()
        self.schedule = Schedule(2, self.times)

    def run_jobs(self, *jobs):
        for job in jobs:
            self.schedule.add(job)
        self.schedule.run()

    def test_all_cpus_are_taken_and_never_more(self):
        self.run_jobs(*(self.watch.job(f"small {n}") for n in range(6)),
                      self.watch.job("whole", 2, 2), self.watch.job("any", 1, 2))
        self.assertEqual(self.watch.most, 2)
        self.assertEqual(len(self.watch.ended), 8)

    def test_what_does_not_fit_lets_others_pass(self):
        self.run_jobs(self.watch.job("first", seconds=0.3), self.watch.job("whole", 2, 2),
                      self.watch.job("small"))
        self.assertEqual(self.watch.began, ["first", "small", "whole"])

    def test_what_waits_for_others_takes_no_cpu(self):
        self.run_jobs(self.watch.job("download", 0, 0, seconds=0.3), self.watch.job("whole", 2, 2))
        self.assertEqual(self.watch.ended, ["whole", "download"])

    def test_a_job_gets_what_is_free_up_to_its_most(self):
        self.run_jobs(self.watch.job("alone", 1, 2))
        self.assertEqual(self.watch.granted["alone"], 2)

    def test_a_machine_with_one_cpu_runs_what_wants_two(self):
        self.schedule = Schedule(1, self.times)
        self.run_jobs(self.watch.job("whole", 2, 2), self.watch.job("small"))
        self.assertEqual(sorted(self.watch.ended), ["small", "whole"])

    def test_jobs_come_after_those_they_name_and_may_add_others(self):
        late = self.watch.job("late", after=("second",))
        adding = Job("unit", "second", lambda _cpus: self.schedule.add(late), after=("first",))
        self.run_jobs(adding, self.watch.job("first"))
        self.assertEqual(self.watch.ended, ["first", "late"])

    def test_an_error_in_a_job_ends_the_run(self):
        def fail(_cpus):
            raise ValueError("as the test has it")

        with self.assertRaisesRegex(ValueError, "as the test has it"):
            self.run_jobs(Job("unit", "broken", fail))

    def test_a_job_that_waits_for_nothing_that_exists_is_named(self):
        with self.assertRaisesRegex(RuntimeError, "orphan"):
            self.run_jobs(self.watch.job("orphan", after=("nobody",)))


class TimesTest(unittest.TestCase):
    def test_cpu_time_is_that_of_the_commands(self):
        busy = "import time\nwhile time.process_time() < 0.3: pass"
        with Meter().measuring() as meter:
            self.assertEqual(run([sys.executable, "-c", busy]).status, 0)
        self.assertGreaterEqual(meter.cpu_seconds, 0.3)

    def test_a_time_out_has_its_status_and_what_was_printed(self):
        result = run(["sh", "-c", "echo before; exec sleep 60"], timeout=0.5)
        self.assertEqual(result.status, 124)
        self.assertIn("before", result.output)
        self.assertIn("time-out after 0.5 s", result.output)

    def test_the_longest_vm_tests_are_named_and_with_times_all(self):
        times = Times()
        times.add("build", "build/dev", 10, 20)
        for number in range(12):
            times.add("vm", f"vm/{number:02}", number, number)
        short, whole = times.table(100, False), times.table(100, True)
        self.assertIn("vm: 12 together", short)
        self.assertNotIn("vm/01", short)
        self.assertIn("vm/02", short)
        self.assertIn("vm/00", whole)
        row = next(line for line in short.splitlines() if "build/dev" in line).split()
        self.assertEqual(row[1:], ["10.0", "20.0", "23.3"])


if __name__ == "__main__":
    unittest.main()
