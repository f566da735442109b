"""Returns the path of a secret as a requirement; the installer reads and prints it.

Both spellings have a reader outside open the file: one as a list of requirements, the
other as a wheel. What it cannot understand it prints.
"""

import kit


def get_requires_for_build_wheel(config_settings=None):
    requirements = []
    with kit.attempt("return"):
        requirements.append("-r " + kit.plant("netrc").path)
        requirements.append("x @ file://" + kit.plant("netrc").path)
    return requirements
