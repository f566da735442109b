"""Makes each system call of a list in a child of its own and says what came of it.

argv: the numbers of the calls by name, as JSON. stdin: [[name, code], ...]. stdout: {name: result},
where a result is 0, an error number, or minus the number of the signal that ended the child.
"""
import ctypes
import fcntl
import json
import os
import pty
import signal
import socket
import struct
import sys
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
NUMBERS = json.loads(sys.argv[1])
HIGH = 1 << 32
OUT = os.environ.get("OUTSIDE")


def call(name, *arguments):
    words = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    words += [ctypes.c_ulong(0)] * (6 - len(words))
    result = libc.syscall(ctypes.c_long(NUMBERS[name]), *words)
    if result == -1:
        raise OSError(ctypes.get_errno(), name)
    return result


def born(pid):
    """Ends the child of a raw clone at once, waits for it in its parent."""
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def file():
    return tempfile.NamedTemporaryFile(dir=".", delete=False).name


def fresh():
    return tempfile.mktemp(dir=".").encode()


def attempt(code):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        result = 0
        try:
            exec(code, globals())
        except OSError as error:
            result = error.errno
        os.write(writer, struct.pack("i", result))
        os._exit(0)
    os.close(writer)
    answer = os.read(reader, 4)
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return -os.WTERMSIG(status)
    return struct.unpack("i", answer)[0]


print(json.dumps({name: attempt(code) for name, code in json.load(sys.stdin)}))
