"""`python -m build` with `bulkhead hook` in front of every call of a build back end.

    build_driver.py BULKHEAD NAME==VERSION ARGUMENTS-OF-BUILD...
"""

import os
import subprocess
import sys

import pyproject_hooks

BULKHEAD, WANTED = sys.argv.pop(1), sys.argv.pop(1)


def runner(cmd, cwd=None, extra_environ=None):
    environment = {**os.environ, **(extra_environ or {})}
    command = [BULKHEAD, "hook", "--expect", WANTED, "--", *cmd]
    subprocess.run(command, cwd=cwd, env=environment, check=True)


# Before build is imported, which takes it as the default of its own functions.
pyproject_hooks.default_subprocess_runner = runner

from build.__main__ import main  # noqa: E402

main(sys.argv[1:], "build")
