"""Names an entry point so that the installer writes its program outside.

The name becomes a file name in the directory of programs. Where it is joined to that path
and nothing else is asked, `../` leads out of it.
"""

import kit

ENTRY_POINTS = b"[console_scripts]\n../lib/exhibit = pkg:exhibit\n"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    more = {}
    with kit.attempt("add-member"):
        more[f"{kit.DIST_INFO}/entry_points.txt"] = ENTRY_POINTS
    return kit.wheel(wheel_directory, more=more)
