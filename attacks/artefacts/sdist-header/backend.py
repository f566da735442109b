"""Lays an archive into the extra field of the packed data's header.

Unpacked, the sdist is the honest one.
"""

import io
import os
import struct
import zipfile

import kit

EXTRA = 4


def build_sdist(sdist_directory, config_settings=None):
    name = kit.sdist(sdist_directory)
    path = os.path.join(sdist_directory, name)
    with kit.attempt("hide"):
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as archive:
            archive.writestr("pkg/__init__.py", f"# exhibit {kit.nonce}\n")
        field = struct.pack("<2sH", b"ex", len(inner.getvalue())) + inner.getvalue()
        with open(path, "rb") as file:
            whole = file.read()
        with open(path, "wb") as file:
            header = whole[:3] + bytes([whole[3] | EXTRA]) + whole[4:10]
            file.write(header + struct.pack("<H", len(field)) + field + whole[10:])
    return name
