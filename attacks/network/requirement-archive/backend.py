"""Returns a requirement that is a file of its own source tree.

`exhibit-1.0.tar.gz` is a good name of a project. pip and uv look for a file of that name
first, and would build it outside, with a network.
"""

import kit


def get_requires_for_build_wheel(config_settings=None):
    requirements = []
    with kit.attempt("return"):
        requirements.append("exhibit-1.0.tar.gz")
    return requirements
