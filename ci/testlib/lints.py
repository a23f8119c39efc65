# SPDX-License-Identifier: GPL-2.0-only
"""The checks of the source text. Each returns (True, False or None, what it found).

None means that there was nothing to look at, and why.
"""

import concurrent.futures
import hashlib
import json
import os
import re

from testlib.process import ROOT, cache_dir, run, sources

CXX = (".cpp", ".hpp", ".c", ".h")


def verdict(result):
    return result.status == 0, result.output


def shell_scripts():
    found = []
    for name in sources(""):
        with open(os.path.join(ROOT, name), "rb") as file:
            first = file.readline()
        if name.endswith(".sh") or (first.startswith(b"#!") and b"sh" in first.split(b"/")[-1]):
            found.append(name)
    return found


def shellcheck():
    return verdict(run(["shellcheck", "-x", *shell_scripts()]))


def python_syntax():
    bad = []
    files = [*sources(".py"), "ci/vm", "ci/test"]
    for name in files:
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            try:
                compile(file.read(), name, "exec")
            except SyntaxError as error:
                bad.append(f"{name}:{error.lineno}: {error.msg}")
    return not bad, "\n".join(bad)


def clang_format():
    bad = [name for name in sources(*CXX)
           if run(["clang-format-16", "--dry-run", "--Werror", name]).status != 0]
    return not bad, "\n".join(f"clang-format-16 -i {name}" for name in bad)


def licence_lines():
    names = sources(*CXX, ".py", ".sh", ".cmake", "CMakeLists.txt")
    bad = []
    for name in names:
        with open(os.path.join(ROOT, name), "rb") as file:
            if b"SPDX-License-Identifier: GPL-2.0-only" not in file.read(400):
                bad.append(f"{name}: no SPDX-License-Identifier line")
    return not bad, "\n".join(bad)


def spelling():
    files = [*sources(*CXX, ".py", ".sh", ".md", ".1", ".3", ".5", ".8")]
    return verdict(run(["codespell", "-L", "nd", *files]))


def man_pages():
    pages = [name for name in sources(".1", ".3", ".5", ".7", ".8") if name.startswith("man/")]
    if not pages:
        return None, "no man pages yet"
    return verdict(run(["mandoc", "-T", "lint", "-W", "warning", *pages]))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def dependencies(build):
    """Object file -> the project's files that it was compiled from, as ninja recorded them."""
    found, current = {}, None
    for line in run(["ninja", "-C", build, "-t", "deps"]).output.splitlines():
        if line.startswith("    "):
            path = os.path.normpath(os.path.join(build, line.strip()))
            if path.startswith(ROOT + os.sep):
                current.append(path)
        elif ": #deps" in line:
            current = found.setdefault(line.split(": #deps")[0], [])
    return found


def tidy_one(entry, depends, build, version, cache):
    """Findings in one source file; a clean result is remembered by content."""
    digest = hashlib.sha256(version)
    digest.update(read(os.path.join(ROOT, ".clang-tidy")))
    digest.update(entry.get("command", "").replace(ROOT, "").encode())
    for path in sorted({entry["file"], *depends.get(entry.get("output", ""), [])}):
        digest.update(os.path.relpath(path, ROOT).encode() + b"\0" + read(path))
    marker = os.path.join(cache, digest.hexdigest())
    if entry.get("output", "") in depends and os.path.exists(marker):
        os.utime(marker)
        return ""
    result = run(["clang-tidy-16", "--quiet", "-p", build,
                  "--extra-arg=-Wno-unknown-warning-option", entry["file"]], timeout=600)
    if result.status == 0:
        with open(marker, "w", encoding="ascii"):
            return ""
    findings = [line.replace(ROOT + os.sep, "") for line in result.output.splitlines()
                if re.search(r": (error|warning): |^Error", line)]
    return "\n".join(sorted(set(findings)) or [entry["file"], result.output])


def clang_tidy():
    build = os.path.join(ROOT, "build", "dev")
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        by_file = {entry["file"]: entry for entry in json.load(file)
                   if entry["file"].startswith(ROOT + os.sep)
                   and not entry["file"].startswith(build + os.sep)}
    entries = list(by_file.values())
    if not entries:
        return False, "no source file in build/dev/compile_commands.json"
    version = run(["clang-tidy-16", "--version"]).output.encode()
    depends = dependencies(build)
    cache = os.path.join(cache_dir(), "clang-tidy")
    os.makedirs(cache, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = list(pool.map(
            lambda entry: tidy_one(entry, depends, build, version, cache), entries))
    findings = [text for text in findings if text]
    return not findings, "\n".join(findings)


# Name -> (check, whether it needs the finished dev build)
ALL = {
    "lint/shellcheck": (shellcheck, False),
    "lint/python": (python_syntax, False),
    "lint/clang-format": (clang_format, False),
    "lint/licence-lines": (licence_lines, False),
    "lint/spelling": (spelling, False),
    "lint/man-pages": (man_pages, False),
    "lint/clang-tidy": (clang_tidy, True),
}
