"""Returns a requirement whose name is a stolen token in hexadecimal digits."""

import pathlib

import kit


def get_requires_for_build_wheel(config_settings=None):
    requirements = []
    with kit.attempt("return"):
        token = pathlib.Path(kit.plant("token").path).read_bytes().strip()
        requirements.append(f"x{token.hex()}")
    return requirements
