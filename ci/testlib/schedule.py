# SPDX-License-Identifier: GPL-2.0-only
"""Runs jobs beside one another, as many as the machine has CPUs for."""

import dataclasses
import threading
import time
import typing

from testlib.process import Meter


@dataclasses.dataclass
class Job:
    """`action` is called with the number of CPUs that it may keep busy, from `least` to `most`. A job
    with `least` 0 waits for others, such as a server's answers, and takes no CPU away. It starts
    when all jobs named in `after` have ended, in whatever way."""
    group: str
    name: str
    action: typing.Callable
    least: int = 1
    most: int = 1
    after: tuple = ()


class Schedule:
    """Those added first go first; one that does not fit yet lets later ones pass."""

    def __init__(self, cpus, times):
        self._cpus = cpus
        self._times = times
        self._changed = threading.Condition()
        self._waiting = []
        self._taken = {}  # name of a running job -> its CPUs
        self._ended = set()
        self._error = None

    def add(self, job):
        """Jobs may add further ones while they run."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def run(self):
        """Returns when all jobs have ended; raises what one of them has raised."""
        with self._changed:
            while (self._waiting or self._taken) and not self._error:
                started = self._next()
                if started:
                    job, cpus = started
                    self._waiting.remove(job)
                    self._taken[job.name] = cpus
                    threading.Thread(target=self._carry_out, args=(job, cpus), daemon=True).start()
                elif self._taken:
                    self._changed.wait()
                else:
                    names = ", ".join(job.name for job in self._waiting)
                    raise RuntimeError(f"these jobs wait for something that never comes: {names}")
            if self._error:
                raise self._error

    def _next(self):
        """The first job that can start now, with its CPUs."""
        free = self._cpus - sum(self._taken.values())
        for job in self._waiting:
            # A machine with fewer CPUs than a job wants has it alone.
            least = min(job.least, self._cpus)
            if self._ended.issuperset(job.after) and least <= free:
                return job, min(max(job.most, job.least), max(free, least)) if job.least else 0
        return None

    def _carry_out(self, job, cpus):
        meter, started = Meter(), time.monotonic()
        try:
            with meter.measuring():
                job.action(max(cpus, 1))
        except BaseException as error:  # pylint: disable=broad-except  # handed to run()
            self._error = error
        with self._changed:
            self._times.add(job.group, job.name, time.monotonic() - started, meter.cpu_seconds)
            del self._taken[job.name]
            self._ended.add(job.name)
            self._changed.notify()
