"""Appends an account to /etc/passwd.

With uid 0 and a known password it would be a second root. This exhibit can do nothing: no
password, no shell, an ordinary uid. Shai-Hulud 2 edited the same files for rights that
outlast it.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append-account"):
        accounts = pathlib.Path(kit.plant("etc").path, "passwd")
        with open(accounts, "a", encoding="utf-8") as passwd:
            passwd.write(f"x{kit.nonce}:x:61999:61999::/nonexistent:/usr/sbin/nologin\n")
    return kit.wheel(wheel_directory)
