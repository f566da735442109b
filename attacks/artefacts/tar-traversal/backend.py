"""Adds a member whose name leads out of the source tree."""

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
            member = tarfile.TarInfo("../exhibit.txt")
            tar.addfile(member, io.BytesIO())
        with gzip.open(path, "wb") as packed:
            packed.write(archive.getvalue())
    return name
