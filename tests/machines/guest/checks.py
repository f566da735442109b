"""What a host is worth to a caller who builds there; prints one JSON object.

Called in a directory that the caller may write, with the program as its argument. Everything is
tried: what the doctor says, a run, a demand, a hook, limits, and all that a hostile build may want,
first without the sandbox and then behind it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

PROGRAM = sys.argv[1]
SCRIPTS = "/opt/machines/scripts"
SECONDS = 240

# Each takes more than is allowed, in several processes, and says so when it was given that.
MEMORY = """
import os, sys, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(60 << 20)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(8)
        os._exit(0)
ended = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(4)]
sys.exit("all that was asked for" if not any(ended) else 0)
"""
PROCESSES = """
import os, sys, time
try:
    for _ in range(60):
        if os.fork() == 0:
            time.sleep(8)
            os._exit(0)
except OSError:
    os._exit(0)
print("all that was asked for", file=sys.stderr)
os._exit(1)
"""


def start(words, **options):
    """A command's status and what it said on standard error; 124 for one that took too long."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, **options)
    except subprocess.TimeoutExpired:
        return {"status": 124, "output": "", "errors": f"not done after {SECONDS} s"}
    return {"status": done.returncode, "output": done.stdout, "errors": done.stderr}


def behind(options, words):
    return start([PROGRAM, "run", *options, "--", *words])


def doctor():
    asked = start([PROGRAM, "doctor", "--json"])
    try:
        return {"status": asked["status"], **json.loads(asked["output"])}
    except ValueError:
        return {"status": asked["status"], "host": asked["errors"], "full": {}, "findings": []}


def hook():
    """A wheel is built and handed over, and the caller's tree is as it was."""
    place = os.path.abspath("hook")
    for name in ("tree", "control", "dist"):
        os.makedirs(f"{place}/{name}")
    shutil.copy(f"{SCRIPTS}/in_process.py", f"{place}/_in_process.py")
    shutil.copy(f"{SCRIPTS}/backend.py", f"{place}/tree/backend.py")
    call = {"wheel_directory": f"{place}/dist", "config_settings": None, "metadata_directory": None}
    with open(f"{place}/control/input.json", "w") as file:
        json.dump({"kwargs": call}, file)
    script = f"{place}/_in_process.py"
    words = ["/usr/bin/python3", script, "build_wheel", f"{place}/control"]
    environment = {**os.environ, "_PYPROJECT_HOOKS_BACKEND_PATH_JSON": json.dumps([f"{place}/tree"])}
    called = start([PROGRAM, "hook", "--", *words], cwd=f"{place}/tree", env=environment)
    if called["status"] == 0 and os.listdir(f"{place}/dist") != ["pkg-1.0-py3-none-any.whl"]:
        called["errors"] = "no wheel was handed over"
        called["status"] = 1
    if os.path.exists(f"{place}/tree/built"):
        called["errors"] = "the caller's tree was written"
        called["status"] = 1
    shutil.rmtree(place)
    return called


def limit(option, words):
    """How a limit ended: `held`, `exceeded`, or `refused` before anything ran."""
    ran = behind(option, words)
    if "all that was asked for" in ran["errors"]:
        return "exceeded"
    return "refused" if ran["status"] == 125 else "held"


def attempts():
    """What works for a hostile build without the sandbox, and what behind it."""
    told = start([sys.executable, f"{SCRIPTS}/plants.py", PROGRAM])
    if told["status"]:
        return {"plain": [], "held": [], "errors": told["errors"]}
    answers = json.loads(told["output"])
    worked = {
        kind: sorted(name for name, answer in answers[kind]["answers"].items() if answer == "worked")
        for kind in ("plain", "held")
    }
    return {**worked, "errors": ""}


def mounts():
    """The mount table, without the numbers that the kernel gives, and without what systemd mounts
    for a session and takes away some time after it."""
    with open("/proc/self/mountinfo") as table:
        lines = [" ".join(line.split()[3:]) for line in table]
    return sorted(line for line in lines if not line.split()[1].startswith("/run/user/"))


before = mounts()
python = "/usr/bin/python3"
found = {"doctor": doctor(), "run": behind([], ["/usr/bin/id", "-u"])}
found["require"] = behind(["--require", "all"], ["/bin/true"])
found["hook"] = hook()
scratch = tempfile.mkdtemp(dir="/var/tmp" if os.access("/var/tmp", os.W_OK) else "/tmp")
found["scratch"] = behind(["--scratch", scratch], ["/bin/true"])
if os.listdir(scratch):
    found["scratch"] = {"status": 1, "errors": "the scratch directory was not emptied"}
os.rmdir(scratch)
found["limits"] = {
    "memory": limit(["--memory", "100M"], [python, "-c", MEMORY]),
    "processes": limit(["--pids", "30"], [python, "-c", PROCESSES]),
    "time": "held" if behind(["--timeout", "3s"], ["/bin/sleep", "60"])["status"] == 124 else "no",
}
found["attempts"] = attempts()
after = mounts()
found["mounts"] = sorted(set(after).symmetric_difference(before))
json.dump(found, sys.stdout)
