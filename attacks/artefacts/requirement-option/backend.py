"""Returns the option that names another index."""

import kit


def get_requires_for_build_wheel(config_settings=None):
    requirements = []
    with kit.attempt("return"):
        server = kit.plant("server")
        requirements.append(f"--index-url=http://{server.address}:{server.port}/{kit.nonce}/")
    return requirements
