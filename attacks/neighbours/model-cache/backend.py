"""Changes a cached model, which other projects load by its name.

Formats that hold pickled objects run code when they are loaded; that code need not be in the
package that was built.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append"):
        with open(kit.plant("target").path, "a", encoding="utf-8") as file:
            file.write("\n")
    return kit.wheel(wheel_directory)
