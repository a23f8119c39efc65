# SPDX-License-Identifier: GPL-2.0-only
"""Modules of a test kernel for a VM, with what they need, in the order in which they are loaded."""

import lzma
import os
import subprocess


class NoModule(Exception):
    """The cache has no such module for this kernel."""


def find(kernel_folder, name):
    for folder, _, files in os.walk(os.path.join(kernel_folder, "modules")):
        for file in files:
            if file.partition(".ko")[0].replace("-", "_") == name.replace("-", "_") and ".ko" in file:
                return os.path.join(folder, file)
    raise NoModule(name)


def needed_by(path):
    """Names of the modules that one uses itself."""
    output = subprocess.run(["/usr/sbin/modinfo", "-F", "depends", path], capture_output=True, text=True,
                            check=True).stdout.strip()
    return [name for name in output.split(",") if name]


def in_order(kernel_folder, names):
    """Paths of the modules with these names and of all that they need, these first."""
    order = []

    def add(name):
        path = find(kernel_folder, name)
        for other in needed_by(path):
            add(other)
        if path not in order:
            order.append(path)

    for name in names:
        add(name)
    return order


def content(path):
    """As the kernel loads it."""
    with open(path, "rb") as file:
        data = file.read()
    return lzma.decompress(data) if path.endswith(".xz") else data
