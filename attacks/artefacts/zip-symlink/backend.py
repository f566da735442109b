"""Adds a member that says of itself that it is a symbolic link.

A member of the same name with more behind it would be written through the link. wheel
changed modes outside in this way (CVE-2026-24049).
"""

import os
import stat
import zipfile

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("write-member"):
        link = zipfile.ZipInfo("pkg/exhibit", kit.EPOCH)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(os.path.join(wheel_directory, name), "a") as archive:
            archive.writestr(link, "nowhere")
    return name
