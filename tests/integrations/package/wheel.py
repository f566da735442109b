"""Builds the wheel with both programs and the Python package, and uses what is installed from it.

    wheel.py BULKHEAD

The programs are those of the profile that BULKHEAD was built with. A wheel that BULKHEAD_WHEEL names,
such as that of a release, is used as it is. Asked of the wheel:

- It holds the package, its types, and two programs that can be executed; nothing else.
- Installed into a fresh environment, also with `pip install --target`, both programs say the version
  of the crates, and `python -m bulkhead` is the installed one, whatever PATH leads to.
- `harness` has its catalogue with it, and writes what a repository needs.
- `bulkhead.runner()` builds a wheel from an sdist of PyPI, in the sandbox.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

from ground import NotHere, Watch, check_pypi, main, pip  # noqa: E402

TOP = HERE.parents[2]
MATURIN = "maturin==1.16.0"
SDIST = ("idna==3.10 "
         "--hash=sha256:12f65c9b470abda6dc35cf8e63cc574b1c52b11df2c86030af0ac09b01b13ea9")
BUILD = """\
import os, sys, bulkhead
from pyproject_hooks import BuildBackendHookCaller
hooks = BuildBackendHookCaller(".", "flit_core.buildapi", runner=bulkhead.runner(sys.argv[1]))
os.makedirs("dist", exist_ok=True)
print(hooks.build_wheel(os.path.abspath("dist")))
"""


def run(*command, **options):
    return subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **options)


def must(*command, **options):
    done = run(*command, **options)
    if done.returncode != 0:
        raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def make(work, profile):
    """The wheel."""
    if "BULKHEAD_WHEEL" in os.environ:
        return Path(os.environ["BULKHEAD_WHEEL"]).resolve()
    if shutil.which("cargo") is None:
        raise NotHere("there is no cargo")
    check_pypi(MATURIN, work)
    subprocess.run([sys.executable, "-m", "venv", work / "tools"], check=True)
    pip(work / "tools/bin/python", "install", "--only-binary=:all:", MATURIN)
    optimised = ["--release"] if profile.name == "release" else []
    must("cargo", "build", "--locked", "-p", "harness", "--bin", "harness", *optimised, cwd=TOP)
    scripts = TOP / "target/wheel/data/scripts"
    scripts.mkdir(parents=True, exist_ok=True)
    shutil.copy(profile / "harness", scripts / "harness")
    must(work / "tools/bin/maturin", "build", "--locked", *optimised, "--out", work / "wheels",
         cwd=TOP / "sandbox/python")
    (wheel,) = (work / "wheels").iterdir()
    return wheel


def look(wheel):
    """The faults of what the wheel holds."""
    name, version, python, abi, platform = wheel.stem.split("-")
    faults = [] if (python, abi) == ("py3", "none") and platform.startswith(("manylinux", "musllinux", "linux")) \
        else [f"the wheel is for {python}-{abi}-{platform}"]
    sources = {f"bulkhead/{path.name}" for path in (TOP / "sandbox/python/bulkhead").iterdir()
               if path.name != "__pycache__"}
    scripts = {f"{name}-{version}.data/scripts/{program}" for program in ("bulkhead", "harness")}
    with zipfile.ZipFile(wheel) as archive:
        members = {member.filename: member for member in archive.infolist()}
    held = {path for path in members if f"{name}-{version}.dist-info/" not in path}
    faults += [f"missing, or more than there should be: {path}"
               for path in sorted(held ^ (sources | scripts))]
    faults += [f"{path} cannot be executed" for path in scripts & held
               if not members[path].external_attr >> 16 & 0o111]
    return version, faults


def use(wheel, version, work):
    """The faults of what is installed from it."""
    subprocess.run([sys.executable, "-m", "venv", work / "env"], check=True)
    python = work / "env/bin/python"
    pip(python, "install", "--no-index", wheel)
    pip(python, "install", "--only-binary=:all:", "pyproject-hooks==1.3.3", "flit-core==3.12.0")
    faults = []
    for program in ("bulkhead", "harness"):
        said = must(work / "env/bin" / program, "--version").strip()
        if said.splitlines()[0] != f"{program} {version}":
            faults.append(f"{program} --version says {said!r}")

    harness, repository = work / "env/bin/harness", work / "repository"
    repository.mkdir()
    if "secrets/netrc-read" not in must(harness, "list", cwd=repository):
        faults.append("the installed harness has no catalogue")
    must(harness, "init", "--", "isolate", "{argv}", cwd=repository)
    must(harness, "check", cwd=repository)

    (work / "shims").mkdir()
    shim = work / "shims/bulkhead"
    shim.write_text("#!/bin/sh\necho shim\nexit 99\n")
    shim.chmod(0o755)
    environment = {**os.environ, "PATH": f"{work / 'shims'}:{os.environ['PATH']}"}
    pip(python, "install", "--no-index", "--no-deps", f"--target={work / 'target'}", wheel)
    for name, more, start in (("environment", {}, [python]),
                              ("target", {"PYTHONPATH": str(work / "target")}, [sys.executable])):
        said = must(*start, "-m", "bulkhead", "doctor", cwd=work, env={**environment, **more})
        if not said.startswith("yes"):
            faults.append(f"{name}: python -m bulkhead doctor says {said!r}")
    return faults + build(python, environment, work)


def build(python, environment, work):
    """The faults of a build by the runner of the installed package."""
    (work / "sdist.txt").write_text(SDIST + "\n")
    pip(python, "download", "--require-hashes", "--no-binary=:all:", "--no-deps",
        "--no-build-isolation", f"--requirement={work / 'sdist.txt'}", f"--dest={work / 'sdists'}")
    with tarfile.open(next((work / "sdists").iterdir())) as archive:
        archive.extractall(work, **({"filter": "data"} if sys.version_info >= (3, 12) else {}))
    tree, faults = work / "idna-3.10", []
    refused = run(python, "-c", BUILD, "idna==3.9", cwd=tree, env=environment)
    if refused.returncode == 0 or list(tree.glob("dist/*")):
        faults.append(f"a version that was not asked for was built: {refused.stdout}")
    said = must(python, "-c", BUILD, "idna==3.10", cwd=tree, env=environment)
    print(f"built: {said.strip()}")
    if not (tree / "dist" / said.strip().splitlines()[-1]).is_file():
        faults.append(f"no wheel of idna: {said}")
    return faults


def body(bulkhead, work):
    wheel = make(work, Path(bulkhead).parent)
    print(f"{wheel.name}: {wheel.stat().st_size} bytes")
    version, faults = look(wheel)
    watch = Watch(work)
    faults += use(wheel, version, work)
    faults += watch.left_behind()
    for fault in faults:
        print(f"FAULT: {fault}")
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    main(body)
