#!/bin/sh
# podman wants an image, or a directory that looks like one. This one has the system's programs,
# which an image would bring along, and nothing else of the host.
#
# In a lab no control group is mounted, and podman does not start without: it gets its own, in a
# mount namespace that ends with it. crun is the runtime that can do without groups for containers.
set -eu
source=$1 output=$2 control=$3 lab=$4
shift 4
place=/run/bulkhead-podman
image=$place/image
mkdir -p $image/usr $image/etc/alternatives $image/proc $image/sys $image/dev $image/run $image/tmp
for name in bin sbin lib lib64; do
    ln -sfn usr/$name $image/$name
done
set -- --rootfs $image "$@"
# A read-only volume covers its own mount and none below it.
if [ -d "$lab/python" ]; then
    set -- --volume="$lab/python:$lab/python:ro" "$@"
fi
mount -n -t cgroup2 none /sys/fs/cgroup
exec podman --runtime=crun --storage-driver=vfs \
    --root=$place/root --runroot=$place/run --tmpdir=$place/tmp --network-config-dir=$place/networks \
    run --rm --network=none --hostname=localhost \
    --cap-drop=all --security-opt=no-new-privileges \
    --read-only --ulimit=host --cgroups=disabled \
    --env=_PYPROJECT_HOOKS_BUILD_BACKEND --env=_PYPROJECT_HOOKS_BACKEND_PATH_JSON \
    --volume=/usr:/usr:ro --volume=/etc/alternatives:/etc/alternatives:ro \
    --volume="$lab:$lab:ro" \
    --volume="$source:$source" --volume="$output:$output" --volume="$control:$control" \
    --workdir="$source" \
    "$@"
