#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# QEMU 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1), emulating x86 with -icount: each repetition of a string
# instruction is an instruction of its own, and costs a pass through the emulator's main loop.
#
# What surprises: "rep stosb" is what a kernel clears a page with, and what a C library sets memory with, where
# the processor says that it is fast (ERMS; -cpu max says so). With -icount, which deterministic VMs use, it is
# the slowest way there is: one instruction of the guest's clock for each byte, as seen by its time-stamp
# counter, and many times the processor time of the same guest without -icount. A loop of four instructions that
# moves eight bytes at a time takes an eighth of that on both clocks. A VM for kernels takes half the time with
# "-cpu max,-erms,-fsrm".
#
# Seen on 2026-11-29: ticks for 128 MiB: rep stosb 134217733, rep stosl 33554437, loop 67108868; processor time of
# QEMU for the same guest: 4645 ms with -icount, 345 ms without.
#
# Needs: Debian 12 with the network, as and ld. Installs nothing on the machine.
set -euo pipefail
VERSION="1:10.0.2+ds-2+deb13u1~bpo12+1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

echo "fetching qemu-system-x86 $VERSION and what it needs"
mkdir -p archives/partial lists/partial root
: >status
key=/usr/share/keyrings/debian-archive-keyring.gpg
for suite in bookworm bookworm-backports; do
    echo "deb [signed-by=$key] http://deb.debian.org/debian $suite main"
done >sources.list
apt=(apt-get -qq -o "Dir::State::status=$work/status" -o "Dir::State::lists=$work/lists"
    -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::Cache::archives=$work/archives"
    -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" -o APT::Sandbox::User=root -o Debug::NoLocking=1)
{
    "${apt[@]}" update
    "${apt[@]}" -t bookworm-backports --no-install-recommends --download-only -y install "qemu-system-x86=$VERSION" \
        "qemu-system-common=$VERSION" "qemu-system-data=$VERSION"
} >apt.log 2>&1 || { tail -n 5 apt.log; exit 1; }
for package in archives/*.deb; do dpkg-deb -x "$package" root; done
qemu() {
    "$work/root/lib64/ld-linux-x86-64.so.2" \
        --library-path "$work/root/lib/x86_64-linux-gnu:$work/root/usr/lib/x86_64-linux-gnu" \
        "$work/root/usr/bin/qemu-system-x86_64" -L "$work/root/usr/share/qemu" -L "$work/root/usr/share/seabios" "$@"
}

# A program without a system: fills 128 MiB three times, and writes what the time-stamp counter says.
cat >guest.s <<'ASM'
        .equ SIZE, 128 << 20
        .equ BUFFER, 32 << 20
        .code32
        .section .text
        .long 0x1BADB002, 0, -0x1BADB002        # the header of multiboot
        .globl start
start:  cld
        xor %eax, %eax
        mov $BUFFER, %edi
        mov $SIZE, %ecx
        call begin
        rep stosb
        call end
        mov $BUFFER, %edi
        mov $(SIZE / 4), %ecx
        call begin
        rep stosl
        call end
        mov $BUFFER, %edi
        mov $(SIZE / 8), %ecx
        call begin
1:      mov %eax, (%edi)
        mov %eax, 4(%edi)
        lea 8(%edi), %edi
        loop 1b
        call end
        mov $0xf4, %dx                          # isa-debug-exit
        out %al, %dx
2:      hlt
        jmp 2b
begin:  rdtsc
        mov %eax, %ebx
        ret
end:    rdtsc
        sub %ebx, %eax
        mov $8, %ecx                            # eight hexadecimal digits and a line's end
3:      rol $4, %eax
        mov %eax, %edx
        and $15, %eax
        cmp $10, %al
        jb 4f
        add $39, %al
4:      add $48, %al
        push %edx
        mov $0xe9, %dx                          # isa-debugcon
        out %al, %dx
        pop %edx
        mov %edx, %eax
        dec %ecx
        jnz 3b
        mov $10, %al
        mov $0xe9, %dx
        out %al, %dx
        ret
ASM
as --32 -o guest.o guest.s
ld -m elf_i386 -Ttext=0x100000 -e start -o guest guest.o

# run OUTPUT OPTION…: the guest's lines go to OUTPUT; prints QEMU's processor time in ms.
run() {
    local output=$1 times
    shift
    times=$({
        TIMEFORMAT="%U"
        time qemu -nodefaults -no-user-config -display none -m 256M -cpu max -kernel guest \
            -chardev "file,id=out,path=$output" -device isa-debugcon,chardev=out,iobase=0xe9 \
            -device isa-debug-exit,iobase=0xf4 -accel tcg,thread=single "$@" >qemu.log 2>&1 || true
    } 2>&1)
    awk -v seconds="$times" 'BEGIN { printf "%d\n", seconds * 1000 }'
}

qemu --version | head -n 1
counted=$(run counted -icount shift=0,sleep=off)
plain=$(run plain)
mapfile -t ticks < <(while read -r line; do echo $((16#$line)); done <counted)
[ ${#ticks[@]} -eq 3 ] || { cat qemu.log; echo "the guest has not written three lines"; exit 1; }
echo "with -icount, ticks for 128 MiB: rep stosb ${ticks[0]}, rep stosl ${ticks[1]}, loop ${ticks[2]}"
echo "QEMU's processor time for the same guest: with -icount $counted ms, without $plain ms"

bytes=$((128 << 20))
# near VALUE WANTED: at most 100 more
near() { [ "$1" -ge "$2" ] && [ "$1" -le $(($2 + 100)) ]; }
changed() {
    echo "changed: $*"
    exit 1
}
near "${ticks[0]}" $bytes || changed "rep stosb does not take an instruction for each byte"
near "${ticks[1]}" $((bytes / 4)) || changed "rep stosl does not take an instruction for each word"
[ "$counted" -ge $((plain * 5)) ] || changed "-icount does not make string instructions slow"
echo "as stated"
