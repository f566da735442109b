"""Sets the set-uid bit on a text, and gives it its name only if the bit was set.

If a later account gets the uid of this build, the file lends it out to everybody. Nix
builds could leave such files (CVE-2024-38531).
"""

import os
import stat

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("set-id"):
        name = os.path.join(kit.plant("shared").path, "exhibit-set-id")
        draft = os.open(os.path.dirname(name), os.O_TMPFILE | os.O_RDWR, 0o600)
        os.fchmod(draft, 0o4711)
        if os.fstat(draft).st_mode & stat.S_ISUID:
            descriptors = os.open("/proc/self/fd", os.O_RDONLY)
            os.link(str(draft), name, src_dir_fd=descriptors, follow_symlinks=True)
    return kit.wheel(wheel_directory)
