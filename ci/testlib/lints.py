# SPDX-License-Identifier: GPL-2.0-only
"""The checks of the source text. Each returns (True, False or None, what it found).

None means that there was nothing to look at, and why.
"""

import concurrent.futures
import dataclasses
import hashlib
import json
import os
import re

from testlib import includes
from testlib.process import ROOT, Meter, cache_dir, run, sources

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
    return verdict(run(["codespell", "-L", "nd,fo", *files]))


def man_pages():
    pages = [name for name in sources(".1", ".3", ".5", ".7", ".8") if name.startswith("man/")]
    if not pages:
        return None, "no man pages yet"
    return verdict(run(["mandoc", "-T", "lint", "-W", "warning", *pages]))


def includes_of_libraries():
    bad = includes.blind() or includes.check(includes.read_sources())
    return not bad, "\n".join(bad)


def example_lines():
    """docs/benchmarks.md says how long each example is."""
    with open(os.path.join(ROOT, "docs", "benchmarks.md"), encoding="utf-8") as file:
        said = {name: int(lines) for name, lines in
                re.findall(r"^\| `(examples/\w+\.cpp)` \| (\d+) \|", file.read(), re.MULTILINE)}
    found = {}
    for name in sources(".cpp"):
        if re.fullmatch(r"examples/\w+\.cpp", name):
            found[name] = read(os.path.join(ROOT, name)).count(b"\n")
    bad = [f"docs/benchmarks.md: {name} has {found.get(name, 'no')} lines, not {said.get(name)}"
           for name in sorted(found.keys() | said.keys()) if found.get(name) != said.get(name)]
    return bool(found) and not bad, "\n".join(bad)


def read(path):
    with open(path, "rb") as file:
        return file.read()


@dataclasses.dataclass
class Compiled:
    """What an object file was compiled from: the project's files, and whether large headers of
    libraries were among the rest."""
    files: list = dataclasses.field(default_factory=list)
    heavy: bool = False


HEAVY_HEADERS = re.compile("/(CLI|nlohmann|gtest|spdlog)/")


def dependencies(build):
    """Object file -> Compiled, as ninja recorded it."""
    found, current = {}, None
    for line in run(["ninja", "-C", build, "-t", "deps"]).output.splitlines():
        if line.startswith("    "):
            path = os.path.normpath(os.path.join(build, line.strip()))
            if path.startswith(ROOT + os.sep):
                current.files.append(path)
            elif HEAVY_HEADERS.search(path):
                current.heavy = True
        elif ": #deps" in line:
            current = found.setdefault(line.split(": #deps")[0], Compiled())
    return found


# What this clang is called for with gcc's options, and what the macros of libbpf are made of.
NOT_OURS = ("unknown-warning-option", "ignored-optimization-argument", "c99-extensions",
            "gnu-statement-expression-from-macro-expansion")


def compiled_from(entry, depends):
    output = re.search(r" -o (\S+)", entry["command"])
    return depends.get(output[1], Compiled()) if output else Compiled()


def tidy_one(entry, compiled, build, options, cache):
    """Findings in one source file; a clean result is remembered by content."""
    digest = hashlib.sha256("\n".join(options).encode())
    digest.update(read(os.path.join(ROOT, ".clang-tidy")))
    digest.update(entry["command"].replace(ROOT, "").encode())
    for path in sorted({entry["file"], *compiled.files}):
        digest.update(os.path.relpath(path, ROOT).encode() + b"\0" + read(path))
    marker = os.path.join(cache, digest.hexdigest())
    if compiled.files and os.path.exists(marker):
        os.utime(marker)
        return ""
    result = run(["clang-tidy-16", "--quiet", "-p", build, *options[1:],
                  *(f"--extra-arg=-Wno-{name}" for name in NOT_OURS), entry["file"]], timeout=600)
    if result.status == 0:
        with open(marker, "w", encoding="ascii"):
            return ""
    findings = [line.replace(ROOT + os.sep, "") for line in result.output.splitlines()
                if re.search(r": (error|warning): |^Error", line)]
    return "\n".join(sorted(set(findings)) or [entry["file"], result.output])


def clang_tidy(everything, cpus):
    """Without `everything`, only what takes a few seconds a file: the static analyser, the tests and
    the files with the largest headers take half an hour on two cores."""
    build = os.path.join(ROOT, "build", "dev")
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        by_file = {entry["file"]: entry for entry in json.load(file)
                   if entry["file"].startswith(ROOT + os.sep)
                   and not entry["file"].startswith(build + os.sep)}
    entries = list(by_file.values())
    if not entries:
        return False, "no source file in build/dev/compile_commands.json"
    options = [run(["clang-tidy-16", "--version"]).output]
    depends = dependencies(build)
    if not everything:
        options.append("--checks=-clang-analyzer-*")
        tests = os.path.join(ROOT, "tests") + os.sep
        entries = [entry for entry in entries if not entry["file"].startswith(tests)
                   and not compiled_from(entry, depends).heavy]
    cache = os.path.join(cache_dir(), "clang-tidy")
    os.makedirs(cache, exist_ok=True)
    meter = Meter.of_this_thread() or Meter()

    def look_at(entry):
        with meter.measuring():
            return tidy_one(entry, compiled_from(entry, depends), build, options, cache)

    with concurrent.futures.ThreadPoolExecutor(cpus) as pool:
        findings = list(pool.map(look_at, entries))
    findings = [text for text in findings if text]
    return not findings, "\n".join(findings)


# Name -> (check, whether it needs the finished dev build; it is then called with how many CPUs it may
# keep busy)
ALL = {
    "lint/shellcheck": (shellcheck, False),
    "lint/python": (python_syntax, False),
    "lint/clang-format": (clang_format, False),
    "lint/licence-lines": (licence_lines, False),
    "lint/spelling": (spelling, False),
    "lint/man-pages": (man_pages, False),
    "lint/includes": (includes_of_libraries, False),
    "lint/example-lines": (example_lines, False),
    "lint/clang-tidy": (lambda cpus: clang_tidy(everything=False, cpus=cpus), True),
    "lint/clang-tidy-all": (lambda cpus: clang_tidy(everything=True, cpus=cpus), True),
}
