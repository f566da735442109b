"""Writes a second tree behind the two blocks of zeros that end the first.

`tar --ignore-zeros` unpacks both. That two readers see two trees in one file is what made
CVE-2025-62518 a vulnerability.
"""

import gzip
import io
import os
import tarfile

import kit


def build_sdist(sdist_directory, config_settings=None):
    name = kit.sdist(sdist_directory)
    path = os.path.join(sdist_directory, name)
    with kit.attempt("append"):
        inner = io.BytesIO()
        with tarfile.open(fileobj=inner, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("pkg-1.0/setup.cfg"))
        with gzip.open(path) as packed:
            whole = packed.read()
        with gzip.open(path, "wb") as packed:
            packed.write(whole + inner.getvalue())
    return name
