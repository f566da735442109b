"""Opens a userfaultfd for faults in user mode, and stands still with it.

Its holder decides when a read of its own memory goes on. Exploits stop the kernel with it
in the middle of a race, for as long as they need.
"""

import calls
import kit

USERFAULTFD = {"x86_64": 323, "aarch64": 282}
USER_MODE_ONLY = 1


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("call"):
        calls.syscall(USERFAULTFD, USER_MODE_ONLY)
        kit.hold("held")
    return kit.wheel(wheel_directory)
