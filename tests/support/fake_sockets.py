# SPDX-License-Identifier: GPL-2.0-only
"""Plays the sockets of the scheduler and the supervisor: lines of JSON in, lines of JSON out."""

import json
import socket
import threading
import time

# All that a scheduler of two seconds on a busy machine would say; counters grow with time.
STATS = {
    "uptime": 2.0, "online_cpus": 4, "runnable": 19, "pending": 3, "policy_waiting": 2,
    "queued": 5000, "decided": 4980, "fallback": 2, "dequeued": 15, "congested": 1, "unasked": 0,
    "standing": 2500, "resumed": 800, "handed_on": 90, "decided_share": 99.6, "foreground": 1200, "background": 30, "idle": 700,
    "bypass_kthread": 90, "bypass_self": 12, "stale": 4, "retried": 7, "kick_idle": 300,
    "kick_preempt": 620, "kick_dry": 40, "stolen": 11, "notified": 450, "reenqueued": 3,
    "errors": 0, "lease_active": 0, "limit_periods": 12, "held_back": 40,
    "held_time": 0.8, "limits_missed": 0, "rounds": 2100, "received": 5000,
    "moved": 4980, "given_up": 0, "no_room": 0, "budget_sleeps": 0, "thread_cpu": 0.155,
    "realtime": 1, "page_faults": 0, "allocations": None, "resident": 10590618,
}
LIMITS_US = [2 << i for i in range(19)]
# Most foreground tasks start within microseconds, those in the background wait for slices to end.
WAITS = {
    "foreground": ([40, 300, 900, 700, 260, 90, 30, 12, 6, 3, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0], 0.0443),
    "normal": ([10, 80, 300, 260, 180, 120, 90, 80, 110, 190, 420, 800, 760, 300, 90, 20, 4, 0, 0, 0], 15.3),
    "background": ([0, 0, 1, 2, 3, 2, 1, 1, 2, 3, 4, 5, 8, 9, 12, 18, 11, 6, 2, 1], 5.2),
}
GAUGES = ("online_cpus", "runnable", "pending", "policy_waiting", "decided_share", "lease_active",
          "realtime", "page_faults", "resident", "errors", "limits_missed", "given_up", "no_room")
STATUS = {
    "version": "0.1.0", "state": "on", "why": "a game runs", "uptime_ms": 61500,
    "kernel": {"supported": True, "state": "enabled", "ops": "rustland", "enable_seq": 3},
    "workloads": [{"rule": "steam \"quoted\"\\", "processes": 12}, {"rule": "wine", "processes": 1}],
    "holds": [{"cookie": 1, "reason": "me"}], "quarantined": [],
    "power": {"on_battery": None, "profile": "balanced"},
    "classes": {"foreground": [4711, 4712], "background": [], "problem": ""},
    "detection": {"source": "proc connector", "events": 123, "overruns": 0, "scans": 2,
                  "judged": 50, "postponed": 1},
}
WORKLOADS = [{"rule": "wine", "pid": 4711, "comm": "game.exe", "class": "foreground",
              "inherited": False}]
HISTORY = [{"time_ms": 1767225600000, "event": "started", "text": "rustland, for wine"}]


def stats_at(seconds):
    """The scheduler's answer so many seconds after the first one."""
    stats = {}
    for name, value in STATS.items():
        grows = value is not None and name not in GAUGES
        stats[name] = value * (1 + seconds / 2.0) if grows else value
        if grows and name not in ("uptime", "thread_cpu"):
            stats[name] = int(stats[name])
    return {"scheduler": "rustland", "version": "0.1.0", "pid": 4242, "policy": "deadline",
            "stats": stats, "waits": waits_at(seconds)}


def waits_at(seconds):
    grown = 1 + seconds / 2.0
    return {"limits_us": LIMITS_US,
            **{name: {"counts": [int(count * grown) for count in counts], "seconds": total * grown}
               for name, (counts, total) in WAITS.items()}}


def _serve_scheduler(connection, request, started):
    kind = request.get("request")
    send = lambda answer: connection.sendall((json.dumps(answer) + "\n").encode())
    if kind == "stats":
        send(stats_at(0))
    elif kind == "subscribe":
        while True:
            send(stats_at(time.monotonic() - started))
            time.sleep(request["interval"])
    else:
        send({"error": "unknown request"})


def _serve_supervisor(connection, request, _started):
    answers = {"status": {"ok": True, "status": STATUS},
               "list": {"ok": True, "workloads": WORKLOADS},
               "history": {"ok": True, "history": HISTORY}}
    answer = answers.get(request.get("request"), {"ok": False, "error": "unknown request"})
    connection.sendall((json.dumps(answer) + "\n").encode())


def _client(connection, answer, started):
    try:
        with connection, connection.makefile("r") as lines:
            for line in lines:
                answer(connection, json.loads(line), started)
    except OSError:
        pass  # the client has gone


def _listen(path, answer):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen()
    started = time.monotonic()

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_client, args=(connection, answer, started),
                             daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def scheduler(path):
    _listen(path, _serve_scheduler)


def supervisor(path):
    _listen(path, _serve_supervisor)
