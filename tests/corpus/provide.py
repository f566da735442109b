"""Everything that needs a network: the front end, sdists, environments, crates. No build is isolated
here and none runs: sdists are fetched without a look into them, requirements are wheels."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import tomllib
from collections import defaultdict
from pathlib import Path

# The system's interpreter, which every account can use; environments lead to it.
PYTHON = os.environ.get("CORPUS_PYTHON", "/usr/bin/python3")
# Entries that require the same share an environment; it is made once.
ONE_AT_A_TIME = defaultdict(threading.Lock)
FRONTEND = {"pip": "25.3", "pyproject-hooks": "1.2.0"}

# pip asks a back end for metadata even to download an sdist. Its own parts fetch one without.
FETCH = """
import sys
import pip._internal.req
from pip._internal.commands import create_command
from pip._internal.network.download import Downloader
from pip._vendor.packaging.specifiers import SpecifierSet

name, version, place = sys.argv[1:]
command = create_command("download")
options, _ = command.parse_args(["--quiet", "--no-binary=:all:", name])
with command.main_context():
    session = command.get_default_session(options)
    finder = command._build_package_finder(options, session)
    wanted = SpecifierSet(f"=={version}" if version else "")
    found = finder.find_best_candidate(name, specifier=wanted).best_candidate
    if found is None:
        sys.exit(f"the registry has no sdist of {name} {version}")
    answer = Downloader(session, "off", 5)(found.link, place)
print(answer[0])
"""


def pip(frontend, *arguments):
    command = [frontend, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += map(str, arguments)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def frontend(work):
    """The interpreter of an environment with pip and pyproject_hooks."""
    place = work / "frontend"
    python = place / "bin/python"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([PYTHON, "-m", "venv", place], check=True)
        pip(python, "install", *(f"{name}=={version}" for name, version in FRONTEND.items()))
        (place / "ready").touch()
    return python


def fetch(frontend, name, version, place):
    """The sdist, fetched."""
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as scratch:
        done = subprocess.run([frontend, "-c", FETCH, name, version, scratch], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            sys.exit(f"{name} {version}: {done.stderr.strip()}")
        path = Path(done.stdout.strip())
        return Path(shutil.move(path, place / path.name))


def unpack(sdist, directory):
    """The source tree of an sdist, in the directory."""
    before = set(directory.iterdir())
    with tarfile.open(sdist) as archive:
        # The interpreters of older releases have no filters, and the sdists are known by digest.
        known = hasattr(tarfile, "data_filter")
        archive.extractall(directory, **({"filter": "data"} if known else {}))
    (tree,) = set(directory.iterdir()) - before
    return tree


def build_system(tree):
    """The back end, its path, its requirements, and whether pyproject.toml is there."""
    file = tree / "pyproject.toml"
    system = tomllib.loads(file.read_text()).get("build-system", {}) if file.exists() else {}
    backend = system.get("build-backend", "setuptools.build_meta:__legacy__")
    requires = system.get("requires", ["setuptools"])
    return backend, system.get("backend-path"), requires, file.exists()


class Skipped(Exception):
    """An entry that cannot be built on this machine, for a reason that is not isolation."""


def environment(frontend, work, entry, digests):
    """An environment with what the entry requires, and nothing else; entries may share one."""
    lines = [f"{pin} --hash={digests[pin]}" for pin in entry["requires"]]
    key = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
    place = work / "environments" / key
    with ONE_AT_A_TIME[key]:
        if not (place / "ready").exists():
            make(frontend, place, lines)
    return place


def make(frontend, place, lines):
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", place], check=True)
    if lines:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            try:
                pip(frontend, "--python", place / "bin/python", "install", "--no-deps",
                    "--only-binary=:all:", "--require-hashes", f"--requirement={file.name}")
            except SystemExit as error:
                raise Skipped(f"requirements: {last_line(error)}") from None
    (place / "ready").touch()


def last_line(error):
    return str(error).strip().splitlines()[-1]


def source(frontend, work, entry):
    """The source tree as it is built: unpacked, of Rust with its crates beside it."""
    place = work / "sources" / f"{entry['name']}-{entry['version']}"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        sdist = fetched(frontend, work, entry)
        # Not below the checkout, or cargo would take a tree for a part of this workspace.
        with tempfile.TemporaryDirectory() as scratch:
            tree = unpack(sdist, Path(scratch))
            if "cargo" in entry.get("needs", []):
                vendor(tree)
            (place / "tree").mkdir(parents=True)
            shutil.move(tree, place / "tree" / tree.name)
        (place / "ready").touch()
    (tree,) = (place / "tree").iterdir()
    return tree


def fetched(frontend, work, entry):
    """The sdist of the entry, with the digest that is pinned."""
    place = work / "sdists" / entry["sha256"][:12]
    for path in place.glob("*") if place.exists() else ():
        if path.is_file() and digest(path) == entry["sha256"]:
            return path
    path = fetch(frontend, entry["name"], entry["version"], place)
    if digest(path) != entry["sha256"]:
        path.unlink()
        raise Skipped(f"{path.name} has another digest than the one that is pinned")
    return path


def vendor(tree):
    """Puts the crates that Cargo.lock names beside the source, as cargo does it for builds offline."""
    locks = sorted(tree.rglob("Cargo.lock"), key=lambda path: len(path.parts))
    if not locks:
        raise Skipped("it has no Cargo.lock, so its crates are not pinned")
    if shutil.which("cargo") is None:
        raise Skipped("there is no cargo")
    command = ["cargo", "vendor", "--locked", "--versioned-dirs", tree / "vendored-crates"]
    done = subprocess.run(command, cwd=locks[0].parent, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Skipped(f"cargo vendor: {last_line(done.stderr)}")
    # Relative to the tree, which is built at another path.
    config = done.stdout.replace(str(tree / "vendored-crates"), "vendored-crates")
    file = tree / ".cargo/config.toml"
    file.parent.mkdir(exist_ok=True)
    with open(file, "a") as opened:
        opened.write(f"\n{config}\n")


def prepared(frontend, work, entry, digests):
    """What a build of the entry needs, as paths."""
    tree = source(frontend, work, entry)
    backend, path, _, _ = build_system(tree)
    return {"tree": str(tree), "environment": str(environment(frontend, work, entry, digests)),
            "backend": backend, "path": path}
