"""Adds a member to the sdist whose mode is that of a set-uid program.

Unpacked by root it is one. Nix builds left such files behind (CVE-2024-38531).
"""

import tarfile

import kit


def build_sdist(sdist_directory, config_settings=None):
    name = kit.sdist(sdist_directory)
    with kit.attempt("set-mode"):
        member = tarfile.TarInfo("pkg-1.0/exhibit")
        member.mode = 0o4755
        kit.add_member(sdist_directory, name, member)
    return name
