"""Runs what the section "Front ends" of README.md tells its readers to run, as it stands there.

    readme.py BULKHEAD

Each piece of code runs in a fresh directory of the package `pkg` 1.0, built by setuptools, in an
environment that is active and has the front ends, the Python package and `bulkhead` in PATH. Asked of
each: it ends well, and leaves a wheel in `dist` that can be imported. The same piece must not leave
one where `bulkhead` is a program that refuses, so nothing is built past it. Fromager's piece has a test of its own,
fromager/bootstrap.py, and is only looked for here.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

from ground import NotHere, Watch, check_pypi, main, pip  # noqa: E402

TOP = HERE.parents[2]
PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "pkg"
version = "1.0"
"""
FILES = {"python": "build_pkg.py", "ini": "tox.ini", "sh": "piece.sh"}
FROMAGER = "python -m bulkhead.fromager bootstrap idna==3.10"


def pieces():
    """The pieces of code of the section, each as the files that it consists of: a list of pairs of
    language and text. What a reader saves before he runs something is the first of two."""
    text = (TOP / "README.md").read_text()
    _, _, section = text.partition("\n## Front ends\n")
    section, _, _ = section.partition("\n## ")
    found, waiting = [], []
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        waiting.append((language, code))
        if language != "ini":
            found.append(waiting)
            waiting = []
    return found


def prepare(work, program):
    """An environment with the front ends and `program` as `bulkhead`; gives its directory."""
    if sys.version_info < (3, 10):
        raise NotHere("the front ends of this test need Python 3.10")
    check_pypi("build==1.6.1", work)
    environment = work / "env"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip(environment / "bin/python", "install", "--only-binary=:all:",
        f"--requirement={HERE / 'readme-requirements.txt'}")
    install(environment, program)
    os.environ["PATH"] = f"{environment / 'bin'}:{os.environ['PATH']}"
    os.environ["VIRTUAL_ENV"] = str(environment)
    return environment


def install(environment, program):
    """Puts the package and the program where the wheel has them, with the record that says so."""
    (packages,) = environment.glob("lib/python3*/site-packages")
    shutil.copytree(TOP / "sandbox/python/bulkhead", packages / "bulkhead", dirs_exist_ok=True)
    script = environment / "bin/bulkhead"
    script.unlink(missing_ok=True)
    shutil.copy(program, script)
    info = packages / "bulkhead_sandbox-0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bulkhead-sandbox\nVersion: 0\n")
    (info / "RECORD").write_text("../../../bin/bulkhead,,\n")


def run(piece, place):
    """Runs a piece in the new directory `place`; gives its status and what it printed."""
    (place / "pkg").mkdir(parents=True)
    (place / "pkg/__init__.py").write_text("number = 1\n")
    (place / "pyproject.toml").write_text(PROJECT)
    for language, code in piece:
        (place / FILES[language]).write_text(code)
    language = piece[-1][0]
    command = {"sh": ["sh", "-eu"], "python": ["python"]}[language] + [FILES[language]]
    done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout


def check(number, piece, environment, bulkhead, work):
    """The faults of one piece."""
    title = piece[-1][1].strip().splitlines()[-1]
    install(environment, "/bin/false")
    place = work / f"refused-{number}/pkg"
    status, _ = run(piece, place)
    faults = [f"{title}: {path} was built past bulkhead" for path in place.glob("dist/*.whl")]
    if status == 0:
        faults.append(f"{title}: ended well although bulkhead refuses")
    install(environment, bulkhead)
    place = work / f"piece-{number}/pkg"
    status, said = run(piece, place)
    wheels = list(place.glob("dist/pkg-1.0-py3-none-any.whl"))
    if status != 0 or len(wheels) != 1:
        return [*faults, f"{title}: ended with {status} and {len(wheels)} wheels:\n{said}"]
    used = subprocess.run([sys.executable, "-c", "import pkg; print(pkg.number)"], cwd=place / "dist",
                          env={**os.environ, "PYTHONPATH": str(wheels[0])}, capture_output=True)
    print(f"{title}: {wheels[0].name}")
    return [*faults, *[f"{title}: its wheel cannot be imported"] * (used.stdout != b"1\n")]


def body(bulkhead, work):
    environment = prepare(work, bulkhead)
    found = pieces()
    faults = [] if [("sh", FROMAGER + "\n")] in found else [f"README.md has no `{FROMAGER}`"]
    found = [piece for piece in found if piece != [("sh", FROMAGER + "\n")]]
    watch = Watch(work)
    for number, piece in enumerate(found):
        faults += check(number, piece, environment, bulkhead, work)
    faults += watch.left_behind()
    for fault in faults:
        print(f"FAULT: {fault}")
    print(f"{len(found)} pieces, {len(faults)} faults")
    return 1 if faults or len(found) != 7 else 0


if __name__ == "__main__":
    main(body)
