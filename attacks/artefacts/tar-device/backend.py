"""Adds a member that is a character device.

Whoever unpacks as root gets a working device node, here that of /dev/null; with other
numbers it would be the memory or a disk. An sdist has no use for any of them.
"""

import tarfile

import kit


def build_sdist(sdist_directory, config_settings=None):
    name = kit.sdist(sdist_directory)
    with kit.attempt("write-member"):
        member = tarfile.TarInfo("pkg-1.0/exhibit")
        member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 3
        kit.add_member(sdist_directory, name, member)
    return name
