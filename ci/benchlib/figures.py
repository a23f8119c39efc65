# SPDX-License-Identifier: GPL-2.0-only
"""What the guest programs of ci/bench print: a line for each thing, its name, then KEY=VALUE."""


def read(path):
    """{"name.key": number} of such a file."""
    values = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            name, *pairs = line.split()
            for pair in pairs:
                key, _, value = pair.partition("=")
                values[f"{name}.{key}"] = float(value)
    return values
