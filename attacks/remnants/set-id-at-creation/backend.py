"""Makes a file whose mode has the set-uid bit when it is created, and keeps it if the bit is there.

No chmod(2) is needed for a set-uid file (CVE-2024-38531 was closed for each call by itself):
the third argument of openat(2) will do.
"""

import os
import stat

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("set-id"):
        draft = os.path.join(kit.plant("shared").path, f"draft-{os.getpid()}")
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o4711))
        try:
            if os.stat(draft).st_mode & stat.S_ISUID:
                os.link(draft, os.path.join(os.path.dirname(draft), "exhibit-at-creation"))
        finally:
            os.unlink(draft)
    return kit.wheel(wheel_directory)
