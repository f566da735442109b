"""Adds a member whose name leads out of the source tree.

Python's tarfile believed such names for eighteen years (CVE-2007-4559), and its filter
against them could be passed by (CVE-2025-4517).
"""

import tarfile

import kit


def build_sdist(sdist_directory, config_settings=None):
    name = kit.sdist(sdist_directory)
    with kit.attempt("write-member"):
        member = tarfile.TarInfo("../exhibit.txt")
        kit.add_member(sdist_directory, name, member)
    return name
