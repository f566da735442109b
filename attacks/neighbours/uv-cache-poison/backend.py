"""Changes one file of a package in the cache from which uv fills environments.

Environments are filled with links to it, so that all of them have the changed file at
once, those of the past too.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("poison-archive"):
        with open(kit.plant("entry").path, "a", encoding="utf-8") as target:
            target.write(f"# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
