"""Switches off the echo of the controlling terminal, and does not switch it on again.

An operator who types a password now does not see how often.
"""

import termios

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("switch-off"):
        with open("/dev/tty", "rb", buffering=0) as terminal:
            settings = termios.tcgetattr(terminal)
            settings[3] &= ~termios.ECHO
            termios.tcsetattr(terminal, termios.TCSANOW, settings)
    return kit.wheel(wheel_directory)
