"""Sets the set-uid bit of a text by fchmodat(2), and gives it its name only if the bit was set.

Nix builds could leave set-uid files behind (CVE-2024-38531). Who refuses the bit to chmod(2)
and fchmod(2) alone has left a third door open.
"""

import os
import stat

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("set-id"):
        shared = os.open(kit.plant("shared").path, os.O_RDONLY | os.O_DIRECTORY)
        draft = f"draft-{os.getpid()}"
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600, dir_fd=shared))
        try:
            os.chmod(draft, 0o4711, dir_fd=shared)
            if os.stat(draft, dir_fd=shared).st_mode & stat.S_ISUID:
                os.link(draft, "exhibit-by-name", src_dir_fd=shared, dst_dir_fd=shared)
        finally:
            os.unlink(draft, dir_fd=shared)
    return kit.wheel(wheel_directory)
