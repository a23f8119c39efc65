#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""bus_page_test.py RUSTLANDD PAGE: what the daemon offers on a bus of its own, asked of the bus, is
what org.rustland1(5) says, both ways."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

DEADLINE = 30
SKIP = 77


def page_members(page):
    """{section: {name: (arguments, answer)}}"""
    members, section = {}, None
    with open(page, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith(".Ss "):
                section = members.setdefault(line[4:], {})
            match = re.fullmatch(r"\.It Ic (\w+)(?: Ar (\S+))?(?: No -> Ar (\S+))?", line)
            if match and section is not None:
                section[match[1]] = (match[2] or "", match[3] or "")
    return members


def bus_members(xml_text):
    members = {"Methods": {}, "Properties": {}, "Signals": {}}
    root = xml.etree.ElementTree.fromstring(xml_text)
    interface = root.find("./interface[@name='org.rustland1.Manager']")
    for method in interface.findall("method"):
        types = {"in": "", "out": ""}
        for arg in method.findall("arg"):
            types[arg.get("direction")] += arg.get("type")
        members["Methods"][method.get("name")] = (types["in"], types["out"])
    for prop in interface.findall("property"):
        members["Properties"][prop.get("name")] = (prop.get("type"), "")
    for signal in interface.findall("signal"):
        members["Signals"][signal.get("name")] = (
            "".join(arg.get("type") for arg in signal.findall("arg")), "")
    return members


def introspect(address):
    end = time.monotonic() + DEADLINE
    while True:
        done = subprocess.run(
            ["busctl", f"--address={address}", "call", "--json=short", "org.rustland1",
             "/org/rustland1", "org.freedesktop.DBus.Introspectable", "Introspect"],
            capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout)["data"][0]
        if time.monotonic() > end:
            sys.exit(f"no answer on the bus: {done.stderr}")
        time.sleep(0.1)


def main():
    daemon, page = sys.argv[1:]
    for tool in ("dbus-daemon", "busctl"):
        if not shutil.which(tool):
            print(f"{tool} is not installed")
            return SKIP
    with tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, "rustland.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write("[supervisor]\nrunner = child\n")
        os.chmod(conf, 0o600)
        with subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address"],
                              stdout=subprocess.PIPE, text=True) as bus:
            address = bus.stdout.readline().strip()
            with subprocess.Popen([daemon, "--config", conf, "--run-dir", folder],
                                  env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address}) as server:
                try:
                    told = bus_members(introspect(address))
                finally:
                    server.terminate()
                    server.wait()
                    bus.terminate()
    documented = page_members(page)
    wrong = 0
    for section, members in told.items():
        for name in sorted(members.keys() | documented.get(section, {}).keys()):
            real, written = members.get(name), documented.get(section, {}).get(name)
            if real != written:
                print(f"{section}: {name}: the bus says {real}, the page says {written}")
                wrong += 1
    if not told["Methods"]:
        print("the bus shows no methods")
        wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
