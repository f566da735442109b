"""Builds with every option that takes a path, around the tree, TMPDIR and the working directory.

`mounts.py PROGRAM ROUNDS`: after each build, the mount table of the host and every file below the
places that were given must be as before. Prints one line for each kind of build, and ends with 1
where one differs.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys

PROGRAM, ROUNDS = sys.argv[1], int(sys.argv[2])
SCRIPTS = os.environ.get("SCRIPTS", "/opt/machines/scripts")
PLACE = os.path.realpath(os.getcwd())
TREE, OUT, CONTROL, TEMPORARY = (f"{PLACE}/{name}" for name in ("tree", "dist", "control", "tmp"))
BESIDE = f"{PLACE}/beside"

RUN = ["/bin/sh", "-c", "mkdir -p $TMPDIR/x; echo build > made; echo build > $TMPDIR/x/made"]
HOOK = ["/usr/bin/python3", f"{PLACE}/_in_process.py", "build_wheel", CONTROL]

# What is called, and with which options. A tree that is granted for writing may change, so those
# kinds grant what is around it, where the build's copy must stay its own.
KINDS = {
    "run": (RUN, []),
    "run --rw around the tree": (RUN, ["--rw", PLACE]),
    "run --ro around the tree": (RUN, ["--ro", PLACE]),
    "run --rw TMPDIR": (RUN, ["--rw", TEMPORARY]),
    "run --ro TMPDIR": (RUN, ["--ro", TEMPORARY]),
    "run --scratch": (RUN, ["--scratch", BESIDE]),
    "run --scratch --rw around the tree": (RUN, ["--scratch", BESIDE, "--rw", PLACE]),
    "run --outcome": (RUN, ["--outcome", f"{PLACE}/outcome"]),
    "hook": (HOOK, []),
    "hook --rw around all": (HOOK, ["--rw", PLACE]),
    "hook --ro around all": (HOOK, ["--ro", PLACE]),
    "hook --scratch": (HOOK, ["--scratch", BESIDE]),
    "hook --in-place": (HOOK, ["--in-place"]),
}

# A scratch directory that the build could exchange is refused before anything runs.
REFUSED = {"run --scratch --rw around the tree"}


def table():
    with open("/proc/self/mountinfo") as lines:
        # Without the numbers that the kernel gives.
        return sorted(" ".join(line.split()[3:]) for line in lines)


def files():
    """Every file below the place, by its content."""
    found = {}
    for folder, folders, names in os.walk(PLACE):
        for name in folders:
            found[os.path.join(folder, name)] = "folder"
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


def lay_out():
    """A place as a front end has it; what the build before has handed over is gone."""
    for folder in (TREE, OUT, CONTROL, TEMPORARY, BESIDE):
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
    if os.path.exists(f"{PLACE}/outcome"):
        os.remove(f"{PLACE}/outcome")
    shutil.copy(f"{SCRIPTS}/in_process.py", f"{PLACE}/_in_process.py")
    shutil.copy(f"{SCRIPTS}/backend.py", f"{TREE}/backend.py")
    call = {"wheel_directory": OUT, "config_settings": None, "metadata_directory": None}
    with open(f"{CONTROL}/input.json", "w") as file:
        json.dump({"kwargs": call}, file)


# What a build is meant to leave: the answer, the wheel, the outcome.
MEANT = {f"{CONTROL}/output.json", f"{OUT}/pkg-1.0-py3-none-any.whl", f"{PLACE}/outcome"}
environment = {
    **os.environ,
    "TMPDIR": TEMPORARY,
    "_PYPROJECT_HOOKS_BACKEND_PATH_JSON": json.dumps([TREE]),
}
differing = 0
total = 0
for kind, (command, options) in KINDS.items():
    verb = kind.split()[0]
    mounts, changed, statuses = set(), set(), set()
    for _ in range(ROUNDS):
        lay_out()
        before, had = table(), files()
        words = [PROGRAM, verb, *options, "--", *command]
        done = subprocess.run(words, cwd=TREE, env=environment, capture_output=True, text=True)
        after, has = table(), files()
        mounts.update(set(before).symmetric_difference(after))
        for line in set(after) - set(before):
            # The next build must not meet what this one has left.
            subprocess.run(["umount", "--lazy", line.split()[1]], check=False)
        paths = {path for path in had | has if had.get(path) != has.get(path)} - MEANT
        # In place, the tree is what is built in.
        if "--in-place" in options:
            paths = {path for path in paths if not path.startswith(TREE + "/")}
        # What was granted for writing may be written, but no tree that the build has a copy of.
        if "--rw" in options and options[options.index("--rw") + 1] == TEMPORARY:
            paths -= {f"{TEMPORARY}/x", f"{TEMPORARY}/x/made"}
        changed.update(paths)
        statuses.add(done.returncode)
        total += 1
        if done.returncode and kind not in REFUSED:
            print(f"    {kind}: {done.stderr.strip()}", file=sys.stderr)
    well = not mounts and not changed and statuses == ({125} if kind in REFUSED else {0})
    differing += not well
    told = f"{ROUNDS} × `{kind}`: status {', '.join(map(str, sorted(statuses)))}"
    told += f"; mounts: {', '.join(sorted(mounts)) or 'as before'}"
    print(told + f"; files: {', '.join(sorted(changed)) or 'as before'}")
print(f"{total} builds; kinds that are not as they should be: {differing}")
sys.exit(1 if differing else 0)
