#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the package says after an installation: nothing, but where rustlandd cannot run with its
# configuration. Usage: postinst_test.sh POSTINST
set -u
postinst=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# A rustlandctl whose check ends with CHECK and whose status with STATUS; then the script with ARGUMENT.
said() { # CHECK STATUS ARGUMENT
    cat >"$folder/rustlandctl" <<END
#!/bin/sh
case \$1 in
check) echo 'a.conf:1: a mistake'; exit $1 ;;
status) echo 'rustlandctl: it cannot, and what to do' >&2; exit $2 ;;
esac
END
    chmod +x "$folder/rustlandctl"
    PATH=$folder:$PATH sh "$postinst" "$3" 2>&1 || echo "ended with $?"
}
expect() { # WHAT WANTED GOT
    [ "$2" = "$3" ] && return
    echo "$1: wanted '$2', got '$3'"
    failed=1
}

expect "a good configuration" "" "$(said 0 0 configure)"
expect "a good one, and the daemon is off" "" "$(said 0 3 configure)"
expect "a mistake, and the daemon is gone" "rustlandctl: it cannot, and what to do" "$(said 1 3 configure)"
expect "a mistake, and the daemon runs with what it had" "" "$(said 1 0 configure)"
expect "the daemon does not answer" "" "$(said 1 1 configure)"
expect "an upgrade that was broken off" "" "$(said 1 3 abort-upgrade)"
exit $failed
