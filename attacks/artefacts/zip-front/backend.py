"""Puts a second archive before the first, and mends the places that the first one names.

Whoever reads from the front unpacks the second; whoever begins with the list of members, as
Python does, never sees it.
"""

import io
import os
import zipfile

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    path = os.path.join(wheel_directory, name)
    with kit.attempt("hide"):
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as archive:
            archive.writestr("pkg/__init__.py", f"# exhibit {kit.nonce}\n")
        with zipfile.ZipFile(path) as archive:
            members = [(member, archive.read(member)) for member in archive.infolist()]
        with open(path, "wb") as file:
            file.write(inner.getvalue())
            with zipfile.ZipFile(file, "w") as archive:
                for member, content in members:
                    archive.writestr(member, content)
    return name
