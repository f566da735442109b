"""The quick packages of the corpus, as a test: nothing differs, fails or is refused inside only.

    subset.py BULKHEAD

Those with `fast = true` in packages.toml. They require wheels of pure Python only, so that their
digests hold for any interpreter and machine.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integrations")]
sys.dont_write_bytecode = True

import ground  # noqa: E402


def is_well(result):
    """Whether all is equal, but for whose the members of an sdist are said to be, which is told."""
    others = [found for hook, found in result.get("hooks", {}).items()
              if found["result"] not in ("equal", "not offered")
              and not (hook == "build_sdist" and is_owner(found))]
    return not others and "hooks" in result


def is_owner(found):
    """Whether an sdist differs by the owner of its members alone, and bulkhead notes that."""
    return (found["result"] == "differs" and bool(found["why"])
            and all(line.startswith("owner ") for line in found["why"])
            and any(line.startswith("note `owner`") for line in found.get("told", [])))


def body(bulkhead, work):
    if sys.version_info < (3, 11):
        raise ground.NotHere("the corpus is read by Python 3.11 or later")
    import calls
    import listed
    import provide
    import report

    provide.PYTHON = sys.executable
    ground.check_pypi(f"pip=={provide.FRONTEND['pip']}", work)
    frontend, digests, faults = provide.frontend(work), listed.digests(), 0
    (library,) = (work / "frontend").glob("lib/python*/site-packages")
    sys.path.append(str(library))
    chosen = [entry for entry in listed.packages() if entry.get("fast")]
    for entry in chosen:
        ready = provide.prepared(frontend, work, entry, digests)
        order = calls.order(work / "account", bulkhead, entry, ready, rounds=1)
        result = calls.result(order)
        print(f"{entry['name']} {entry['version']}, {entry['backend']}: {result['result']}"
              f"{report.reasons(result)}")
        faults += not is_well(result)
    print(f"{len(chosen)} packages, {faults} faults")
    return 1 if faults or len(chosen) < 6 else 0


if __name__ == "__main__":
    ground.main(body)
