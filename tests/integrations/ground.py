"""What the integration scripts share: may it be tried here, and what has it left behind?

Exit status of each script: 0 all that it asks for holds; 1 it does not; 77 it could not be tried
here, for a reason that has nothing to do with isolation; 78 it could not be tried because
isolation is not to be had here.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path


# Of the tests that make accounts, and of those that say that none is made.
LOCK = Path(tempfile.gettempdir()) / "bulkhead-tests-of-etc.lock"


class NotHere(Exception):
    """It cannot be tried on this machine."""

    def __init__(self, reason, status=77):
        super().__init__(reason)
        self.status = status


def main(body):
    """Calls `body` with the program under test and an empty directory that is removed again."""
    # A pipe would hold back what is printed until the end, behind the output of the programs.
    sys.stdout.reconfigure(line_buffering=True)
    (name,) = sys.argv[1:] or [shutil.which("bulkhead") or sys.exit("usage: SCRIPT BULKHEAD")]
    bulkhead = str(Path(name).resolve())
    work = Path(tempfile.mkdtemp(prefix="bulkhead-integration-")).resolve()
    try:
        check_machine(bulkhead)
        # Temporary files of the front end too, so that they are seen when they stay.
        (work / "tmp").mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(work / "tmp")
        sys.exit(body(bulkhead, work))
    except NotHere as reason:
        print(f"skipped: {reason}")
        sys.exit(reason.status)
    finally:
        shutil.rmtree(work)


def check_machine(bulkhead):
    if shutil.which(os.environ.get("CC", "cc")) is None:
        raise NotHere("there is no C compiler")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise NotHere("the headers of this Python are not installed")
    tried = subprocess.run([bulkhead, "run", "--", "/bin/true"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise NotHere(f"isolation is not to be had here: {tried.stderr.strip()}", status=78)


def check_pypi(requirement, work):
    """Whether pip gets the wheel of `requirement`, asked without the usual patience."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries=0"]
    command += ["--timeout=20", f"--dest={work / 'probe'}", requirement]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode != 0:
        raise NotHere(f"PyPI cannot be reached: {answer.stderr.strip()}")
    shutil.rmtree(work / "probe")


def pip(python, verb, *arguments):
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check"]
    command = [python, "-m", "pip", verb, *quiet, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")


def digest(data):
    return hashlib.sha256(data).hexdigest()


def snapshot(tree):
    """Every path below `tree`, with its type, mode, owner, time and content."""
    found = {}
    for path in tree.rglob("*"):
        status = path.lstat()
        content = None
        if stat.S_ISREG(status.st_mode):
            content = digest(path.read_bytes())
        elif stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        elif stat.S_ISDIR(status.st_mode):
            # Its time says only that something in it came or went, which is seen anyway.
            found[path] = (oct(status.st_mode), status.st_uid, status.st_gid)
            continue
        owner = (status.st_uid, status.st_gid)
        found[path] = (oct(status.st_mode), *owner, status.st_mtime_ns, content)
    return found


def machine(work):
    """What a build could leave on the machine, apart from files: a set of lines."""
    lines = {f"account: {line}" for name in ("passwd", "group")
             for line in Path("/etc", name).read_text().splitlines()}
    lines |= {f"mount: {line}" for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    # Processes of the build are told by a path below `work` in their environment.
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if os.fsencode(work) in (entry / "environ").read_bytes():
                    lines.add(f"process: {entry.name} {(entry / 'cmdline').read_bytes()}")
            except OSError:
                pass  # somebody else's, or gone by now
    return lines


class Watch:
    """Tells what a build leaves on the machine, from now until it is asked."""

    def __init__(self, work):
        # Shared, for those that only look do not disturb each other.
        if not LOCK.exists():
            LOCK.touch()
        self.quiet = open(LOCK)
        fcntl.flock(self.quiet, fcntl.LOCK_SH)
        self.work, self.before = work, machine(work)

    def left_behind(self):
        deadline = time.monotonic() + 10
        while (new := machine(self.work) - self.before) and time.monotonic() < deadline:
            time.sleep(0.2)
        self.quiet.close()
        return [f"left behind: {line}" for line in sorted(new)]
