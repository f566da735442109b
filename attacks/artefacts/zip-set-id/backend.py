"""Gives a member of the wheel the mode of a set-uid program.

`unzip` as root restores it. What `wheel` does with the modes of members was a vulnerability
of its own (CVE-2026-24049).
"""

import os
import zipfile

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    path = os.path.join(wheel_directory, name)
    with kit.attempt("set-mode"):
        with zipfile.ZipFile(path) as archive:
            members = [(member, archive.read(member)) for member in archive.infolist()]
        members[0][0].external_attr = 0o104755 << 16
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in members:
                archive.writestr(member, content)
    return name
