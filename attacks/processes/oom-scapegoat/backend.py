"""Names another process as the first to be killed when memory runs short.

The build need not kill anybody itself: it only has to use a lot of memory afterwards,
which is no offence, and the kernel does the rest.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("accuse"):
        with open(f"/proc/{kit.find('victim')}/oom_score_adj", "w") as score:
            score.write("1000")
    return kit.wheel(wheel_directory)
