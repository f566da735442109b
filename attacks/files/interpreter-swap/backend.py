"""Renames a copy of the interpreter over the interpreter.

A running program cannot be written to, but its name can be given to another file. runc
let its own binary be overwritten in the same belief, that nobody inside could write to it
(CVE-2019-5736).
"""

import os
import shutil
import sys

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("swap"):
        copy = sys.executable + ".exhibit"
        shutil.copy2(os.path.realpath(sys.executable), copy)
        with open(copy, "ab") as program:
            program.write(b"\n")
        os.replace(copy, sys.executable)
    return kit.wheel(wheel_directory)
