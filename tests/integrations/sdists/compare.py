"""Builds sdists from PyPI without and with `bulkhead hook`, and compares what comes out.

    compare.py BULKHEAD

Three packages that this project did not write (sdists.txt) are built twice by pyproject_hooks, at
the same path and under the same SOURCE_DATE_EPOCH. Asked of every hook and every file:

- Return values, metadata and wheels are the same, wheels to the last byte.
- Sdists have the same members with the same modes and contents. What setuptools writes into an
  sdist from its surroundings, the owner of the files and the time at which the build made some of
  them, may differ, and is printed.
- The isolated build changed no file but those that it was asked for, neither of the source tree
  nor of the environment, and left no process, mount or account.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import time
import warnings
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

from ground import Watch, check_pypi, digest, main, pip, snapshot  # noqa: E402

HOOKS = "pyproject-hooks==1.3.3"


def prepare(work):
    """Everything that needs a network: the front end, an environment to build in, the sdists."""
    check_pypi(HOOKS, work)
    frontend = work / "frontend"
    pip(sys.executable, "install", "--no-deps", f"--target={frontend}", HOOKS)
    sys.path.append(str(frontend))

    subprocess.run([sys.executable, "-m", "venv", work / "env"], check=True)
    python = str(work / "env/bin/python")
    pip(python, "install", "--require-hashes", "--only-binary=:all:",
        f"--requirement={HERE / 'requirements.txt'}")
    # pip asks the back ends for metadata even to download; they run in the same environment.
    pip(python, "download", "--require-hashes", "--no-binary=:all:", "--no-deps",
        "--no-build-isolation", f"--requirement={HERE / 'sdists.txt'}", f"--dest={work / 'sdists'}")
    return python


def unpack(sdist, directory):
    """A fresh source tree, at the same path each time."""
    shutil.rmtree(directory, ignore_errors=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(directory, **({"filter": "data"} if sys.version_info >= (3, 12) else {}))
    (tree,) = directory.iterdir()
    return tree


def backend_of(tree):
    """The back end that pyproject.toml names; Python 3.9 has no reader of TOML."""
    for line in (tree / "pyproject.toml").read_text().splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "build-backend":
            return value.strip().strip("\"'")
    return "setuptools.build_meta:__legacy__"


def build(tree, out, python, prefix):
    """Calls every hook of a build, each command behind `prefix`; gives what they returned."""
    from pyproject_hooks import BuildBackendHookCaller

    def runner(command, cwd=None, extra_environ=None):
        environment = {**os.environ, **(extra_environ or {})}
        done = subprocess.run([*prefix, *command], cwd=cwd, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise SystemExit(f"{command[2]} ended with {done.returncode}:\n{done.stdout}")

    for name in ("metadata", "wheel", "sdist"):
        (out / name).mkdir(parents=True)
    hooks = BuildBackendHookCaller(
        tree, backend_of(tree), runner=runner, python_executable=python
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        answers = {
            "requires for wheel": hooks.get_requires_for_build_wheel(),
            "requires for sdist": hooks.get_requires_for_build_sdist(),
            "metadata": hooks.prepare_metadata_for_build_wheel(out / "metadata"),
        }
        prepared = out / "metadata" / answers["metadata"]
        answers["wheel"] = hooks.build_wheel(out / "wheel", metadata_directory=prepared)
        answers["sdist"] = hooks.build_sdist(out / "sdist")
    # The front end would open the file that a warning names; `bulkhead` makes that impossible.
    names = [one.filename.removeprefix("<sandboxed ").removesuffix(">") for one in said]
    lines = [(str(one.message), one.lineno) for one in said]
    return {**answers, "warnings": list(zip(names, lines))}


class Report:
    """What was found about one package."""

    def __init__(self, package):
        self.package, self.faults = package, 0

    def note(self, text):
        print(f"{self.package}: {text}")

    def fault(self, text):
        self.faults += 1
        self.note(f"FAULT: {text}")

    def same(self, what, plain, isolated):
        if plain != isolated:
            self.fault(f"{what}: {plain!r} without, {isolated!r} with isolation")


def compare_products(report, returned, plain, isolated):
    """The files of the output directories, and the content of the metadata among them."""
    theirs, ours = files_below(plain), files_below(isolated)
    # setuptools leaves an egg-info beside the metadata; what a hook did not return stays inside.
    beside = {path for path in theirs if path.parts[0] == "metadata"
              and path.parts[1] != returned["metadata"]}
    if beside:
        names = ", ".join(sorted(map(str, beside)))
        report.note(f"beside the metadata, and not handed over: {names}")
    report.same("files", sorted(theirs - beside), sorted(ours))
    metadata = sorted(path for path in theirs & ours if path.parts[0] == "metadata")
    for path in metadata:
        report.same(str(path), (plain / path).read_bytes(), (isolated / path).read_bytes())
    report.note(f"{returned['metadata']}: {len(metadata)} files, the same")


def files_below(directory):
    return {path.relative_to(directory) for path in directory.rglob("*") if not path.is_dir()}


def compare_wheels(report, plain, isolated):
    if plain.read_bytes() == isolated.read_bytes():
        report.note(f"{plain.name}: {len(wheel_members(plain))} members, the same to the last "
                    f"byte, sha256 {digest(plain.read_bytes())}")
        return
    report.fault(f"{plain.name}: the files differ")
    theirs, ours = wheel_members(plain), wheel_members(isolated)
    for member in sorted(set(theirs) ^ set(ours)):
        report.fault(f"{plain.name}: {'without' if member in theirs else 'with'}: {member}")


def wheel_members(path):
    with zipfile.ZipFile(path) as archive:
        return [
            (member.filename, member.date_time, oct(member.external_attr >> 16),
             member.compress_type, member.extra, digest(archive.read(member)))
            for member in archive.infolist()
        ]


def compare_sdists(report, plain, isolated, since):
    theirs, ours = sdist_members(plain), sdist_members(isolated)
    report.same(f"{plain.name}: members", list(theirs), list(ours))
    owners, times = set(), []
    for name in theirs.keys() & ours.keys():
        (here, content), (there, other_content) = theirs[name], ours[name]
        report.same(f"{name}: content", content, other_content)
        for aspect in ("type", "mode", "linkname"):
            report.same(f"{name}: {aspect}", getattr(here, aspect), getattr(there, aspect))
        if owner(here) != owner(there):
            owners.add((owner(here), owner(there)))
        if here.mtime != there.mtime:
            times.append(name)
            if min(here.mtime, there.mtime) < since:
                report.fault(f"{name}: another time, and not one at which a build made it")
    if not report.faults:
        report.note(f"{plain.name}: {len(theirs)} members, the same modes and contents")
    for here, there in owners:
        report.note(f"{plain.name}: members belong to {here} without, {there} with isolation")
    if times:
        report.note(f"{plain.name}: made, and dated, by the build: {', '.join(sorted(times))}")


def sdist_members(path):
    with tarfile.open(path) as archive:
        return {
            member.name: (member, archive.extractfile(member).read() if member.isreg() else None)
            for member in archive
        }


def owner(member):
    return (member.uid, member.gid, member.uname, member.gname)


def compare(sdist, work, python, bulkhead):
    report = Report(sdist.name)
    since = int(time.time())
    tree, out, plain_out = unpack(sdist, work / "source"), work / "out", work / "plain"
    shutil.rmtree(plain_out, ignore_errors=True)
    plain = build(tree, out, python, [])
    out.rename(plain_out)

    tree = unpack(sdist, work / "source")
    files_before, watch = snapshot(work), Watch(work)
    isolated = build(tree, out, python, [bulkhead, "hook", "--level", "full", "--"])
    for fault in watch.left_behind():
        report.fault(fault)
    files = snapshot(work)
    files = {path: state for path, state in files.items() if out not in (path, *path.parents)}
    for path in sorted({path for path, _ in files_before.items() ^ files.items()}):
        report.same(str(path), files_before.get(path), files.get(path))

    report.same("what the hooks returned", plain, isolated)
    compare_products(report, plain, plain_out, out)
    compare_wheels(report, *(place / "wheel" / plain["wheel"] for place in (plain_out, out)))
    compare_sdists(report, *(place / "sdist" / plain["sdist"] for place in (plain_out, out)), since)
    shutil.rmtree(out)
    return report.faults


def body(bulkhead, work):
    python = prepare(work)
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    os.environ["PATH"] = f"{work / 'env/bin'}:{os.environ['PATH']}"
    sdists = sorted((work / "sdists").iterdir())
    faults = [compare(sdist, work, python, bulkhead) for sdist in sdists]
    print(f"{len(sdists)} packages, {sum(faults)} faults")
    return 1 if sum(faults) or len(sdists) != 3 else 0


if __name__ == "__main__":
    main(body)
