"""The part of pyproject_hooks that runs in the build, cut down to what it says on the wire."""

import json
import os
import sys

hook, control = sys.argv[1:3]
arguments = json.load(open(os.path.join(control, "input.json")))["kwargs"]
for path in json.loads(os.environ["_PYPROJECT_HOOKS_BACKEND_PATH_JSON"]):
    sys.path.insert(0, path)
import backend

answer = getattr(backend, hook)(**arguments)
json.dump({"return_val": answer}, open(os.path.join(control, "output.json"), "w"))
