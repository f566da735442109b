"""The list of the corpus: packages.toml, and requirements.txt with the digests of what they require."""

import fcntl
import json
import re
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = HERE / "packages.toml"
REQUIREMENTS = HERE / "requirements.txt"


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def packages():
    """All entries, sorted by back end and name."""
    entries = tomllib.loads(PACKAGES.read_text())["package"]
    return sorted(entries, key=lambda entry: (entry["backend"], entry["name"]))


def digests():
    """The digest of each pinned requirement."""
    found = {}
    for line in REQUIREMENTS.read_text().splitlines():
        pin, _, rest = line.partition(" --hash=")
        if rest:
            found[pin] = rest
    return found


def append(work, name, version, sha256, backend, language, needs, pins):
    """Adds one entry, and the digests of its requirements; many may be added at once."""
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "list.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fields = {"name": name, "version": version, "sha256": sha256, "backend": backend,
                  "language": language, "requires": sorted(pins)}
        if needs:
            fields["needs"] = needs
        lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
        with open(PACKAGES, "a") as file:
            file.write("\n[[package]]\n" + "\n".join(lines) + "\n")
        known = digests()
        known |= {pin: f"sha256:{digest}" for pin, digest in pins.items()}
        head = [line for line in REQUIREMENTS.read_text().splitlines() if line.startswith("#")]
        body = [f"{pin} --hash={digest}" for pin, digest in sorted(known.items())]
        REQUIREMENTS.write_text("\n".join([*head, *body]) + "\n")
