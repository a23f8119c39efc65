#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# template_test.sh SOURCE [BUILD]: the project in examples/template, copied to an empty folder, builds
# and passes its own test, with CMake and with pkg-config. With BUILD it takes the library that BUILD
# installs, and leaves its program in BUILD/examples/template for the VM tests; else the library that
# is installed on this machine.
set -euo pipefail
source=$1 build=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAIL: $*"
    exit 1
}

if [ -n "$build" ]; then
    cmake --install "$build" --component devel --prefix "$work/prefix" >"$work/install.log"
    PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name rustland.pc)")
    export PKG_CONFIG_PATH
fi
cp -r "$source/examples/template" "$work/project"
cd "$work/project"

echo "--- CMake"
cmake -S . -B build -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror"
cmake --build build
ctest --test-dir build --output-on-failure
build/my-scheduler --help | grep -q '^Usage: my-scheduler \[OPTION\]\.\.\.$' || fail "its help"
status=0
build/my-scheduler --policy fifo 2>error || status=$?
[ $status -eq 2 ] || fail "a bad option ends with status $status: $(cat error)"

echo "--- pkg-config"
read -ra library < <(pkgconf --cflags --libs rustland)
read -ra testing < <(pkgconf --cflags --libs rustland-testing)
c++ -std=c++20 -O1 -o my-scheduler main.cpp policy.cpp "${library[@]}"
c++ -std=c++20 -O1 -o policy_test policy_test.cpp policy.cpp "${testing[@]}"
./my-scheduler --version | grep -q '^my-scheduler (librustland [0-9.]*)$' || fail "its version"
./policy_test

if [ -n "$build" ]; then
    mkdir -p "$build/examples/template"
    cp build/my-scheduler "$build/examples/template/"
fi
echo PASSED
