"""Opens a POSIX shared memory object by its file, reads it, and overwrites its beginning.

It is a file in /dev/shm. A namespace for System V objects, which the proposal trusts in,
does not cover it.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open"):
        with open(kit.plant("segment").path, "r+b") as segment:
            loot["data.bin"] = segment.read()
            segment.seek(0)
            segment.write(b"tampered")
    return kit.wheel(wheel_directory, loot)
