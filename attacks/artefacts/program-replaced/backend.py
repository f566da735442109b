"""Names an entry point `python3`, so that an installer writes a program of that name.

The directory of programs of an active environment stands first in the search path:
whoever types `python3` there runs the package instead.
"""

import kit

ENTRY_POINTS = b"[console_scripts]\npython3 = pkg:exhibit\n"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    more = {}
    with kit.attempt("add-member"):
        more[f"{kit.DIST_INFO}/entry_points.txt"] = ENTRY_POINTS
    return kit.wheel(wheel_directory, more=more)
