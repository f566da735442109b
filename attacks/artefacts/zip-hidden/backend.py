"""Hides a second archive in an extra field of a member's header.

Whoever lists the wheel sees one archive, whoever looks for the signatures of another
finds it. Hashes and RECORD are right: extra fields are in none of them.
"""

import io
import os
import struct
import zipfile

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    path = os.path.join(wheel_directory, name)
    with kit.attempt("hide"):
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as archive:
            archive.writestr("pkg/__init__.py", f"# exhibit {kit.nonce}\n")
        field = struct.pack("<HH", 0x4B48, len(inner.getvalue())) + inner.getvalue()
        with zipfile.ZipFile(path) as archive:
            members = [(member, archive.read(member)) for member in archive.infolist()]
        members[0][0].extra = field
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in members:
                archive.writestr(member, content)
    return name
