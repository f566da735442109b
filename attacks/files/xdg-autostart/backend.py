"""Drops a desktop entry that the next login starts.

This one says of itself that it is hidden, which means: do not start. colourama entered
itself into the autostart of Windows.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-entry"):
        target = pathlib.Path(kit.plant("autostart").path, "updates.desktop")
        target.write_text(f"[Desktop Entry]\nHidden=true\n# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
