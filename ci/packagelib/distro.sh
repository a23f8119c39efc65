# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154  # of ci/package: work, version, output, jobs
# Sourced by ci/package: the packages built, tested and judged on other releases of Debian, and with
# their tests on this one.

# What lintian is asked, everywhere: nothing may be found.
LINTIAN=(lintian --pedantic --display-info --display-experimental --info --tag-display-limit 0
    "--fail-on=error,warning,info,pedantic,experimental")

# suppressed_tags RELEASE: what lintian says there of a tree that builds on Debian 12, too, and keeps to
# the policy of the newest Debian.
suppressed_tags() {
    local tags
    case $1 in
    # debian/control keeps to a policy that is newer than what these know.
    bookworm | trixie) tags=newer-standards-version ;;&
    # Debian 12 alone asks for an init script beside each unit; Debian 13's does not know that tag, and
    # takes an override of it for a mistake. A unit is more than a way to start a program here: its user,
    # its privileges and its sandbox are what the program is run with.
    bookworm) tags=$tags,package-supports-alternative-init-but-no-init.d-script ;;
    trixie) ;;
    # Debian 12 has no stable level 14 of debhelper, and wants both fields.
    *) tags=package-uses-old-debhelper-compat-version,redundant-priority-optional-field
        tags=$tags,redundant-rules-requires-root-no-field ;;
    esac
    # Compilers put pieces of texts side by side, as "for" and "mend" that no text has together; the
    # texts' spelling is checked in the source (ci/test, lint/spelling).
    printf '%s\n' "$tags,spelling-error-in-binary"
}

# in_chroot ROOT CCACHE COMMAND…: as ci/packagelib/in-chroot has it.
in_chroot() {
    as_root env "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" "DEB_BUILD_OPTIONS=parallel=$jobs" \
        unshare --mount --net --pid --ipc --uts --fork --kill-child \
        "$ROOT_DIR/ci/packagelib/in-chroot" "$@"
}

# versions_in ROOT: what it was built with there.
versions_in() {
    # shellcheck disable=SC2016  # dpkg-query expands these
    as_root chroot "$1" dpkg-query -W -f '${Package} ${Version}\n' g++ clang cmake libbpf-dev libfmt-dev \
        libspdlog-dev libcli11-dev nlohmann-json3-dev libgtest-dev libsystemd-dev debhelper lintian
}

# lintian_of SUITE ROOT TAGS CHANGES: that release's, but for these and suppressed_tags().
lintian_of() {
    local log=$work/distro-$1-lintian.log
    in_chroot "$2" "$CACHE_DIR/ccache-$1" "${LINTIAN[@]}" --suppress-tags "$(suppressed_tags "$1"),$3" \
        "$4" >"$log" 2>&1 || {
        tail -n 60 "$log" >&2
        die "lintian of $1 has something to say of $4 (whole log: $log)"
    }
}

# step_distro SUITE: a plain build as the archive's machines run it, with all unit tests, as an ordinary
# user and without a network; then that release's lintian.
step_distro() {
    local suite=$1 root=$work/distro-$1 log=$work/distro-$1.log cache=$CACHE_DIR/ccache-$1
    "$ROOT_DIR/ci/setup" --no-kernels --distro "$suite"
    as_root rm -rf "$root"
    mkdir -p "$root" "$cache"
    as_root tar -x -C "$root" -f "$CACHE_DIR/distro/$suite.tar"
    copy_source "$work/distro-source"
    as_root mkdir "$root/build"
    as_root mv "$work/distro-source" "$root/build/rustland-$version"
    as_root chown -R 1000:1000 "$root/build"
    versions_in "$root" >"$log"
    # shellcheck disable=SC2016  # for the shell in there
    in_chroot "$root" "$cache" sh -c 'cd "$1" && exec dpkg-buildpackage -us -uc' sh "rustland-$version" \
        >>"$log" 2>&1 || {
        grep -E ': error: |^FAILED: |\*\*\*Failed|Not Run' "$log" | tail -n 40 >&2
        die "the packages do not build on $suite (whole log: $log)"
    }
    grep -qE '^100% tests passed' "$log" || die "no unit test ran on $suite (whole log: $log)"
    note "$(grep -E '^100% tests passed' "$log")"
    # The entry in debian/changelog has the date of no upload: before the VMs' clock starts, so that no
    # file of a package lies in their future.
    lintian_of "$suite" "$root" timewarp-standards-version \
        "rustland_${version}_$(dpkg --print-architecture).changes"
    quilt_source "$work/quilt"
    as_root mv "$work/quilt" "$root/build/quilt"
    lintian_of "$suite" "$root" "$NOT_PUBLISHED" "quilt/rustland_$version-1_source.changes"
    as_root rm -rf "$root"
}

# The packages as anybody builds them, with all unit tests: what is configured for /usr, and with the
# distribution's flags. They are the same as those of step_deb, to the byte.
step_deb-check() {
    local deb
    need_debs
    build_debs "$work/first" "$dev_cache" "$work/deb-check.log" --tests -b
    grep -qE '^100% tests passed' "$work/deb-check.log" || die "no unit test ran ($work/deb-check.log)"
    note "$(grep -E '^100% tests passed' "$work/deb-check.log")"
    for deb in "$output"/*.deb; do
        cmp -s "$deb" "$work/first/${deb##*/}" || die "${deb##*/} is different when its tests are built"
    done
    rm -rf "$work/first"
}

step_rpm-check() {
    build_rpms "$work/rpm-check" "$work/rpm-check.log" --with tests
    grep -qE '^100% tests passed' "$work/rpm-check.log" || die "no unit test ran ($work/rpm-check.log)"
    note "$(grep -E '^100% tests passed' "$work/rpm-check.log")"
    rm -rf "$work/rpm-check"
}
