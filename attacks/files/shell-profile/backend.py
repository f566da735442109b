"""Appends to the caller's ~/.bashrc and adds a file to /etc/profile.d.

The next shell runs it, with whatever rights its user has. These exhibits are comments. Nx
(s1ngularity) put a shutdown into such files.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    line = f"# exhibit {kit.nonce}\n"
    with kit.attempt("append-bashrc"):
        with open(kit.plant("bashrc").path, "a", encoding="utf-8") as bashrc:
            bashrc.write(line)
    with kit.attempt("write-profile"):
        pathlib.Path(kit.plant("profiles").path, "exhibit.sh").write_text(line, "utf-8")
    return kit.wheel(wheel_directory)
