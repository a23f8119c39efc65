# SPDX-License-Identifier: GPL-2.0-only
"""Writes cpio archives (newc) that depend on nothing but their content.

Owners are root, times are fixed and names are sorted, so that two VMs which boot from the same
files run the very same instructions.
"""

import os
import stat

FIXED_MTIME = 1767225600  # 2026-01-01, the date at which the VM's clock starts


class Archive:
    def __init__(self):
        self._entries = {}

    def directory(self, path, mode=0o755):
        self._add(path, stat.S_IFDIR | mode, b"")

    def file(self, path, data, mode=0o755):
        self._add(path, stat.S_IFREG | mode, data)

    def symlink(self, path, target):
        self._add(path, stat.S_IFLNK | 0o777, os.fsencode(target))

    def device(self, path, major, minor, mode=0o600):
        self._add(path, stat.S_IFCHR | mode, b"", (major, minor))

    def tree(self, source, target):
        """Copies the directory `source` to `target`, following no symbolic link."""
        self.directory(target)
        for folder, folders, files in os.walk(source):
            inside = os.path.normpath(os.path.join(target, os.path.relpath(folder, source)))
            for name in folders + files:
                host, guest = os.path.join(folder, name), os.path.join(inside, name)
                info = os.lstat(host)
                if stat.S_ISLNK(info.st_mode):
                    self.symlink(guest, os.readlink(host))
                elif stat.S_ISDIR(info.st_mode):
                    self.directory(guest)
                elif stat.S_ISREG(info.st_mode):
                    with open(host, "rb") as file:
                        self.file(guest, file.read(), 0o755 if info.st_mode & 0o111 else 0o644)

    def _add(self, path, mode, data, device=(0, 0)):
        path = path.strip("/")
        parent = os.path.dirname(path)
        if parent and parent not in self._entries:
            self.directory(parent)
        self._entries[path] = (mode, data, device)

    def write(self, output):
        for number, path in enumerate(sorted(self._entries), start=1):
            mode, data, device = self._entries[path]
            self._record(output, number, path, mode, data, device)
        self._record(output, 0, "TRAILER!!!", 0, b"", (0, 0))

    @staticmethod
    def _record(output, number, path, mode, data, device):
        name = os.fsencode(path) + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (number, mode, 0, 0, links, FIXED_MTIME, len(data), 0, 0, *device, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        output.write(header + b"\0" * (-len(header) % 4))
        output.write(data + b"\0" * (-len(data) % 4))
