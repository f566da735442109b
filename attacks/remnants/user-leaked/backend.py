"""Builds an honest wheel and ends well: the attack is what the isolation leaves behind.

The account that was made for this hook has no further use, and whoever made it has replaced
itself by this build: nobody is left to delete it.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.mark("build-as-the-account")
    return kit.wheel(wheel_directory)
