#!/bin/bash
# A sandbox in the form of a script, with its faults kept, because they are what is on trial:
# - the trap never runs: `exec` replaces the shell that holds it, so the account stays;
# - every helper is found through PATH, which a build's own environment may come first in;
# - /proc is the caller's, and so are all files;
# - the tree of the build is opened to everybody, and nothing ends with its supervisor.
set -eu
source=$1 output=$2 control=$3
shift 3
user="fmr_$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')"
useradd -r -M -d /nonexistent -s /sbin/nologin "$user"
trap 'userdel "$user"' EXIT
chmod -R o+rwX "$source" "$output" "$control"
exec setpriv --reuid "$user" --regid "$user" --clear-groups -- \
    unshare --uts --net --pid --ipc --fork --map-root-user -- \
    /bin/sh -c 'ip link set lo up; hostname localhost; exec "$@"' sh "$@"
