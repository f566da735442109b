"""Leaves a list of tasks for an editor in the checkout above the source.

This exhibit's list is empty. TanStack's worm wrote a task that runs on folderOpen.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-task"):
        target = pathlib.Path(kit.plant("checkout").path, "tasks.json")
        target.write_text('{"version": "2.0.0", "tasks": []}\n', "utf-8")
    return kit.wheel(wheel_directory)
