"""Opens a message queue by its name and receives the message that waits there.

Queues are no files for permission checks by path, and live in a namespace with shared
memory.
"""

import ctypes
import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("receive"):
        # Older C libraries keep these calls in librt, newer ones still let it lead to them.
        librt = ctypes.CDLL("librt.so.1", use_errno=True)
        name = kit.plant("queue").name.encode()
        queue = librt.mq_open(name, os.O_RDONLY | os.O_NONBLOCK)
        if queue < 0:
            raise OSError(ctypes.get_errno(), "mq_open")
        message = ctypes.create_string_buffer(1 << 16)
        librt.mq_receive.restype = ctypes.c_ssize_t
        size = librt.mq_receive(queue, message, ctypes.c_size_t(len(message)), None)
        if size < 0:
            raise OSError(ctypes.get_errno(), "mq_receive")
        loot["data.bin"] = message.raw[:size]
    return kit.wheel(wheel_directory, loot)
