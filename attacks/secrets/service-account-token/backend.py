"""Reads the service account's token from its well-known place.

It is readable by any uid in the pod, so that workloads which are not root can use it.
durabletask and litellm went on from there to the whole cluster.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-token"):
        with open(kit.plant("token").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
