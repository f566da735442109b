"""Starts a command with nono, by its Python package, which needs no other program."""

import os
import sys

from nono_py import AccessMode, CapabilitySet, sandboxed_exec

source, output, control, lab, *argv = sys.argv[1:]
SYSTEM = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/alternatives", "/proc"]
FILES = ["/etc/hosts", "/etc/ld.so.cache", "/dev/zero", "/dev/urandom"]
HOOK = ["_PYPROJECT_HOOKS_BUILD_BACKEND", "_PYPROJECT_HOOKS_BACKEND_PATH_JSON"]

granted = CapabilitySet()
for path in [*SYSTEM, lab]:
    if os.path.isdir(path):
        granted.allow_path(path, AccessMode.READ)
for path in FILES:
    if os.path.exists(path):
        granted.allow_file(path, AccessMode.READ)
for path in ["/tmp", "/dev/shm", source, output, control]:
    granted.allow_path(path, AccessMode.READ_WRITE)
granted.allow_file("/dev/null", AccessMode.READ_WRITE)
granted.block_network()

result = sandboxed_exec(
    granted,
    argv,
    cwd=source,
    env=[
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("HOME", "/tmp"),
        ("LANG", "C.UTF-8"),
        *((name, os.environ[name]) for name in HOOK if name in os.environ),
    ],
    # The filter denies what Landlock does not know: UDP, raw sockets, io_uring.
    enforcement_mode="seccomp",
)
for stream, said in ((sys.stdout, result.stdout), (sys.stderr, result.stderr)):
    stream.buffer.write(said if isinstance(said, bytes) else (said or "").encode())
# What a signal ended has no status that an exit can carry.
sys.exit(result.exit_code if 0 <= result.exit_code < 256 else 1)
