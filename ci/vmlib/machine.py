# SPDX-License-Identifier: GPL-2.0-only
"""Runs one QEMU process and passes on what comes out of its ports."""

import ctypes
import os
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.05
POWEROFF_SECONDS = 60  # after the command's status is known

DETERMINISTIC = ["-accel", "tcg,thread=single", "-icount", "shift=1,sleep=off"]
PARALLEL = ["-accel", "tcg,thread=multi"]
# As few devices as possible: each is boot time.
HARDWARE = "pc,i8042=off,hpet=off,vmport=off"
# Under instruction counting QEMU takes a string instruction apart: one pass through its main loop for
# each byte that "rep stosb" writes, 4,096 for a page. Without these the kernel and the C library use
# loops of wider moves, and a run takes half the time.
CPU = "max,-erms,-fsrm,-fzrm,-fsrs,-fsrc"
# Slow to start under emulation and of no use here: certificates, a self-test of an entropy
# source, TCP and queueing disciplines in BPF. Leaving them out saves a third of the boot; the
# self-tests of the ciphers, another second.
SKIPPED_INITCALLS = ("load_system_certificate_list", "jent_mod_init", "bpf_tcp_ca_kfunc_init",
                     "bpf_qdisc_kfunc_init", "bpf_dummy_struct_ops_init")
KERNEL_ARGUMENTS = ("console=ttyS0 nokaslr tsc=reliable mitigations=off quiet loglevel=5 "
                    "panic=-1 log_buf_len=4M edd=off cryptomgr.notests "
                    f"initcall_blacklist={','.join(SKIPPED_INITCALLS)}")


class Tail:
    """Copies a growing file to a stream."""

    def __init__(self, path, stream):
        self._file = open(path, "rb")  # pylint: disable=consider-using-with
        self._stream = stream

    def copy(self):
        data = self._file.read()
        if data and self._stream is not None:
            self._stream.write(data)
            self._stream.flush()


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    def __init__(self, folder):
        self._folder = folder
        for port in ("stdout", "stderr", "status", "log", "console"):
            open(self.path(port), "wb").close()

    def path(self, port):
        return os.path.join(self._folder, port)

    def read(self, port):
        with open(self.path(port), encoding="utf-8", errors="replace") as file:
            return file.read().replace("\r", "")

    def command_line(self, options, kernel, initrd, image):
        line = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
                "-no-reboot", "-machine", HARDWARE, "-cpu", CPU, "-smp", options.cpus,
                "-m", options.memory]
        if options.realtime:
            line += PARALLEL
        else:
            line += DETERMINISTIC + ["-seed", str(options.seed),
                                     "-rtc", "clock=vm,base=2026-01-01"]
        # ioeventfd would hand each output to QEMU's main thread, which takes it up whenever the
        # host lets it: that alone makes two runs of the same seed differ.
        line += ["-chardev", f"file,id=console,path={self.path('console')}",
                 "-serial", "chardev:console", "-device", "virtio-serial-pci,ioeventfd=off"]
        for port in ("stdout", "stderr", "status", "log"):
            line += ["-chardev", f"file,id={port},path={self.path(port)}",
                     "-device", f"virtserialport,chardev={port},name={port}"]
        if image:  # NVMe: the one disk whose driver every cloud kernel has built in
            line += ["-drive", f"file={image},format=raw,if=none,id=disk,snapshot=on",
                     "-device", "nvme,drive=disk,serial=disk"]
        line += ["-kernel", kernel, "-initrd", initrd,
                 "-append", f"{KERNEL_ARGUMENTS} {options.append}".strip()]
        return line + options.qemu

    def run(self, command_line, deadline_seconds):
        """True when the machine switched itself off, False when it had to be killed."""
        tails = [Tail(self.path("stdout"), sys.stdout.buffer),
                 Tail(self.path("stderr"), sys.stderr.buffer)]
        deadline = time.monotonic() + deadline_seconds
        status_known = False
        with subprocess.Popen(command_line, stdin=subprocess.DEVNULL,
                              preexec_fn=die_with_parent) as process:
            try:
                while True:
                    try:
                        process.wait(POLL_SECONDS)
                        return True
                    except subprocess.TimeoutExpired:
                        pass
                    for tail in tails:
                        tail.copy()
                    if not status_known and os.path.getsize(self.path("status")) > 0:
                        status_known = True
                        deadline = min(deadline, time.monotonic() + POWEROFF_SECONDS)
                    if time.monotonic() > deadline:
                        return False
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
                for tail in tails:
                    tail.copy()
