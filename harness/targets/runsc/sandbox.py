"""Writes an OCI bundle and has gVisor run it.

A lab mounts no control groups, hence `--ignore-cgroups`, and shows no KVM, hence the platform `ptrace`.
"""

import json
import os
import sys

source, output, control, lab, *argv = sys.argv[1:]
place = f"/run/bulkhead-runsc/{os.getpid()}"
bundle = f"{place}/bundle"
root = f"{bundle}/rootfs"

# The root looks like that of an image which has the system's programs and nothing else.
for name in ("usr", "etc/alternatives", "proc", "sys", "dev", "run", "tmp"):
    os.makedirs(f"{root}/{name}")
for name in ("bin", "sbin", "lib", "lib64"):
    os.symlink(f"usr/{name}", f"{root}/{name}")
with open(f"{root}/etc/hosts", "w") as hosts:
    hosts.write("127.0.0.1 localhost\n")

shown = ["/usr", "/etc/alternatives", f"{lab}/frontend", f"{lab}/python"]
shown = [path for path in shown if os.path.isdir(path)]
written = [source, output, control]
for path in (*shown, *written):
    os.makedirs(root + path, exist_ok=True)


def bound(path, mode):
    return {"type": "bind", "source": path, "destination": path, "options": ["rbind", mode]}


def fresh(path):
    return {"type": "tmpfs", "source": "tmpfs", "destination": path}


hook = ("_PYPROJECT_HOOKS_BUILD_BACKEND", "_PYPROJECT_HOOKS_BACKEND_PATH_JSON")
spec = {
    "ociVersion": "1.0.0",
    "hostname": "localhost",
    "root": {"path": "rootfs", "readonly": True},
    "process": {
        "args": argv,
        "cwd": source,
        "user": {"uid": 0, "gid": 0},
        "env": [
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "HOME=/tmp",
            "LANG=C.UTF-8",
            *(f"{name}={os.environ[name]}" for name in hook if name in os.environ),
        ],
        "capabilities": {kind: [] for kind in ("bounding", "effective", "inheritable", "permitted")},
        "noNewPrivileges": True,
    },
    "mounts": [
        {"type": "proc", "source": "proc", "destination": "/proc"},
        *(fresh(path) for path in ("/dev", "/dev/shm", "/tmp")),
        *(bound(path, "ro") for path in shown),
        *(bound(path, "rw") for path in written),
    ],
    "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")]},
}
with open(f"{bundle}/config.json", "w") as config:
    json.dump(spec, config)

runsc = ["runsc", f"--root={place}/state", "--network=none", "--platform=ptrace", "--ignore-cgroups"]
os.execvp("runsc", [*runsc, "run", f"--bundle={bundle}", f"build-{os.getpid()}"])
