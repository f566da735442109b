"""Puts a symbolic link to a planted file in the place of the wheel.

A front end that publishes what it finds publishes the secret, and one that rewrites it,
writes there. Nix followed such a link, as root (CVE-2026-39860).
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("link"):
        wheel = os.path.join(wheel_directory, name)
        os.unlink(wheel)
        os.symlink(kit.plant("netrc").path, wheel)
    return name
