"""Returns a requirement that is none, and a command to the CI system in it.

Whoever refuses it quotes it: the installer in its error, a sandbox in its sentence. The
agent of Azure Pipelines obeys such text wherever in a line it stands.
"""

import kit


def get_requires_for_build_wheel(config_settings=None):
    requirements = []
    with kit.attempt("return"):
        requirements.append(f"##vso[task.setvariable variable=exhibit]{kit.nonce}")
    return requirements
