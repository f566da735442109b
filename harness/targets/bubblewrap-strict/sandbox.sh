#!/bin/sh
# bubblewrap takes variables one by one: `--clearenv` forgets all, `--setenv` makes those that a hook needs.
set -eu
source=$1 output=$2 control=$3 lab=$4
shift 4
set -- --chdir "$source" -- "$@"
for name in _PYPROJECT_HOOKS_BUILD_BACKEND _PYPROJECT_HOOKS_BACKEND_PATH_JSON; do
    if value=$(printenv "$name"); then
        set -- --setenv "$name" "$value" "$@"
    fi
done
exec /opt/rivals/bin/bwrap \
    --ro-bind /usr /usr \
    --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
    --symlink usr/bin /bin --symlink usr/sbin /sbin \
    --ro-bind-try /etc/alternatives /etc/alternatives \
    --ro-bind /etc/hosts /etc/hosts \
    --proc /proc --dev /dev --tmpfs /tmp \
    --ro-bind "$lab" "$lab" \
    --bind "$source" "$source" --bind "$output" "$output" --bind "$control" "$control" \
    --unshare-all --unshare-user --disable-userns --assert-userns-disabled \
    --uid 1000 --gid 1000 --hostname localhost --cap-drop ALL \
    --new-session --die-with-parent --as-pid-1 \
    --clearenv --setenv PATH /usr/local/bin:/usr/bin:/bin --setenv HOME /tmp --setenv LANG C.UTF-8 \
    "$@"
