"""Adds a hard link to a file above the directory that the sdist is unpacked to.

Links were how members got past the filter of `tarfile` (CVE-2025-4517).
"""

import tarfile

import kit


def build_sdist(sdist_directory, config_settings=None):
    name = kit.sdist(sdist_directory)
    with kit.attempt("add-link"):
        member = tarfile.TarInfo("pkg-1.0/exhibit")
        member.type = tarfile.LNKTYPE
        member.linkname = "../../exhibit"
        kit.add_member(sdist_directory, name, member)
    return name
