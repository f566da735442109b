"""``python -m bulkhead`` is the program that was installed with this package."""

from __future__ import annotations

import os
import sys

from ._program import ProgramNotFound, find_program


def main() -> None:
    """Becomes the program; where there is none, says so and ends with 125."""
    try:
        program = find_program()
    except ProgramNotFound as error:
        print(f"bulkhead: {error}", file=sys.stderr)
        raise SystemExit(125) from None
    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()
