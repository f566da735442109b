"""Makes a device node in a directory that everybody may write to.

Its numbers are those of /dev/null, the one device that swallows all and gives nothing.
"""

import os
import stat

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("make-node"):
        null = os.makedev(1, 3)
        os.mknod(os.path.join(kit.plant("shared").path, "exhibit-null"), stat.S_IFCHR | 0o600, null)
    return kit.wheel(wheel_directory)
