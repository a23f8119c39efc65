# SPDX-License-Identifier: GPL-2.0-only
"""Runs a command to its end, keeps what it printed and what it cost."""

import contextlib
import dataclasses
import os
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@dataclasses.dataclass
class Result:
    status: int
    output: str
    seconds: float


class Meter:
    """CPU seconds of the commands that threads run while it is theirs, and of the threads."""

    _of_thread = threading.local()

    def __init__(self):
        self._lock = threading.Lock()
        self.cpu_seconds = 0.0

    def add(self, cpu_seconds):
        with self._lock:
            self.cpu_seconds += cpu_seconds

    @contextlib.contextmanager
    def measuring(self):
        """What this thread runs inside counts here."""
        before, started = Meter.of_this_thread(), time.thread_time()
        Meter._of_thread.meter = self
        try:
            yield self
        finally:
            self.add(time.thread_time() - started)
            Meter._of_thread.meter = before

    @staticmethod
    def of_this_thread():
        return getattr(Meter._of_thread, "meter", None)


def wait(process, timeout):
    """The exit status; None when the time was up, the process then being killed."""
    killed = []

    def kill():
        killed.append(True)
        process.kill()

    timer = threading.Timer(timeout, kill) if timeout is not None else None
    if timer:
        timer.start()
    try:
        # Not process.wait(), which keeps the usage to itself.
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        if timer:
            timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if meter := Meter.of_this_thread():
        meter.add(usage.ru_utime + usage.ru_stime)
    return None if killed else process.returncode


def run_into(stdout, stderr, command, timeout=None, environment=None):
    """The same as wait(), with the output in these files."""
    # pylint: disable-next=consider-using-with  # waited for by hand
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout,
                               stderr=stderr, env={**os.environ, **(environment or {})})
    return wait(process, timeout)


def run(command, timeout=None, **environment):
    """Standard output and standard error in one text. 124 is the status of a time-out."""
    started = time.monotonic()
    with tempfile.TemporaryFile(prefix="rustland-test.") as file:
        try:
            status = run_into(file, subprocess.STDOUT, command, timeout, environment)
        except OSError as error:
            return Result(127, f"{command[0]}: {error.strerror}", time.monotonic() - started)
        file.seek(0)
        output = file.read().decode(errors="replace")
    if status is None:
        status, output = 124, output + f"\ntime-out after {timeout} s"
    return Result(status, output, time.monotonic() - started)


def sources(*suffixes):
    """The project's own files with one of the suffixes, tracked or not yet, but not ignored."""
    listing = run(["git", "ls-files", "--cached", "--others", "--exclude-standard"])
    if listing.status == 0:
        names = listing.output.splitlines()
    else:  # a tree without its history, such as an unpacked archive
        names = []
        for folder, folders, files in os.walk(ROOT):
            folders[:] = [f for f in folders if f not in ("build", ".git")]
            names += [os.path.relpath(os.path.join(folder, file), ROOT) for file in files]
    return sorted(name for name in set(names)
                  if name.endswith(suffixes) and os.path.isfile(os.path.join(ROOT, name)))


def cache_dir():
    return os.environ.get("RUSTLAND_CACHE") or os.path.expanduser("~/.cache/rustland")
