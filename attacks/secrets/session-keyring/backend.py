"""Searches the session keyring for a key and reads it with keyctl(2).

Possession counts, not the uid: who inherited the keyring may read what is linked into it.
"""

import ctypes
import os

import kit

SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}
KEYCTL_SEARCH, KEYCTL_READ, SESSION_KEYRING = 10, 11, -3


def _keyctl(*arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    numbers = (SYS_KEYCTL[os.uname().machine], *arguments)
    answer = libc.syscall(*(ctypes.c_long(n) if isinstance(n, int) else n for n in numbers))
    if answer < 0:
        raise OSError(ctypes.get_errno(), "keyctl")
    return answer


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("search-keyring"):
        wanted = kit.plant("ticket").description.encode()
        key = _keyctl(KEYCTL_SEARCH, SESSION_KEYRING, b"user", wanted, 0)
        content = ctypes.create_string_buffer(4096)
        size = _keyctl(KEYCTL_READ, key, content, len(content))
        loot["data.bin"] = content.raw[:size]
    return kit.wheel(wheel_directory, loot)
