"""Calls of the kernel and of the C library for which Python has no function.

The lab copies this file beside the kit. A call that fails leaves its reason where only the
next line of a program finds it; here it becomes an `OSError`, as with Python's own.
"""

import ctypes
import os

#: The C library. What it returns is a C `int`, unless `restype` says otherwise.
libc = ctypes.CDLL(None, use_errno=True)


def checked(answer, name="the call"):
    """The answer of a call, or its error, where the answer is negative."""
    if answer is None or answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), name)
    return answer


def syscall(number, *arguments):
    """A system call by its number. Integers are passed as C `long`, as the kernel takes them.

    Where the number depends on the machine, `number` maps the machine's name to it.
    """
    if isinstance(number, dict):
        number = number[os.uname().machine]
    libc.syscall.restype = ctypes.c_long
    words = (ctypes.c_long(word) if isinstance(word, int) else word for word in arguments)
    return checked(libc.syscall(ctypes.c_long(number), *words), "syscall")
