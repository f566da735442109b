"""Lets Fromager build packages from PyPI end to end, with `bulkhead` as its isolation.

    bootstrap.py BULKHEAD

It bootstraps idna, which is pure Python, and markupsafe, which has an extension in C, together with
flit-core and setuptools, which they need to be built. It does so twice as it was released, by `python -m bulkhead.fromager`, and
once through the four hooks of its pull request 1171, which proposal.py calls as that proposes. Asked
of each run:

- Every call of a build back end went through `bulkhead hook` and ended well at level full.
- The wheels can be installed and used.
- No process, mount, account or temporary file is left.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

from ground import NotHere, Watch, check_pypi, main, pip  # noqa: E402

WANTED = ["idna==3.10", "markupsafe==3.0.2"]
BUILT = {"flit_core-3.12.0", "idna-3.10", "markupsafe-3.0.2", "setuptools-80.9.0"}
USED = "import idna, markupsafe._speedups; print(idna.encode('bücher.example').decode())"


def prepare(work):
    """An environment with Fromager; gives its interpreter."""
    if sys.version_info < (3, 11):
        raise NotHere("Fromager needs Python 3.11")
    check_pypi("fromager==0.77.0", work)
    subprocess.run([sys.executable, "-m", "venv", work / "env"], check=True)
    python = str(work / "env/bin/python")
    pip(python, "install", "--only-binary=:all:", f"--requirement={HERE / 'requirements.txt'}")
    os.environ["PYTHONPATH"] = str(HERE.parents[2] / "sandbox/python")
    # Fromager starts uv and wheel by their names.
    os.environ["PATH"] = f"{work / 'env/bin'}:{os.environ['PATH']}"
    return python


def fromager(front, bulkhead, place, *arguments):
    """Runs Fromager, started by `front`, in the new directory `place`; gives the faults that its
    traces show."""
    (place / "outcomes").mkdir(parents=True)
    log = place / "debug.log"
    command = [*front, f"--program={bulkhead}", f"--outcomes={place / 'outcomes'}",
               f"--log-file={log}", f"--constraints-file={HERE / 'constraints.txt'}", "bootstrap",
               *arguments, *WANTED]
    done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode != 0:
        raise SystemExit(f"fromager ended with {done.returncode}:\n{done.stdout}")

    hooks = {path.stem: json.loads(path.read_text()) for path in place.glob("outcomes/*.json")}
    for name, outcome in sorted(hooks.items()):
        print(f"{name}: {outcome['plan']}, {outcome['usage']['wall_ms']} ms")
    good = ({"exited": {"status": 0}}, "full", "namespaced")
    faults = [f"{name} ended otherwise: {outcome}" for name, outcome in hooks.items()
              if (outcome["end"], outcome["level"], outcome["plan"]) != good]
    started = [line for line in log.read_text().splitlines()
               if "_in_process.py" in line and "running: " in line]
    faults += [f"not isolated: {line}" for line in started if f"{bulkhead} hook" not in line]
    if not len(hooks) == len(started) > 0:
        faults.append(f"{len(started)} hooks were started, {len(hooks)} have an outcome")
    return faults


def use(wheels, work):
    """What the built wheels print when they are installed and imported."""
    pip(sys.executable, "install", "--no-index", f"--find-links={wheels}", "--no-deps",
        f"--target={work / 'installed'}", *WANTED)
    answer = subprocess.run([sys.executable, "-c", USED], cwd=work / "installed",
                            capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def body(bulkhead, work):
    python = prepare(work)
    watch = Watch(work)
    released = [python, "-m", "bulkhead.fromager"]
    faults = fromager(released, bulkhead, work / "full")
    # Without wheels of its own it asks the back ends for metadata instead.
    faults += fromager(released, bulkhead, work / "sdists", "--sdist-only")
    faults += fromager([python, HERE / "proposal.py"], bulkhead, work / "hooks")
    faults += watch.left_behind()
    faults += [f"left behind: {path}" for path in (work / "tmp").iterdir()]

    wheels = work / "full/wheels-repo/downloads"
    names = sorted(path.name for path in wheels.iterdir())
    print(f"wheels: {', '.join(names)}")
    if {"-".join(name.split("-")[:2]) for name in names} != BUILT:
        faults.append(f"expected {sorted(BUILT)}")
    answer = use(wheels, work)
    if answer != "xn--bcher-kva.example":
        faults.append(f"the wheels, installed, say {answer!r}")
    for fault in faults:
        print(f"FAULT: {fault}")
    print(f"{len(names)} wheels, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    main(body)
