#!/bin/sh
# systemd-run asks process 1, which in a lab is not systemd. So a systemd is started that is the first
# process of a PID namespace below the lab's, in a container as it knows them: with a tree of control
# groups, and settings of the kernel that it cannot change.
#
# The user of the build is made by systemd when it starts the unit, so the tree is handed over then.
# `PrivateUsers=` is left out, for beside `ProtectProc=` it takes CAP_SYS_PTRACE, which a lab has not; so are
# limits of memory and tasks, for a lab's control groups are not systemd's to divide.
set -eu
source=$1 output=$2 control=$3
shift 3
mount --make-rprivate /
# What the lab has in /run stays to be seen beside what systemd keeps there.
exec 3</run
mount -n -t tmpfs -o mode=755 tmpfs /run
lab=/proc/self/fd/3
for name in $(cd $lab/ && find . -mindepth 1 ! -type d); do
    mkdir -p "/run/${name%/*}"
    : >"/run/$name"
    mount -n --bind "$lab/$name" "/run/$name"
done
exec 3<&-
units=/run/systemd/system
mkdir -p $units
# systemd writes a number of its own where none is; the unit sees what the lab has.
: >/run/identity
[ ! -e /etc/machine-id ] || mount -n --bind /etc/machine-id /run/identity
mount -n -t cgroup2 none /sys/fs/cgroup
cat >$units/lab.target <<'END'
[Unit]
DefaultDependencies=no
Wants=dbus.service
After=dbus.service
END
cat >$units/dbus.socket <<'END'
[Unit]
DefaultDependencies=no
[Socket]
ListenStream=/run/dbus/system_bus_socket
END
# Who waits for the end of a unit asks over the bus. It is root's alone, and needs no account of its own.
cat >/run/bus.conf <<'END'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy user="0">
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
END
cat >$units/dbus.service <<'END'
[Unit]
DefaultDependencies=no
Requires=dbus.socket
[Service]
Type=notify
StandardOutput=null
StandardError=null
ExecStart=/usr/bin/dbus-daemon --config-file=/run/bus.conf --address=systemd: --nofork --nopidfile --systemd-activation
END
unshare --mount --pid --uts --fork --kill-child -- /bin/sh -ec '
    mount -n -t proc proc /proc
    mount -n --bind /proc/sys /proc/sys
    mount -n -o remount,bind,ro /proc/sys
    echo 0123456789abcdef0123456789abcdef >/run/number
    [ ! -e /etc/machine-id ] || mount -n --bind /run/number /etc/machine-id
    container=lab exec /usr/lib/systemd/systemd --system --unit=lab.target --log-target=null --show-status=no
' </dev/null >/dev/null 2>&1 &
manager=$!
tries=0
until busctl status org.freedesktop.systemd1 >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 1200 ] || { echo "systemd does not come up" >&2; exit 1; }
    sleep 0.05
done
status=0
systemd-run --quiet --pipe --wait --collect --service-type=exec \
    --setenv=_PYPROJECT_HOOKS_BUILD_BACKEND --setenv=_PYPROJECT_HOOKS_BACKEND_PATH_JSON \
    --setenv=HOME=/tmp \
    --working-directory="$source" \
    --property=DefaultDependencies=no \
    --property=DynamicUser=yes \
    --property=RuntimeDirectory=build \
    --property="ExecStartPre=+/bin/sh -ec 'chown -R --reference=/run/build $source $output $control'" \
    --property="BindPaths=$source $output $control" \
    --property=BindReadOnlyPaths=/run/identity:/etc/machine-id \
    --property=ProtectSystem=strict \
    --property=ProtectHome=yes \
    --property=PrivateTmp=yes \
    --property=PrivateDevices=yes \
    --property=PrivateNetwork=yes \
    --property=PrivateIPC=yes \
    --property=ProtectHostname=yes \
    --property=ProtectClock=yes \
    --property=ProtectKernelTunables=yes \
    --property=ProtectKernelModules=yes \
    --property=ProtectKernelLogs=yes \
    --property=ProtectControlGroups=yes \
    --property=ProtectProc=invisible \
    --property=ProcSubset=pid \
    --property=RestrictAddressFamilies="AF_UNIX AF_INET AF_INET6" \
    --property=RestrictNamespaces=yes \
    --property=LockPersonality=yes \
    --property=RestrictRealtime=yes \
    --property=RestrictSUIDSGID=yes \
    --property=RemoveIPC=yes \
    --property=NoNewPrivileges=yes \
    --property=CapabilityBoundingSet= \
    --property=AmbientCapabilities= \
    --property=SystemCallArchitectures=native \
    --property=SystemCallFilter=@system-service \
    --property=SystemCallErrorNumber=EPERM \
    --property=KeyringMode=private \
    -- "$@" || status=$?
# systemd removes the unit's temporary directories when it has ended.
tries=0
while [ $tries -lt 200 ] && ls -d /tmp/systemd-private-* /var/tmp/systemd-private-* >/dev/null 2>&1; do
    tries=$((tries + 1))
    sleep 0.05
done
kill -KILL $manager
exit $status
