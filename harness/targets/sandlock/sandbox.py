"""Starts a command with sandlock, by its Python package; `pip install sandlock` brings no command."""

import os
import sys

from sandlock import Sandbox

source, output, control, lab, *argv = sys.argv[1:]
SYSTEM = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/alternatives", "/etc/hosts", "/etc/ld.so.cache", "/proc"]
DEVICES = ["/dev/null", "/dev/zero", "/dev/urandom"]
HOOK = ["_PYPROJECT_HOOKS_BUILD_BACKEND", "_PYPROJECT_HOOKS_BACKEND_PATH_JSON"]

box = Sandbox(
    fs_readable=[path for path in [*SYSTEM, *DEVICES, lab] if os.path.exists(path)],
    fs_writable=["/tmp", "/dev/shm", "/dev/null", source, output, control],
    net_allow=["127.0.0.1"],
    net_allow_bind=["0"],
    clean_env=True,
    env={
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        **{name: os.environ[name] for name in HOOK if name in os.environ},
    },
    cwd=source,
    max_memory="512M",
    max_processes=64,
    max_open_files=256,
    no_coredump=True,
)
# What a build prints is passed on while it runs, and it gets no input: `run` would keep it to the end.
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
code = box.run_interactive(argv)
# What a signal ended has no status that an exit can carry.
sys.exit(code if 0 <= code < 256 else 1)
