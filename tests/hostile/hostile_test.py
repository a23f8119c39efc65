#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""hostile_test.py RUSTLANDD LIMIT: an ordinary user does what it can to the daemon's socket, bounded in
number and time, while root goes on asking. Root is answered within LIMIT seconds each time, as measured
beside the same requests on the quiet daemon, nothing is lost, and the daemon is sane at the end.
RUSTLAND_HOSTILE_SECONDS: how long, 10 by default."""

import contextlib
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SKIP = 77
NOBODY = 65534
SECONDS = float(os.environ.get("RUSTLAND_HOSTILE_SECONDS", "10"))
CONFIG = "[supervisor]\nrunner = child\nscheduler = /nonexistent/rustland\nsession = any\n[workload w]\nprogram = hostile-*\nclass = normal\n"


def connect(path, wait=5.0):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(wait)
    client.connect(path)
    return client


def ask(path, request):
    """As rustlandctl does: where the daemon is busy it waits for it."""
    with socket.socket(socket.AF_UNIX) as client:
        limit = struct.pack("ll", 60, 0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        client.connect(path)
        client.sendall(json.dumps(request).encode() + b"\n")
        with client.makefile("rb") as answers:
            return json.loads(answers.readline())


# --- what the hostile user does; each until it is killed ------------------------------------------

def fill(path, _):
    """As many idle connections as there are to be had, again and again."""
    held = []
    while True:
        try:
            held.append(connect(path, 1))
        except OSError:
            time.sleep(0.05)
        if len(held) > 200:
            held.clear()


def flood(path, _):
    """Requests without reading an answer."""
    while True:
        with contextlib.suppress(OSError), connect(path, 1) as client:
            while True:
                client.sendall(b'{"request":"status"}\n{"request":"history"}\n' * 100)


def rubbish(path, dice):
    """Bytes, half lines, depth, length, requests that are not its own to make."""
    pieces = [b"\0\xff\xfe\n", b"[" * 5000 + b"\n", b"x" * 100_000, b'{"request":"stop"}\n',
              b'{"request":"start","scheduler":"/bin/sh"}\n', b'{"request":"hold","reason":"a\\nb"}\n',
              b'{"request":"explain","pid":1}\n', b'{"request":"release","cookie":1e400}\n',
              b'{"request":"monitor"}\n', b'{"request":"explain","pid":-1}\n{"request"', b"{}\n"]
    while True:
        with contextlib.suppress(OSError), connect(path, 0.2) as client:
            for _ in range(dice.randint(1, 5)):
                client.sendall(dice.choice(pieces))
            if dice.random() < 0.5:
                client.recv(4096)


def come_and_go(path, _):
    """Connections that end as soon as they are there."""
    while True:
        with contextlib.suppress(OSError):
            connect(path, 1).close()
        time.sleep(0.001)


EVIL = (b"\n<0>PANIC", b"\x1b[2J\x07", b"\xff\xfe\xc3", b"%s%n{}{0}", b"\xe2\x80\xaeevil")


def rename(path, dice):
    """Processes of the workload with names of any bytes, at most a hundred a second."""
    folder = os.path.dirname(path).encode()
    while True:
        child = os.fork()
        if child == 0:
            os.execv(folder + b"/programs/" + dice.choice(EVIL), [b"hostile-\n<0>x", "0.05"])
        os.waitpid(child, 0)
        time.sleep(0.01)


def start_hostile(what, path, seed):
    child = os.fork()
    if child != 0:
        return child
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    try:
        what(path, random.Random(seed))
    finally:
        os._exit(1)


# --- what root sees ---------------------------------------------------------------------------------

def ask_for(path, seconds):
    """The worst answer in seconds."""
    worst, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        answer = ask(path, {"request": "status"})
        worst = max(worst, time.monotonic() - began)
        if answer.get("ok") is not True:
            sys.exit(f"root is refused: {answer}")
        time.sleep(0.1)
    return worst


def check_log(text):
    bad = [line for line in text.split("\n")
           if line and not line.startswith("rustlandd: ") or
           any(ord(c) < 0x20 or ord(c) == 0x7f for c in line)]
    return [f"the log has a line that is not the daemon's: {line!r}" for line in bad[:5]]


def besiege(server, path):
    """Root's worst answer before and while everybody is hostile, and what the daemon noted."""
    while not os.path.exists(path) and server.poll() is None:
        time.sleep(0.1)
    quiet = ask_for(path, 2)
    hostile = [start_hostile(what, path, seed) for seed, what in
               enumerate((fill, flood, rubbish, rubbish, come_and_go, rename))]
    try:
        worst = ask_for(path, SECONDS)
    finally:
        for child in hostile:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    history = ask(path, {"request": "history"})["history"]
    return quiet, worst, [entry["event"] for entry in history]


def run(daemon, limit, folder):
    conf = os.path.join(folder, "rustland.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write(CONFIG)
    os.chmod(conf, 0o600)
    os.chmod(folder, 0o755)
    os.mkdir(os.path.join(folder, "programs"))
    for name in EVIL:
        os.symlink("/bin/sleep", os.path.join(folder.encode(), b"programs", name))
    path = os.path.join(folder, "control.sock")
    log = os.path.join(folder, "log")
    with open(log, "wb") as output, subprocess.Popen(
            [daemon, "--config", conf, "--run-dir", folder], stderr=output,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}) as server:
        try:
            quiet, worst, events = besiege(server, path)
            server.send_signal(signal.SIGTERM)
            code = server.wait(60)
        finally:
            server.kill()
    with open(log, encoding="utf-8", errors="surrogateescape") as file:
        problems = check_log(file.read())
    if code != 0:
        problems.append(f"the daemon ended with {code}")
    if worst > limit + quiet:
        problems.append(f"root waited {worst:.2f} s, {quiet:.2f} s without anybody hostile")
    if events[0] != "daemon" or "hold" in events or "command" in events:
        problems.append(f"what happened: {sorted(set(events))}")
    print(f"root's longest answer: {worst:.2f} s, quiet {quiet:.2f} s")
    return problems


def main():
    daemon, limit = sys.argv[1], float(sys.argv[2])
    if os.geteuid() != 0:
        print("needs root, to be root and to be somebody else")
        return SKIP
    with tempfile.TemporaryDirectory() as folder:
        problems = run(daemon, limit, folder)
        for problem in problems:
            print(problem)
        if problems:
            with open(os.path.join(folder, "log"), errors="replace", encoding="utf-8") as file:
                print(file.read()[-3000:])
        return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
