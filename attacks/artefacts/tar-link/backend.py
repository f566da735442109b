"""Adds a symbolic link that leads three directories up."""

import gzip
import io
import os
import tarfile

import kit


def build_sdist(sdist_directory, config_settings=None):
    name = kit.sdist(sdist_directory)
    with kit.attempt("write-member"):
        path = os.path.join(sdist_directory, name)
        with gzip.open(path) as packed:
            archive = io.BytesIO(packed.read())
        with tarfile.open(fileobj=archive, mode="a") as tar:
            member = tarfile.TarInfo("pkg-1.0/exhibit")
            member.type, member.linkname = tarfile.SYMTYPE, "../../../exhibit"
            tar.addfile(member)
        with gzip.open(path, "wb") as packed:
            packed.write(archive.getvalue())
    return name
