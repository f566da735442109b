"""Opens a setting that protects hard links for writing, and writes nothing.

Settings without a namespace are the machine's. runc's writes below /proc could be led to
another file (CVE-2025-52881).
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    setting = "/proc/sys/fs/protected_hardlinks"
    with kit.attempt("open"):
        kit.watched("watched", setting)
        os.close(os.open(setting, os.O_WRONLY))
    return kit.wheel(wheel_directory)
