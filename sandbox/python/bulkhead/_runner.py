"""A runner for pyproject_hooks that puts ``bulkhead hook`` in front of every call."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Union

from ._program import resolve


class Runner:
    """Calls a hook of a build back end behind ``bulkhead hook``; made by `runner`."""

    def __init__(self, program: str, options: Sequence[str], quiet: bool) -> None:
        self.program = program
        self.options = tuple(options)
        self.quiet = quiet

    def __call__(
        self,
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        """Runs the call `cmd` of pyproject_hooks in `cwd`, with more variables.

        Raises:
            subprocess.CalledProcessError: The hook failed, its output was refused (status 123), or
                nothing was run (125); bulkhead has said why on standard error, which is the
                exception's `output` where the runner is quiet.
        """
        command = [self.program, "hook", *self.options, "--", *cmd]
        environment = {**os.environ, **(extra_environ or {})}
        if self.quiet:
            subprocess.run(command, cwd=cwd, env=environment, check=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        else:
            subprocess.run(command, cwd=cwd, env=environment, check=True)


def runner(
    expect: str | None = None,
    *,
    options: Sequence[str] = (),
    quiet: bool = False,
    program: Union[str, os.PathLike[str]] | None = None,
) -> Runner:
    """A runner for `pyproject_hooks.BuildBackendHookCaller`.

    Args:
        expect: What is built, as ``NAME==VERSION`` or ``NAME``; anything else is refused.
        options: More options of ``bulkhead hook``, such as ``["--timeout", "20m"]``.
        quiet: Whether what the build prints is kept for the exception of a call that fails, instead
            of passing to the caller's own output.
        program: The path of another ``bulkhead`` than the one that came with this package.

    Raises:
        ProgramNotFound: There is no ``bulkhead`` to put in front.
    """
    expected = [] if expect is None else ["--expect", expect]
    return Runner(resolve(program), [*expected, *options], quiet)
