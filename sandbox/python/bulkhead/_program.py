"""Which file the program ``bulkhead`` is.

It is the one that this package was installed with, and never one that PATH leads to: front ends put
the environment that they build in first in PATH, and a build requirement may ship a program of any
name there.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Union

#: The name under which this package is installed; its modules are called ``bulkhead``.
DISTRIBUTION = "bulkhead-sandbox"


class ProgramNotFound(FileNotFoundError):
    """The program is not where the wheel has put it; the message says what to do."""


def find_program(name: str = "bulkhead") -> str:
    """The absolute path of the program `name` that was installed with this package.

    Raises:
        ProgramNotFound: There is no such file, or it cannot be executed.
    """
    looked_at: list[str] = []
    for path in _places(name):
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
        looked_at.append(str(path))
    places = f"not there: {', '.join(dict.fromkeys(looked_at))}" if looked_at else "no wheel of it"
    raise ProgramNotFound(
        f"the program {name} did not come with the Python package bulkhead ({places}); install the "
        f"wheel again (`pip install --force-reinstall {DISTRIBUTION}`), or name the program by its "
        "path (`bulkhead.runner(program=…)`)"
    )


def resolve(program: Union[str, os.PathLike[str]] | None) -> str:
    """The program that a caller names, as an absolute path; without a name the installed one.

    Raises:
        ProgramNotFound: It is not there, or is no absolute path although it has no directory.
    """
    if program is None:
        return find_program()
    named = os.fspath(program)
    if not os.path.dirname(named):
        raise ProgramNotFound(
            f"the program {named!r} would be looked for in PATH, where a build requirement may have "
            "put another one; name it by its path"
        )
    path = os.path.abspath(named)
    if not (os.path.isfile(path) and os.access(path, os.X_OK)):
        raise ProgramNotFound(f"{path} is no program; name the file of bulkhead by its path")
    return path


def _places(name: str) -> Iterator[Path]:
    """Where the wheel's script may be, the likeliest first."""
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        # Not installed: whatever has this name in a directory of scripts is somebody else's.
        return
    for file in distribution.files or []:
        # The record of an installation names its scripts by a path out of the packages' folder.
        if file.name == name and ".." in file.parts:
            yield Path(str(distribution.locate_file(file))).resolve()
    # Distributions leave the record out, and `pip install --target` moves the scripts afterwards.
    yield Path(sysconfig.get_path("scripts"), name)
    yield Path(__file__).resolve().parents[1] / "bin" / name
