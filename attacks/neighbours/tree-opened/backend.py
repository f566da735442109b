"""Builds an honest wheel: the wrapper has opened its source to everybody before this line.

An account that was made a moment ago owns nothing, so the wrapper lets all users write to
the tree instead. Any of them, of any other build, may now edit what is built here. Nix
left the files of failed builds open in the same way (CVE-2025-52992).
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.mark("build-in-the-open")
    return kit.wheel(wheel_directory)
