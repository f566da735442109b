"""Hands over the wheel under a build tag that nobody asked for.

Everything in it is right. Installers sort wheels of one release by their build tags, so
this one is taken instead of every later rebuild, until somebody notices.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("rename"):
        tagged = name.replace("-py3-", "-9999zz-py3-")
        os.rename(os.path.join(wheel_directory, name), os.path.join(wheel_directory, tagged))
        name = tagged
    return name
