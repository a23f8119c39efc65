#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# template_test.sh SOURCE BUILD: the project in examples/template, copied to an empty folder, builds
# with what BUILD installs and passes its own test, with CMake and with pkg-config. Its program
# stays in BUILD/examples/template for the VM tests.
set -euo pipefail
source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAIL: $*"
    exit 1
}

cmake --install "$build" --component devel --prefix "$work/prefix" >"$work/install.log"
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
PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name rustland.pc)")
export PKG_CONFIG_PATH
read -ra library < <(pkgconf --define-prefix --cflags --libs rustland)
read -ra testing < <(pkgconf --define-prefix --cflags --libs rustland-testing)
c++ -std=c++20 -O1 -o my-scheduler main.cpp policy.cpp "${library[@]}"
c++ -std=c++20 -O1 -o policy_test policy_test.cpp policy.cpp "${testing[@]}"
./my-scheduler --version | grep -q '^my-scheduler (librustland [0-9.]*)$' || fail "its version"
./policy_test

mkdir -p "$build/examples/template"
cp build/my-scheduler "$build/examples/template/"
echo PASSED
