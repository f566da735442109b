"""Pushes a line into the input of the controlling terminal, character by character."""

import fcntl
import termios

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("type"):
        with open("/dev/tty", "rb", buffering=0) as terminal:
            for character in f"# exhibit {kit.nonce}\n".encode():
                fcntl.ioctl(terminal, termios.TIOCSTI, bytes([character]))
    return kit.wheel(wheel_directory)
