"""Brings a directory of metadata of a project called certifi, version 9999, by way of its data.

Whoever asks afterwards which releases are installed is told that this one is, and is up to date.
"""

import kit

CLAIMED = "pkg-1.0.data/purelib/certifi-9999.dist-info"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    more = {}
    with kit.attempt("add-member"):
        more[f"{CLAIMED}/METADATA"] = b"Metadata-Version: 2.1\nName: certifi\nVersion: 9999\n"
        more[f"{CLAIMED}/RECORD"] = b""
    return kit.wheel(wheel_directory, more=more)
