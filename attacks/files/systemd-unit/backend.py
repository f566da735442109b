"""Drops a unit file where systemd looks for services.

A line ExecStart= would make a lasting service of it. This exhibit has none. The payloads
of trivy-action and litellm stayed on developers' machines as such a service.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-unit"):
        target = pathlib.Path(kit.plant("units").path, "exhibit.service")
        target.write_text(f"[Unit]\nDescription=exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
