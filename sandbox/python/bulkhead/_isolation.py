"""What build isolation and network isolation mean together, for each kind of step of a front end.

A front end such as Fromager has two switches, ``--build-isolation`` and ``--network-isolation``, and
starts commands of several kinds. Which of them either switch reaches is decided here, once. The
tables in README.md, docs/architecture.md and docs/combinations.md are this function, row by row.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Sequence
from typing import Union

#: One word of a command, as `subprocess.run` takes it.
Word = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

#: The script of pyproject_hooks that imports a build back end and calls one of its hooks.
HOOK_SCRIPT = "_in_process.py"


class Step(enum.Enum):
    """A kind of step in which a front end starts a command; the value is the words for it."""

    #: A call of a hook of PEP 517 or PEP 660: a stranger's code.
    HOOK = "hook call"
    #: The creation of the virtual environment, and the installation of what the build requires.
    VIRTUAL_ENVIRONMENT = "virtual environment"
    #: Any other command: unpacking, patching, adding to a local index.
    OTHER_COMMAND = "other command"


class Isolation(enum.IntEnum):
    """How a step is isolated; a greater one holds everything that a smaller one holds."""

    #: Not at all.
    NONE = 0
    #: From the network alone.
    NETWORK = 1
    #: From everything: files, processes, secrets and the network.
    FULL = 2

    @property
    def word(self) -> str:
        """The word for it, which is that of the level of ``bulkhead``."""
        return self.name.lower()


def isolation(*, build: bool, network: bool, step: Step) -> Isolation:
    """How `step` is isolated where the two switches are on or off.

    - Build isolation is for hook calls alone, for in them a stranger's code runs.
    - There it contains network isolation, and ``--no-network-isolation`` does not weaken it: who
      asks for isolation of the build does not expect it to have a network.
    - All other steps follow network isolation alone. The creation of the virtual environment is one
      of them: it needs the index, or its mirror, unless network isolation says otherwise.
    """
    if build and step is Step.HOOK:
        return Isolation.FULL
    return Isolation.NETWORK if network else Isolation.NONE


def step_of(command: Sequence[Word]) -> Step:
    """The kind of step that a command is, told from its words.

    A hook call is told by the script of pyproject_hooks, which every front end that follows PEP 517
    by that library starts in the same way.
    """
    words = [os.fsdecode(word) for word in command]
    names = [os.path.basename(word) for word in words[:3]]
    if len(words) > 2 and names[1] == HOOK_SCRIPT:
        return Step.HOOK
    makers = (["uv", "venv"], ["uv", "pip"], ["virtualenv"])
    by_module = words[1:3] in (["-m", "venv"], ["-m", "virtualenv"], ["-m", "pip"])
    if by_module or any(names[: len(maker)] == maker for maker in makers):
        return Step.VIRTUAL_ENVIRONMENT
    return Step.OTHER_COMMAND
