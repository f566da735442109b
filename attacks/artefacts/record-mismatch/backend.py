"""Adds a module of which RECORD knows nothing.

Installers unpack it all the same. A reviewer who goes by the list misses the module, as
with the off-screen lines of the W4SP packages.
"""

import os
import zipfile

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("write-member"):
        with zipfile.ZipFile(os.path.join(wheel_directory, name), "a") as archive:
            archive.writestr("pkg/exhibit.py", f"# exhibit {kit.nonce}\n")
    return name
