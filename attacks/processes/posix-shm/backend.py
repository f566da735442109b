"""Opens a POSIX shared memory object by its file, reads it, and overwrites its beginning."""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open"):
        with open(kit.plant("segment").path, "r+b") as segment:
            loot["data.bin"] = segment.read()
            segment.seek(0)
            segment.write(b"tampered")
    return kit.wheel(wheel_directory, loot)
