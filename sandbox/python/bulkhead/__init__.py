"""Puts ``bulkhead``, which isolates untrusted Python builds, in front of build back ends.

- `runner` is a runner for `pyproject_hooks`.
- `bulkhead.fromager` has the hooks by which Fromager runs what it wants isolated.
- `isolation` says what a front end's two switches for isolation mean together.
- ``python -m bulkhead`` is the program.
"""

from __future__ import annotations

from ._isolation import Isolation, Step, isolation, step_of
from ._program import ProgramNotFound, find_program
from ._runner import Runner, runner

__all__ = [
    "Isolation",
    "ProgramNotFound",
    "Runner",
    "Step",
    "find_program",
    "isolation",
    "runner",
    "step_of",
]
