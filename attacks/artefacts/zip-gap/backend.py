"""Puts a second archive behind the last member, before the list of members.

The one place that says where the list begins is moved by as much.
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
        with open(path, "rb") as file:
            whole = file.read()
        (start,) = struct.unpack("<I", whole[-6:-2])
        end = whole[start:-6] + struct.pack("<I", start + len(inner.getvalue())) + whole[-2:]
        with open(path, "wb") as file:
            file.write(whole[:start] + inner.getvalue() + end)
    return name
