"""Opens the kernel's setting for crashes for writing, and writes nothing.

A line that begins with a bar there names a program that the kernel starts as root,
outside of everything, when any process crashes. runc could be made to write to it
(CVE-2025-31133).
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    setting = "/proc/sys/kernel/core_pattern"
    with kit.attempt("open"):
        kit.watched("watched", setting)
        os.close(os.open(setting, os.O_WRONLY))
    return kit.wheel(wheel_directory)
