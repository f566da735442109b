"""Fromager with `bulkhead` in the place of its network isolation.

    driver.py BULKHEAD OUTCOMES ARGUMENTS-OF-FROMAGER...

Calls of build back ends run behind `bulkhead hook`, at level full. What else Fromager would run
behind its own wrapper, such as making the environment to build in, runs behind `bulkhead run` at
level network, which does what the wrapper does. How each hook ended is written to a file of its
own in the directory OUTCOMES.
"""

import itertools
import sys
from pathlib import Path

from fromager import external_commands

BULKHEAD, OUTCOMES = sys.argv.pop(1), Path(sys.argv.pop(1))
external_commands.NETWORK_ISOLATION = [BULKHEAD, "run", "--level", "network", "--"]
launch, numbers = external_commands.run, itertools.count()


def run(cmd, *, extra_environ=None, network_isolation=False, **options):
    if len(cmd) > 1 and Path(cmd[1]).name == "_in_process.py":
        outcome = OUTCOMES / f"{next(numbers):02}-{cmd[2]}.json"
        # What Fromager sets for a package, or is told to in the package's settings, is wanted.
        keep = [f"--env={name}" for name in extra_environ or {}]
        cmd = [BULKHEAD, "hook", f"--outcome={outcome}", *keep, "--", *cmd]
        network_isolation = False
    return launch(cmd, extra_environ=extra_environ, network_isolation=network_isolation, **options)


external_commands.run = run

# Not before: it tries the wrapper as soon as it is imported.
from fromager.__main__ import invoke_main  # noqa: E402

invoke_main()
