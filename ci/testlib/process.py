# SPDX-License-Identifier: GPL-2.0-only
"""Runs a command to its end and keeps what it printed."""

import dataclasses
import os
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@dataclasses.dataclass
class Result:
    status: int
    output: str
    seconds: float


def run(command, timeout=None, **environment):
    """Standard output and standard error in one text. 124 is the status of a time-out."""
    started = time.monotonic()
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, check=False,
                              env={**os.environ, **environment})
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as expired:
        status, output = 124, (expired.stdout or b"") + f"\ntime-out after {timeout} s".encode()
    except OSError as error:
        status, output = 127, f"{command[0]}: {error.strerror}".encode()
    return Result(status, output.decode(errors="replace"), time.monotonic() - started)


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
