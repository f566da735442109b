"""Returns a requirement whose address is a file beside the back end.

No host, no slash: `file:` and a name.
"""

import kit


def get_requires_for_build_wheel(config_settings=None):
    requirements = []
    with kit.attempt("return"):
        requirements.append("exhibit @ file:exhibit-1.0.tar.gz")
    return requirements
