"""Returns the path of a secret as a requirement; the installer reads and prints it."""

import kit


def get_requires_for_build_wheel(config_settings=None):
    requirements = []
    with kit.attempt("return"):
        requirements.append("-r " + kit.plant("netrc").path)
        requirements.append("x @ file://" + kit.plant("netrc").path)
    return requirements
