# SPDX-License-Identifier: GPL-2.0-only
"""Builds the initramfs of the minimal VM: busybox, test tools, our programs, their libraries."""

import hashlib
import os
import shlex
import shutil
import subprocess

from vmlib import cpio, modules

TOOLS = ("bash", "stress-ng", "hackbench", "chrt", "taskset", "setpriv", "prlimit", "unshare",
         "nsenter", "flock", "capsh", "timeout")
BUSYBOX = "/bin/busybox"
GUEST_BIN = "rustland/bin"
# Source and place in the VM of what tests want beside the programs, as it is installed.
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHIPPED = {os.path.join(ROOT, "supervisor", "rustland.conf"): "rustland/rustland.conf"}
MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
KEEP = 16  # cached archives; older ones are deleted


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


# What runs on the machine itself: some 50 programs, which would only make the VM's boot longer.
NOT_FOR_GUESTS = ("tests", "scheduler/bench/micro")
FOR_GUESTS = "tests/vm"


def built_programs(build_dir):
    """Name -> path of every executable for a VM that the build has made."""
    found = {}
    for folder, folders, files in os.walk(build_dir):
        folders[:] = sorted(f for f in folders if f not in ("CMakeFiles", "_deps"))
        inside = os.path.relpath(folder, build_dir)
        if inside == "tests":
            folders[:] = [f for f in folders if os.path.join(inside, f) == FOR_GUESTS]
        if inside in NOT_FOR_GUESTS:
            continue
        for name in sorted(files):
            path = os.path.join(folder, name)
            if (os.access(path, os.X_OK) and not os.path.islink(path) and ".so" not in name
                    and is_elf(path)):
                found.setdefault(name, path)
    return found


def shared_libraries(programs):
    """Every library (and the dynamic loader) that one of the programs needs."""
    output = subprocess.run(["ldd", *programs], capture_output=True, text=True,
                            check=False).stdout
    libraries = set()
    for line in output.splitlines():
        if line.endswith("not found"):
            raise RuntimeError(f"a library is missing: {line.strip()}")
        words = line.split()
        if "=>" in words and words[2].startswith("/"):
            libraries.add(words[2])
        elif line.startswith("\t/"):
            libraries.add(words[0])
    return sorted(libraries)


def fingerprint(paths):
    digest = hashlib.sha256()
    for path in [*paths, __file__, cpio.__file__, beside('guest-init'), beside('guest-run')]:
        info = os.stat(path)
        digest.update(f"{path}\0{info.st_size}\0{info.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]


def beside(name):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)


def without_debug_info(path, scratch):
    """The program's content, stripped: debug information only makes the VM's boot longer."""
    result = subprocess.run(["strip", "--strip-debug", "-o", scratch, path], capture_output=True,
                            check=False)
    with open(scratch if result.returncode == 0 else path, "rb") as file:
        return file.read()


def merged(path):
    first, _, rest = path.strip("/").partition("/")
    return f"{MERGED[first]}/{rest}" if first in MERGED else path


def base_archive(programs, tools, libraries, scratch):
    archive = cpio.Archive()
    for folder in ("proc", "sys", "dev", "run/vm", "tmp", "root", "share", "etc", "var/tmp",
                   "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", GUEST_BIN):
        archive.directory(folder)
    for link, target in MERGED.items():
        archive.symlink(link, target)
    archive.symlink("var/run", "/run")
    archive.device("dev/console", 5, 1)
    archive.device("dev/null", 1, 3, 0o666)
    archive.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"
                 b"nobody:x:65534:65534:nobody:/tmp:/bin/sh\n", 0o644)
    archive.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n", 0o644)
    archive.file("etc/nsswitch.conf", b"passwd: files\ngroup: files\n", 0o644)

    with open(BUSYBOX, "rb") as file:
        archive.file("usr/bin/busybox", file.read())
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True,
                             check=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            archive.symlink(f"usr/bin/{applet}", "busybox")
    for path in tools:
        archive.file(f"usr/bin/{os.path.basename(path)}", without_debug_info(path, scratch))
    for path in libraries:
        archive.file(merged(path), without_debug_info(path, scratch))
    for name, path in programs.items():
        archive.file(f"{GUEST_BIN}/{name}", without_debug_info(path, scratch))
    for path, target in SHIPPED.items():
        with open(path, "rb") as file:
            archive.file(target, file.read(), 0o644)
    for name, target in (("guest-init", "init"), ("guest-run", "run/vm/run")):
        with open(beside(name), "rb") as file:
            archive.file(target, file.read())
    return archive


def cached_base(build_dir, cache_dir):
    """Path of the archive with everything but the command; built when an input has changed.

    The caller holds the cache lock until it has copied the file.
    """
    programs = built_programs(build_dir)
    tools = sorted(filter(None, (shutil.which(tool) for tool in TOOLS)))
    os.makedirs(cache_dir, exist_ok=True)
    path = os.path.join(cache_dir, fingerprint([BUSYBOX, *tools, *SHIPPED, *programs.values()]) + ".cpio")
    if not os.path.exists(path):
        libraries = shared_libraries([*tools, *programs.values()])
        archive = base_archive(programs, tools, libraries, path + ".strip")
        with open(path + ".new", "wb") as output:
            archive.write(output)
        os.remove(path + ".strip")
        os.rename(path + ".new", path)
    os.utime(path)
    forget_old(cache_dir)
    return path


def forget_old(cache_dir):
    archives = [os.path.join(cache_dir, name) for name in os.listdir(cache_dir)]
    archives.sort(key=os.path.getmtime, reverse=True)
    for path in archives[KEEP:]:
        os.remove(path)


def run_archive(command, timeout, root, share, module_files=()):
    """What differs from run to run: the command, its surroundings, the shared directory and modules."""
    archive = cpio.Archive()
    line = " ".join(shlex.quote(word) for word in command)
    archive.file("run/vm/command", f"#!/bin/sh\nexec {line}\n".encode())
    archive.file("run/vm/settings", f"TIMEOUT={timeout}\nROOT={root}\n".encode(), 0o644)
    for number, path in enumerate(module_files):
        archive.file(f"run/vm/modules/{number:02}.ko", modules.content(path), 0o644)
    if share:
        archive.tree(share, "share")
    return archive
