"""pip with `bulkhead hook` in front of every call of a build back end.

    pip_driver.py BULKHEAD NAME==VERSION ARGUMENTS-OF-PIP...
"""

import sys

from pip._internal.cli.main import main
from pip._internal.utils import subprocess

BULKHEAD, WANTED = sys.argv.pop(1), sys.argv.pop(1)
launch = subprocess.call_subprocess


def call_subprocess(cmd, *arguments, **options):
    if len(cmd) > 1 and str(cmd[1]).endswith("_in_process.py"):
        cmd = [BULKHEAD, "hook", "--expect", WANTED, "--", *cmd]
    return launch(cmd, *arguments, **options)


subprocess.call_subprocess = call_subprocess
sys.exit(main())
