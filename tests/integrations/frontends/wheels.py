"""Builds a C extension with pip and with `build`, each in the environment that it makes for that.

    wheels.py BULKHEAD

Unlike Fromager they install build requirements into a place of their own below TMPDIR: pip into
directories that PYTHONPATH leads to, `build` into a virtual environment. The environment that they
run in has no setuptools, so a back end can only come from there. Asked of each front end:

- The wheel of markupsafe can be imported, with its extension.
- Where another version is expected, nothing is handed over.
- Nothing is built with a program that refuses in the place of `bulkhead`, so no hook goes past it.
- No process, mount, account or temporary file is left.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

from ground import Watch, check_pypi, main, pip  # noqa: E402

WANTED = "markupsafe==3.0.2"
SOURCE = ["--no-deps", "--no-binary=markupsafe", WANTED]


def prepare(work):
    """An environment with the two front ends; gives its interpreter."""
    check_pypi("pyproject-hooks==1.3.3", work)
    subprocess.run([sys.executable, "-m", "venv", work / "env"], check=True)
    python = str(work / "env/bin/python")
    pip(python, "install", "--only-binary=:all:", f"--requirement={HERE / 'requirements.txt'}")
    pip(python, "uninstall", "--yes", "setuptools")
    # What is installed to build with; older pips know the first variable, newer ones the second.
    for name in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"):
        os.environ[name] = str(HERE / "constraints.txt")
    return python


def run(python, driver, bulkhead, *arguments, wanted=WANTED):
    command = [python, HERE / driver, bulkhead, wanted, *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def check(what, python, driver, bulkhead, target, *arguments):
    """Builds once in vain and once for real; gives the faults."""
    if run(python, driver, "/bin/false", *arguments).returncode == 0:
        return [f"{what}: built past the program in the place of bulkhead"]
    if run(python, driver, bulkhead, *arguments, wanted="markupsafe==3.0.1").returncode == 0:
        return [f"{what}: built a version that was not asked for"]
    done = run(python, driver, bulkhead, *arguments)
    if done.returncode != 0:
        return [f"{what} ended with {done.returncode}:\n{done.stdout}"]
    (wheel,) = target.glob("*.whl")
    installed = target / "installed"
    pip(python, "install", "--no-index", "--no-deps", f"--target={installed}", str(wheel))
    used = subprocess.run([python, "-c", "import markupsafe._speedups"], cwd=installed)
    print(f"{what}: {wheel.name}")
    return [] if used.returncode == 0 else [f"{what}: its wheel cannot be imported"]


def body(bulkhead, work):
    python = prepare(work)
    watch = Watch(work)
    faults = check("pip", python, "pip_driver.py", bulkhead, work / "pip",
                   "wheel", "--no-cache-dir", f"--wheel-dir={work / 'pip'}", *SOURCE)

    fetched = run(python, "pip_driver.py", bulkhead, "download", f"--dest={work}", *SOURCE)
    if fetched.returncode != 0:
        raise SystemExit(f"pip download ended with {fetched.returncode}:\n{fetched.stdout}")
    with tarfile.open(next(work.glob("*.tar.gz"))) as archive:
        archive.extractall(work, **({"filter": "data"} if sys.version_info >= (3, 12) else {}))
    (tree,) = (path for path in work.glob("markupsafe-*") if path.is_dir())
    # Into the source tree, and by way of an sdist.
    faults += check("build", python, "build_driver.py", bulkhead, tree / "dist", tree)

    faults += watch.left_behind()
    for path in (work / "tmp").iterdir():
        # Older pips leave the certificates that they unpack; they do that outside the sandbox.
        certificates = path.name.endswith("cacert.pem")
        (print if certificates else faults.append)(f"left behind: {path}")
    for fault in faults:
        print(f"FAULT: {fault}")
    print(f"2 front ends, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    main(body)
