"""Sets the set-gid bit on a text, and gives it its name only if the bit was set.

Nix had to forbid this bit beside the one for the user (CVE-2024-38531): a later account with the
group's number would be lent out to everybody.
"""

import os
import stat

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("set-id"):
        draft = os.path.join(kit.plant("shared").path, f"draft-{os.getpid()}")
        with open(draft, "x", encoding="ascii") as text:
            text.write("an exhibit\n")
        try:
            os.chmod(draft, 0o2755)
            if os.stat(draft).st_mode & stat.S_ISGID:
                os.link(draft, os.path.join(os.path.dirname(draft), "exhibit-set-group-id"))
        finally:
            os.unlink(draft)
    return kit.wheel(wheel_directory)
