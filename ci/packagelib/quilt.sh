# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154  # of ci/package: work, version, output, jobs
# Sourced by ci/package: the source package as Debian's archive takes it, with the project's release as
# the upstream tarball and debian/ beside it.

# release_tarball FILE FOLDER: the whole tree as a release, made in FOLDER; the same bytes each time.
release_tarball() {
    copy_source "$2/rustland-$version"
    tar -c -C "$2" --sort=name --owner=0 --group=0 --numeric-owner "rustland-$version" |
        gzip -n >"$1"
    rm -rf "$2/rustland-$version"
}

# to_quilt TREE: what changes in debian/ when the project is no longer its own upstream: the format, a
# revision and the date of the upload in the changelog, and what tells where upstream is.
to_quilt() {
    echo '3.0 (quilt)' >"$1/debian/source/format"
    sed -i "1s/($version)/($version-1)/; s/^\( -- .*>  \).*/\1$(LC_ALL=C date --utc -R)/" "$1/debian/changelog"
    mkdir -p "$1/debian/upstream"
    install -m 0644 "$ROOT_DIR/ci/packagelib/quilt/watch" "$1/debian/watch"
    install -m 0644 "$ROOT_DIR/ci/packagelib/quilt/metadata" "$1/debian/upstream/metadata"
}

# watch_finds FOLDER: debian/watch finds the newest release where a web page lists some, and which of
# them is newer than this one.
watch_finds() ( # a shell of its own, whose end is the web server's
    site=$1/site port=
    mkdir -p "$site/releases"
    touch "$site/releases/rustland-$version.tar.gz" "$site/releases"/rustland-99.{2.0,10.1}.tar.gz \
        "$site/releases/other-99.11.0.tar.gz"
    python3 -u -m http.server --bind 127.0.0.1 --directory "$site" 0 >"$site/log" 2>&1 &
    server=$!
    trap 'kill "$server"' EXIT
    for _ in $(seq 50); do
        port=$(sed -nE 's/.* port ([0-9]+) .*/\1/p' "$site/log")
        [ -z "$port" ] || break
        sleep 0.1
    done
    [ -n "$port" ] || die "no web server for debian/watch: $(cat "$site/log")"
    sed "s%https://rustland.example/%http://127.0.0.1:$port/%" "$1/rustland-$version/debian/watch" \
        >"$site/watch"
    found=$(cd "$1" && uscan --no-conf --no-download --dehs --watchfile "$site/watch" \
        --package rustland --upstream-version "$version" 2>"$work/uscan.log" |
        sed -nE 's,.*<upstream-version>(.*)</upstream-version>.*,\1,p') || true
    [ "$found" = 99.10.1 ] || die "debian/watch found '$found' and not 99.10.1 ($work/uscan.log)"
)

# What a first upload lacks here: which bug report it closes is known once there is one that asks for the
# package; whose key signs the releases, once somebody publishes them. And Debian 12's uscan, which
# watch_finds() has, does not read version 5 of debian/watch.
NOT_PUBLISHED=initial-upload-closes-no-bugs,debian-watch-does-not-check-openpgp-signature
NOT_PUBLISHED=$NOT_PUBLISHED,older-debian-watch-file-standard

# quilt_source FOLDER: the source package and its .changes, in the new FOLDER, and unpacked as it was made.
quilt_source() {
    local tree=$1/rustland-$version
    rm -rf "$1" && mkdir -p "$1"
    release_tarball "$1/rustland_$version.orig.tar.gz" "$1"
    tar -x -C "$1" -f "$1/rustland_$version.orig.tar.gz"
    to_quilt "$tree"
    (cd "$tree" && quietly "$work/quilt.log" dpkg-buildpackage -S -d --no-sign)
    [ -e "$1/rustland_$version-1.debian.tar.xz" ] || die "dpkg-source made no debian.tar.xz"
}

step_quilt() {
    local top=$work/quilt tree=$work/quilt/rustland-$version
    quilt_source "$top"
    (cd "$top" && quietly "$work/quilt-unpack.log" dpkg-source -x "rustland_$version-1.dsc" unpacked)
    rm -r "$tree/debian/files" "$top/unpacked/.pc" # notes of the tools
    diff -r "$tree" "$top/unpacked" || die "what is unpacked is not what was packed"
    "${LINTIAN[@]}" --allow-root --suppress-tags "$(suppressed_tags bookworm),$NOT_PUBLISHED" \
        "$top/rustland_$version-1_source.changes" || die "lintian has something to say"
    watch_finds "$top"
    rm -rf "$top"
}
