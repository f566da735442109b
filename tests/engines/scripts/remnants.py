"""Starts builds whose daemons would like to stay, and says what of them is still there.

Prints one JSON object: how many processes live on after a build that ends by itself, and after one
whose supervisor was killed; without the program first. The argument is the program.
"""

import fcntl
import glob
import json
import os
import select
import signal
import subprocess
import sys

bulkhead = sys.argv[1]
mine = os.getpid()
os.chdir(os.environ["HOME"])
os.mkdir("tree")
os.chdir("tree")

# Daemons that have left the session, the process group and the parent of the build, and heed no
# signal. Each says that it is up before the next is started. Their last word tells them apart.
DAEMONS = """
trap '' TERM HUP INT
mkfifo up
exec 4<>up
for n in 1 2 3; do
    (setsid sh -c 'echo >&4; exec >/dev/null 2>&1 4<&-; sleep 300; :' {} &)
    read _ <&4
done
rm up
echo ready
"""


def living(word):
    """The daemons with this word."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(path, "rb").read().split(b"\0")
            pid = int(path.split("/")[2])
            # A daemon leads its session; what it has just forked has its words too.
            if words[0] == b"sh" and word.encode() in words and os.getsid(pid) == pid:
                found.append(pid)
        except OSError:
            pass
    return found


def everybody():
    return {int(path.split("/")[2]) for path in glob.glob("/proc/[0-9]*/stat")} - {mine}


def await_the_end(pids, seconds):
    """Waits until the processes are dead, by descriptors for them; gives those that are not."""
    alive = {}
    for pid in pids:
        try:
            alive[os.pidfd_open(pid)] = pid
        except ProcessLookupError:
            pass
    poll = select.poll()
    for descriptor in alive:
        poll.register(descriptor, select.POLLIN)
    while alive:
        ready = poll.poll(seconds * 1000)
        if not ready:
            return [open(f"/proc/{pid}/cmdline").read() for pid in alive.values()]
        for descriptor, _ in ready:
            poll.unregister(descriptor)
            del alive[descriptor]
    return []


def kept():
    """What of the records says that a build is there: private directories, and locks that are held."""
    found = glob.glob("/run/bulkhead/private/*") + glob.glob(f"/tmp/bulkhead-{os.getuid()}/private/*")
    for path in glob.glob("/run/bulkhead/uid/*") + glob.glob(f"/tmp/bulkhead-{os.getuid()}/claim/*"):
        with open(path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                found.append(path)
    return found


def ended(word, command):
    """How many daemons live on after a build that ends by itself."""
    script = DAEMONS.format(word)
    done = subprocess.run(
        command + ["/bin/sh", "-c", script], capture_output=True, text=True, timeout=30
    )
    if done.returncode or done.stdout != "ready\n":
        sys.exit(f"{done.returncode}: {done.stdout}{done.stderr}")
    return living(word)


def killed(word, command):
    """The same, where the supervisor gets SIGKILL while its build runs."""
    script = DAEMONS.format(word) + "sleep 300; :"
    child = subprocess.Popen(command + ["/bin/sh", "-c", script], stdout=subprocess.PIPE)
    signal.alarm(30)
    assert child.stdout.readline() == b"ready\n"
    signal.alarm(0)
    there = everybody()
    child.kill()
    child.wait()
    return there


def clear_away():
    """Ends what the builds without the program have left, in one stroke, so that none forks away."""
    left = everybody()
    try:
        # To everybody but the sender, which is the first process of the container.
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass
    assert await_the_end(left, 20) == []


plain = len(ended("build-1", []))
clear_away()
killed("build-2", [])
plain_killed = len(living("build-2"))
clear_away()
held = len(ended("build-3", [bulkhead, "run", "--"]))
survivors = await_the_end(killed("build-4", [bulkhead, "run", "--"]), 20)
before_sweep = kept()
subprocess.run([bulkhead, "gc"], check=True, stdout=subprocess.DEVNULL)
json.dump(
    {
        "plain": plain,
        "plain-killed": plain_killed,
        "held": held,
        "survivors": survivors,
        "held-killed": len(living("build-4")),
        "kept": before_sweep,
        "kept-after-sweep": kept(),
    },
    sys.stdout,
)
