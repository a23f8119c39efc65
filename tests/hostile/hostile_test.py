#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""hostile_test.py HOSTILE RUSTLANDD LIMIT: ordinary users do what they can to the daemon's socket, bounded
in number and time, while root goes on asking (tests/vm/programs/hostile). Root is answered within LIMIT
seconds more than on the quiet daemon, without what the machine had no CPU for the two, nothing is lost,
and the daemon is sane at the end. RUSTLAND_HOSTILE_SECONDS: how long, 10 by default."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

SKIP = 77
SECONDS = os.environ.get("RUSTLAND_HOSTILE_SECONDS", "10")
CONFIG = """[supervisor]
runner = child
scheduler = /nonexistent/rustland
session = any
[workload w]
program = hostile-*
class = normal
"""


def history(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(path)
        client.sendall(b'{"request":"history"}\n')
        with client.makefile("rb") as answers:
            return [entry["event"] for entry in json.loads(answers.readline())["history"]]


def check_log(text):
    bad = [line for line in text.split("\n")
           if line and not line.startswith("rustlandd: ") or
           any(ord(c) < 0x20 or ord(c) == 0x7f for c in line)]
    return [f"the log has a line that is not the daemon's: {line!r}" for line in bad[:5]]


def besiege(server, hostile, limit, folder):
    path = os.path.join(folder, "control.sock")
    while not os.path.exists(path) and server.poll() is None:
        time.sleep(0.1)
    status = subprocess.run([hostile, "--control", path, "--programs", os.path.join(folder, "programs"),
                             "--seconds", SECONDS, "--limit", limit, "--without-waits"],
                            check=False).returncode
    events = history(path)
    problems = ["root was not served (above)"] if status != 0 else []
    if events[0] != "daemon" or "hold" in events or "command" in events:
        problems.append(f"what happened: {sorted(set(events))}")
    return problems


def run(hostile, daemon, limit, folder):
    conf = os.path.join(folder, "rustland.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write(CONFIG)
    os.chmod(conf, 0o600)
    os.chmod(folder, 0o755)
    os.mkdir(os.path.join(folder, "programs"))
    log = os.path.join(folder, "log")
    with open(log, "wb") as output, subprocess.Popen(
            [daemon, "--config", conf, "--run-dir", folder], stderr=output,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}) as server:
        try:
            problems = besiege(server, hostile, limit, folder)
            server.send_signal(signal.SIGTERM)
            code = server.wait(60)
        finally:
            server.kill()
    with open(log, encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    problems += check_log(text)
    if code != 0:
        problems.append(f"the daemon ended with {code}")
    if " belongs to workload w" not in text:
        problems.append("no program with an odd name was seen")
    return problems


def main():
    hostile, daemon, limit = sys.argv[1:4]
    if os.geteuid() != 0:
        print("needs root, to be root and to be somebody else")
        return SKIP
    with tempfile.TemporaryDirectory() as folder:
        problems = run(hostile, daemon, limit, folder)
        for problem in problems:
            print(problem)
        if problems:
            with open(os.path.join(folder, "log"), errors="replace", encoding="utf-8") as file:
                print(file.read()[-3000:])
        return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
