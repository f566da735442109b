"""Sets up an io_uring, and stands still with its descriptor.

What is put into such a queue is done by the kernel itself, past any filter that looks at
system calls. Google switched it off after a year in which most exploits went through it.
"""

import ctypes

import calls
import kit

IO_URING_SETUP = 425  # the same on every architecture


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("call"):
        parameters = ctypes.create_string_buffer(120)
        calls.syscall(IO_URING_SETUP, 4, parameters)
        kit.hold("held")
    return kit.wheel(wheel_directory)
