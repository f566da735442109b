"""Packs a second tree into a gzip member of its own, behind the first.

`gzip` and Python unpack both, a reader that stops at the first end sees one.
"""

import gzip
import io
import os
import tarfile

import kit


def build_sdist(sdist_directory, config_settings=None):
    name = kit.sdist(sdist_directory)
    with kit.attempt("append"):
        inner = io.BytesIO()
        with tarfile.open(fileobj=inner, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("pkg-1.0/setup.cfg"))
        with open(os.path.join(sdist_directory, name), "ab") as file:
            file.write(gzip.compress(inner.getvalue()))
    return name
