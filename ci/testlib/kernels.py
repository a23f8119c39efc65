# SPDX-License-Identifier: GPL-2.0-only
"""The test kernels, and what each of them can do (found out by looking, never by its version)."""

import concurrent.futures
import dataclasses
import json
import os
import subprocess
import tempfile

from testlib.process import ROOT, Meter, cache_dir, run_into

NONE = "none"        # no sched_ext
BROKEN = "broken"    # sched_ext, but the type information of its functions is unusable
OK = "ok"
MISSING = "missing"  # cannot be had
UNKNOWN = "unknown"  # could not be looked at

REMEMBERED = "capability.2"  # another name whenever the meaning changes
PROBE = "if [ -e /sys/kernel/sched_ext/state ]; then cat /sys/kernel/btf/vmlinux; fi"


@dataclasses.dataclass(frozen=True)
class Kernel:
    series: str
    capability: str
    problem: str = ""


def series_order(series):
    number, _, flavour = series.partition("-")
    return [int(part) for part in number.split(".")], flavour


def wanted_series():
    """What ci/setup was after: the series on offer and the generic kernel."""
    path = os.path.join(cache_dir(), "kernels", "on-offer")
    with open(path, encoding="ascii") as file:
        series = set(file.read().split())
    folder = os.path.join(cache_dir(), "kernels")
    for name in os.listdir(folder):
        if os.path.islink(os.path.join(folder, name)):
            series.add(name)
    series.add("6.18-generic")
    return sorted(series, key=series_order)


def hidden_arguments(btf_json):
    """Public sched_ext functions that end in an argument the kernel means to hide.

    A type information writer that is too old for the kernel keeps that argument, and then no
    BPF program can call the function.
    """
    types = {entry["id"]: entry for entry in btf_json["types"]}

    def points_to_prog_aux(identifier):
        pointer = types.get(identifier, {})
        target = types.get(pointer.get("type_id"), {})
        while target.get("kind") in ("CONST", "VOLATILE", "TYPE_TAG"):
            target = types.get(target["type_id"], {})
        return pointer.get("kind") == "PTR" and target.get("name") == "bpf_prog_aux"

    found = []
    for entry in btf_json["types"]:
        if entry["kind"] == "FUNC" and entry["name"].startswith("scx_bpf_"):
            parameters = types[entry["type_id"]].get("params", [])
            if parameters and points_to_prog_aux(parameters[-1]["type_id"]):
                if not entry["name"].endswith("_impl"):
                    found.append(entry["name"])
    return found


def probe(series):
    """Starts the kernel and looks at it; its capability, and why that is unknown."""
    command = [os.path.join(ROOT, "ci", "vm"), "--realtime", "--cpus=2", "--timeout=60",
               "--kernel", series.removesuffix("-generic")]
    if series.endswith("-generic"):
        command.append("--generic")
    with tempfile.NamedTemporaryFile(prefix="rustland-btf.") as file, \
            tempfile.TemporaryFile(prefix="rustland-probe.") as errors:
        if run_into(file, errors, [*command, "--", "sh", "-c", PROBE]) != 0:
            errors.seek(0)
            return UNKNOWN, errors.read().decode(errors="replace")[-400:].strip()
        if not os.path.getsize(file.name):
            return NONE, ""
        dump = subprocess.run(["bpftool", "--json", "btf", "dump", "file", file.name],
                              capture_output=True, check=False)
    try:
        return (BROKEN if hidden_arguments(json.loads(dump.stdout)) else OK), ""
    except ValueError:
        return UNKNOWN, f"bpftool cannot read its type information: {dump.stderr[-200:]!r}"


def examine(series):
    folder = os.path.realpath(os.path.join(cache_dir(), "kernels", series))
    if not os.path.exists(os.path.join(folder, "vmlinuz")):
        return Kernel(series, MISSING)
    remembered = os.path.join(folder, REMEMBERED)
    if os.path.exists(remembered):
        with open(remembered, encoding="ascii") as file:
            return Kernel(series, file.read().strip())
    capability, problem = probe(series)
    if capability != UNKNOWN:
        with open(remembered, "w", encoding="ascii") as file:
            file.write(capability + "\n")
    return Kernel(series, capability, problem)


def available(cpus=2):
    """All of them, `cpus` at a time."""
    meter = Meter.of_this_thread() or Meter()

    def look_at(series):
        with meter.measuring():
            return examine(series)

    with concurrent.futures.ThreadPoolExecutor(cpus) as pool:
        return list(pool.map(look_at, wanted_series()))
