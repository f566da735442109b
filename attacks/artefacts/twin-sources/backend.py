"""Packs a second back end whose name differs from the first's in case only.

On macOS and Windows it is the one that builds, as .GIT was .git there (CVE-2014-9390).
"""

import tarfile

import kit


def build_sdist(sdist_directory, config_settings=None):
    name = kit.sdist(sdist_directory)
    with kit.attempt("add-member"):
        kit.add_member(sdist_directory, name, tarfile.TarInfo("pkg-1.0/Backend.py"))
    return name
