# SPDX-License-Identifier: GPL-2.0-only
"""Unpacks a Linux kernel image for x86.

A VM that is given the ELF file inside starts it directly (PVH), which spares the firmware's way and
the decompression in the emulator: more than a second of each boot. The header's fields are those of
the kernel's Documentation/arch/x86/boot.rst.
"""

import lzma
import os
import struct
import subprocess
import tempfile
import zlib

SETUP_SECTORS = 0x1f1   # one byte
MAGIC = 0x202           # "HdrS"
PAYLOAD_OFFSET = 0x248  # from the end of the setup sectors; 4 bytes, and the length behind it
SECTOR = 512
PT_NOTE = 4
PHYS32_ENTRY = 18       # the note of Xen that names the entry for PVH


class NotUnpackable(Exception):
    pass


def payload(image):
    if image[MAGIC:MAGIC + 4] != b"HdrS":
        raise NotUnpackable("no Linux kernel image")
    setup = (image[SETUP_SECTORS] or 4) + 1
    offset, length = struct.unpack_from("<II", image, PAYLOAD_OFFSET)
    begin = setup * SECTOR + offset
    return image[begin:begin + length]


def unpack(packed):
    """What the payload holds. Behind a zstd or xz stream come four bytes with the unpacked size."""
    if packed.startswith(b"\x28\xb5\x2f\xfd"):
        done = subprocess.run(["zstd", "-d", "-q", "-c"], input=packed[:-4], check=False,
                              capture_output=True)
        if done.returncode != 0:
            raise NotUnpackable(done.stderr.decode(errors="replace").strip())
        return done.stdout
    try:
        if packed.startswith(b"\xfd7zXZ\0"):
            return lzma.LZMADecompressor().decompress(packed)
        if packed.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(packed)
    except (lzma.LZMAError, zlib.error) as error:
        raise NotUnpackable(str(error)) from error
    raise NotUnpackable(f"unknown packing {packed[:6].hex()}")


def starts_directly(elf):
    """Whether a 64-bit ELF file has the note with the entry for PVH."""
    if elf[:5] != b"\x7fELF\x02":
        return False
    offset, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    for header in range(offset, offset + size * count, size):
        kind, _, begin, _, _, length = struct.unpack_from("<IIQQQQ", elf, header)
        if kind == PT_NOTE and has_note(elf[begin:begin + length]):
            return True
    return False


def has_note(notes):
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, at)
        name = notes[at + 12:at + 12 + name_size].rstrip(b"\0")
        if name == b"Xen" and kind == PHYS32_ENTRY:
            return True
        at += 12 + (name_size + 3 & ~3) + (size + 3 & ~3)
    return False


def bootable(folder):
    """The file in a kernel's folder that a VM starts from. Unpacks it when it is first asked for;
    a kernel that cannot be started directly keeps its packed image."""
    image, elf = (os.path.join(folder, name) for name in ("vmlinuz", "vmlinux"))
    if os.path.exists(elf):
        return elf if os.path.getsize(elf) else image
    with open(image, "rb") as file:
        packed = file.read()
    try:
        content = unpack(payload(packed))
        if not starts_directly(content):
            content = b""
    except (NotUnpackable, OSError, struct.error):
        content = b""
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)
    os.rename(file.name, elf)
    return elf if content else image
