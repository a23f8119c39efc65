#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""compare.py FOLDER: the .rpms in FOLDER have the files of the .debs there, package by package,
with the same types, modes and owners, but for what each distribution puts elsewhere."""

import glob
import os
import re
import subprocess
import sys

PAIRS = {"rustland": "rustland", "rustland-supervisor": "rustland-supervisor",
         "rustland-bench": "rustland-bench", "librustland-dev": "rustland-devel"}
# What only one of them has, by its rules: documents, licence texts and symbols.
IGNORED = re.compile(r"^/usr/(share/(doc|licenses|lintian)|lib/debug|src/debug|lib/\.build-id)(/|$)")
MOVED = ((r"^/lib/systemd/", "/usr/lib/systemd/"),
         (r"^/usr/lib(64|/[a-z0-9_]+-linux-gnu)/", "/usr/LIB/"),
         (r"^/usr/share/zsh/vendor-completions/", "/usr/share/zsh/site-functions/"),
         (r"^(/usr/share/man/.*)\.gz$", r"\1"))


def common(path):
    for pattern, replacement in MOVED:
        path = re.sub(pattern, replacement, path)
    return path


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def deb_files(path):
    found = {}
    listing = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], check=True, capture_output=True)
    lines = subprocess.run(["tar", "-tv"], input=listing.stdout, check=True,
                           capture_output=True).stdout.decode().splitlines()
    for line in lines:
        mode, owner, _, _, _, name = line.split(None, 5)
        name = name.split(" -> ")[0].removeprefix(".")
        if not name.endswith("/"):
            found[common(name)] = (mode, owner)
    return found


def rpm_files(path):
    found = {}
    query = "[%{FILENAMES}\t%{FILEMODES:perms}\t%{FILEUSERNAME}/%{FILEGROUPNAME}\n]"
    for line in output("rpm", "-qp", "--qf", query, path).splitlines():
        name, mode, owner = line.split("\t")
        if not mode.startswith("d"):
            found[common(name)] = (mode, owner)
    return found


def config_files(deb, rpm):
    conffiles = subprocess.run(["dpkg-deb", "-I", deb, "conffiles"], check=False,
                               capture_output=True, text=True).stdout.split()
    return set(conffiles), set(output("rpm", "-qpc", rpm).split())


def one(folder, pattern):
    found = [path for path in glob.glob(os.path.join(folder, pattern))
             if not path.endswith(".src.rpm")]
    if len(found) != 1:
        sys.exit(f"{folder}: expected one {pattern}, found {len(found)}")
    return found[0]


def main():
    folder = sys.argv[1]
    problems, compared = [], 0
    for deb_name, rpm_name in PAIRS.items():
        deb = one(folder, f"{deb_name}_*.deb")
        rpm = one(folder, f"{rpm_name}-[0-9]*.rpm")
        left, right = ({name: facts for name, facts in files.items() if not IGNORED.match(name)}
                       for files in (deb_files(deb), rpm_files(rpm)))
        for name in sorted(left.keys() | right.keys()):
            if name not in right:
                problems.append(f"{rpm_name}: lacks {name}")
            elif name not in left:
                problems.append(f"{deb_name}: lacks {name}")
            elif left[name] != right[name]:
                problems.append(f"{name}: {left[name]} in the .deb, {right[name]} in the .rpm")
            compared += 1
        ours, theirs = config_files(deb, rpm)
        if ours != theirs:
            problems.append(f"{deb_name}: configuration files {ours} and {theirs}")
    print("\n".join(problems) or f"{compared} files are the same")
    return 1 if problems or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
