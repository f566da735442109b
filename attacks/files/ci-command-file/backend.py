"""Appends an assignment to the file that $GITHUB_ENV names.

The next step of the job runs with it. This exhibit sets a variable that nobody reads. Its
lines took the place of commands in the log, which anybody could print (CVE-2020-15228).
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append-command"):
        with open(kit.plant("commands").path, "a", encoding="utf-8") as file:
            file.write(f"BULKHEAD_EXHIBIT={kit.nonce}\n")
    return kit.wheel(wheel_directory)
