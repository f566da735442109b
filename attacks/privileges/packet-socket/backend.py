"""Opens a socket for frames of all kinds, and stands still with it.

It hears every frame that passes its network: passwords of plain protocols, tokens of a
metadata service.
"""

import socket

import kit

ALL = 0x0300  # ETH_P_ALL, as it goes over the wire


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("open"):
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, ALL):
            kit.hold("held")
    return kit.wheel(wheel_directory)
