#!/bin/sh
# kern wants an image, or a directory that looks like one. This one has the system's programs, which an
# image would bring along, and nothing else of the host.
#
# Its read-only mounts ask for no flag but read-only, which the kernel refuses where the directory is
# mounted with more (`nosuid`, `nodev`), as all of a lab is. So what is to be read is first mounted
# without these flags, in a mount namespace that ends with the box.
set -eu
source=$1 output=$2 control=$3 lab=$4
shift 4
place=/run/bulkhead-kern/$$
image=$place/image
mkdir -p $image/usr $image/etc/alternatives $image/proc $image/sys $image/dev $image/run $image/tmp \
    "$image$source" "$image$output" "$image$lab" $place/home $place/run "$place$control"
for name in bin sbin lib lib64; do
    ln -sfn usr/$name $image/$name
done
printf '127.0.0.1 localhost\n' >$image/etc/hosts
set -- -- "$@"
for tree in /usr /etc/alternatives "$lab/frontend" "$lab/python"; do
    if [ -d "$tree" ]; then
        mkdir -p "$image$tree"
        mount -n --bind "$tree" "$tree"
        mount -n -o remount,bind,suid,dev "$tree"
        set -- -v "$tree:$tree:ro" "$@"
    fi
done
mount -n --bind $image $image
mount -n -o remount,bind,suid,dev $image
for name in _PYPROJECT_HOOKS_BUILD_BACKEND _PYPROJECT_HOOKS_BACKEND_PATH_JSON; do
    if value=$(printenv "$name"); then
        set -- --env "$name=$value" "$@"
    fi
done
# A lab shows no control group, so the caps that kern sets by them are out of reach here.
export HOME=$place/home XDG_RUNTIME_DIR=$place/run
exec /opt/rivals/bin/kern box "build-$$" --rootfs $image --bind-rootfs --quiet \
    --security-profile untrusted --allow-uncapped --hostname localhost \
    -v $place/tmp:/tmp \
    -v "$source:$source" -v "$output:$output" -v "$control:$control" \
    --workdir "$source" \
    "$@"
