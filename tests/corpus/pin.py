"""Pins packages for the corpus: appends an entry each to packages.toml, digests to requirements.txt.

    pin.py NAME[==VERSION] [--need NEED …] [--language LANGUAGE] [--constraint NAME==VERSION]

A NEED is a program (`swig`), a header (`ffi.h`) or a library of pkg-config (`cairo.pc`). The sdist is fetched, its build
requirements and those that its hooks ask for are resolved to wheels, and everything is written with
its digest. Run by whoever extends the corpus, on CPython 3.11 on x86_64: the hooks that ask for
requirements are code of the package, and run here without isolation.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import listed  # noqa: E402
import provide  # noqa: E402


def resolved(frontend, python, requirements, constraints):
    """Installs the requirements, wheels only, and gives what was installed as {pin: digest}."""
    if not requirements:
        return {}
    with tempfile.TemporaryDirectory() as scratch:
        report, limits = Path(scratch, "report.json"), Path(scratch, "constraints.txt")
        limits.write_text("\n".join(constraints))
        provide.pip(frontend, "--python", python, "install", "--only-binary=:all:",
                    f"--report={report}", f"--constraint={limits}", *requirements)
        chosen = json.loads(report.read_text())["install"]
    found = {}
    for one in chosen:
        name, version = one["metadata"]["name"], one["metadata"]["version"]
        pin = f"{listed.canonical(name)}=={version}"
        found[pin] = one["download_info"]["archive_info"]["hashes"]["sha256"]
    return found


def asked_for(frontend, python, tree, backend, path):
    """What the hooks of the package ask for beyond its build system."""
    script = """
import json, sys, warnings
import pyproject_hooks
warnings.simplefilter("ignore")
tree, python, backend, path = json.loads(sys.argv[1])
hooks = pyproject_hooks.BuildBackendHookCaller(
    tree, backend, path, pyproject_hooks.quiet_subprocess_runner, python)
found = set()
for kind in ("wheel", "sdist", "editable"):
    found.update(getattr(hooks, f"get_requires_for_build_{kind}")())
print(json.dumps(sorted(found)))
"""
    order = json.dumps([str(tree), str(python), backend, path])
    answer = subprocess.run([frontend, "-c", script, order], check=True, text=True,
                            stdout=subprocess.PIPE)
    return json.loads(answer.stdout.splitlines()[-1])


def kind_of(backend, path, declared, requires):
    """The word for the back end, one of ten."""
    if path:
        return "in-tree"
    if any(re.match(r"pbr\b", one) for one in requires):
        return "pbr"
    if any(re.match(r"setuptools[-_]rust", one) for one in requires):
        return "setuptools-rust"
    if backend.startswith("setuptools"):
        return "setuptools" if declared else "setuptools, no pyproject.toml"
    words = {"flit_core": "flit-core", "hatchling": "hatchling", "poetry": "poetry-core",
             "pdm": "pdm-backend", "scikit_build_core": "scikit-build-core",
             "mesonpy": "meson-python", "maturin": "maturin"}
    return words[backend.partition(".")[0].partition(":")[0]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("package")
    parser.add_argument("--need", dest="needs", action="append", default=[])
    parser.add_argument("--language", default="Python")
    parser.add_argument("--constraint", action="append", default=[])
    parser.add_argument("--work", type=Path, default=HERE.parent.parent / "target/corpus")
    given = parser.parse_args()
    frontend = provide.frontend(given.work)
    name, _, version = given.package.partition("==")
    sdist = provide.fetch(frontend, name, version, given.work / "sdists")
    with tempfile.TemporaryDirectory() as scratch:
        tree = provide.unpack(sdist, Path(scratch))
        if not version:
            said = re.search(r"^Version: (.*)$", (tree / "PKG-INFO").read_text(), re.MULTILINE)
            version = said[1].strip()
        backend, path, requires, declared = provide.build_system(tree)
        constraints = ["setuptools<81", *given.constraint]
        python = Path(scratch, "env/bin/python")
        subprocess.run([provide.PYTHON, "-m", "venv", "--without-pip", Path(scratch, "env")],
                       check=True)
        more = ["wheel"] if requires == ["setuptools"] else []
        pins = resolved(frontend, python, [*requires, *more], constraints)
        if also := asked_for(frontend, python, tree, backend, path):
            pins |= resolved(frontend, python, also, [*constraints, *pins])
        kind = kind_of(backend, path, declared, [*requires, *also])
    listed.append(given.work, listed.canonical(name), version, provide.digest(sdist), kind,
                  given.language, given.needs, pins)
    print(f"{name} {version}: {kind}, {len(pins)} requirements")


if __name__ == "__main__":
    main()
