"""Fromager as it was released, with ``bulkhead`` in the place of its network isolation.

    python -m bulkhead.fromager [--no-build-isolation] [--outcomes DIR] ARGUMENTS-OF-FROMAGER…

Releases up to 0.77 have no hook around the commands that they start: all of them go through one
function, `fromager.external_commands.run`, and the wrapper for network isolation is a list beside it.
Both are replaced before Fromager starts. Where they are not as this module knows them, nothing is
started.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from ._isolation import Isolation, Step, isolation, step_of
from ._program import ProgramNotFound
from .fromager import Hooks, foreign, release

#: The keyword arguments of Fromager's function that are used here.
_KNOWN = {"cwd", "extra_environ", "network_isolation"}

_USAGE = "python -m bulkhead.fromager [--no-build-isolation] [--outcomes DIR] FROMAGER-ARGUMENT…"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs Fromager's command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bulkhead.fromager", usage=_USAGE, add_help=False, allow_abbrev=False,
        description="Fromager, with each call of a build back end isolated by bulkhead.")
    parser.add_argument("--build-isolation", dest="build", action="store_true", default=True)
    parser.add_argument("--no-build-isolation", dest="build", action="store_false")
    parser.add_argument("--outcomes")
    parser.add_argument("--program")
    own, rest = parser.parse_known_args(sys.argv[1:] if arguments is None else list(arguments))
    try:
        hooks = Hooks(outcomes=own.outcomes, program=own.program)
        wrapper = [hooks.program, "run", "--level", "network", "--"]
    except ProgramNotFound as error:
        _refuse(str(error))
    try:
        external_commands = importlib.import_module("fromager.external_commands")
        log = importlib.import_module("fromager.log")
    except ImportError as error:
        _refuse(f"Fromager is not installed beside this package ({error}); install it into the "
                "same environment: `pip install fromager`")
    _check(external_commands)
    launch = external_commands.run
    vars(external_commands).update(
        NETWORK_ISOLATION=wrapper, run=_isolating(launch, hooks, own.build, log))
    # Not before: it tries the wrapper as soon as it is imported.
    program = importlib.import_module("fromager.__main__")
    _check_holders(launch)
    sys.argv = ["fromager", *rest]
    program.invoke_main()


def _isolating(
    launch: Callable[..., str], hooks: Hooks, build: bool, log: ModuleType
) -> Callable[..., str]:
    """Fromager's function `launch`, with what belongs in front of each command."""

    def run(
        cmd: Sequence[str],
        *,
        cwd: str | None = None,
        extra_environ: dict[str, Any] | None = None,
        network_isolation: bool = False,
        **options: Any,
    ) -> str:
        step = step_of(cmd)
        wanted = isolation(build=build, network=network_isolation, step=step)
        if step is Step.HOOK and wanted is not Isolation.NONE:
            # What Fromager sets for a package, or its settings say, is wanted.
            expect, tree = _built(log, cwd)
            cmd = hooks.command(cmd, wanted, expect=expect, tree=tree,
                                keep=foreign(extra_environ or {}))
            network_isolation = False
        return launch(cmd, cwd=cwd, extra_environ=extra_environ,
                      network_isolation=network_isolation, **options)

    return run


def _built(log: ModuleType, cwd: str | None) -> tuple[str, Path | None]:
    """What is built in `cwd`: the requirement that Fromager works on, in the version after which it
    has named the directory above the source tree; and that tree, if `cwd` lies within."""
    name = log.requirement_ctxvar.get().name
    place = Path(cwd or os.curdir).absolute()
    # The source tree may be called after its version too; the outermost directory is Fromager's.
    for parent in reversed(place.parents):
        expected = release(name, parent)
        if expected != name:
            tree = parent / place.relative_to(parent).parts[0]
            return expected, None if tree == place else tree
    return name, None


def _check(external_commands: ModuleType) -> None:
    """Refuses a Fromager that starts its commands in a way that is not known here."""
    parameters = inspect.signature(external_commands.run).parameters
    missing: list[str] = sorted(_KNOWN - set(parameters))
    if missing or not hasattr(external_commands, "NETWORK_ISOLATION"):
        _refuse("this Fromager starts its commands in another way than releases up to 0.77 "
                f"(external_commands.run has no {', '.join(missing) or 'NETWORK_ISOLATION'}); if "
                "its settings know `external_commands`, name the hooks of bulkhead.fromager there")


def _check_holders(launch: Callable[..., str]) -> None:
    """Refuses a Fromager of which some module has taken the function for itself."""
    for name, module in sorted(sys.modules.items()):
        if name.split(".")[0] == "fromager" and launch in vars(module).values():
            _refuse(f"{name} holds external_commands.run by a name of its own, so calls would go "
                    "past the sandbox; this Fromager is not known to this adapter")


def _refuse(reason: str) -> NoReturn:
    print(f"bulkhead: {reason}", file=sys.stderr)
    raise SystemExit(125)
