# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Shared by the scripts in ci/: where things are, messages, and the private apt configuration.

ROOT_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE_DIR=${RUSTLAND_CACHE:-${HOME:-/root}/.cache/rustland}
KERNEL_DIR=$CACHE_DIR/kernels
# Series that this project is tested on even if the lists no longer offer them: they are then
# reported as missing. Newer series are found in the lists by themselves.
WANTED_SERIES="6.12 6.16 6.17 6.18 6.19 7.0 7.1 7.2 7.3"
export ROOT_DIR CACHE_DIR KERNEL_DIR WANTED_SERIES

note() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
    note "$*"
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root to install packages: run it as root or install sudo"
    fi
}

# The series for which a kernel is in the cache, oldest first ("6.18", and "6.18-generic").
cached_series() {
    local link
    for link in "$KERNEL_DIR"/*; do
        [ -L "$link" ] && [ -r "$link/vmlinuz" ] && printf '%s\n' "${link##*/}"
    done | sort -V
}
