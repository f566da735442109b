"""Writes a user unit directly into the folder of what starts at login.

This unit has a description and nothing to execute. The payload that came with
trivy-action needed no root for it, and TanStack's (CVE-2026-45321) watched a token from
there.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-unit"):
        target = pathlib.Path(kit.plant("units").path, "monitor.service")
        target.write_text(f"[Unit]\nDescription=exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
