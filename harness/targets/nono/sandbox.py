"""Starts a command with nono, by its Python package, which needs no other program."""

import os
import subprocess
import sys
import tempfile

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

# It keeps what a build prints to the end. So that it is passed on while it runs, it is written to two
# pipes that have names, and nothing else may be done with them.
os.makedirs("/run/bulkhead-nono", exist_ok=True)
place = tempfile.mkdtemp(dir="/run/bulkhead-nono")
pipes = [f"{place}/{name}" for name in ("out", "err")]
readers = []
for pipe, stream in zip(pipes, (sys.stdout, sys.stderr)):
    os.mkfifo(pipe)
    granted.allow_file(pipe, AccessMode.WRITE)
    readers.append(subprocess.Popen(["/bin/cat", pipe], stdout=stream))
# Somebody holds both open, or a build that does not start would leave their readers waiting.
held = [os.open(pipe, os.O_RDWR) for pipe in pipes]

result = sandboxed_exec(
    granted,
    ["/bin/sh", "-c", 'out=$1 err=$2; shift 2; exec "$@" >"$out" 2>"$err"', "sh", *pipes, *argv],
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
for descriptor in held:
    os.close(descriptor)
for reader in readers:
    # A process that outlives the build may hold its pipe open.
    try:
        reader.wait(timeout=1)
    except subprocess.TimeoutExpired:
        reader.kill()
# What a signal ended has no status that an exit can carry.
sys.exit(result.exit_code if 0 <= result.exit_code < 256 else 1)
