"""Puts into a container what a hostile build may want, and starts the build.

First as it is, so that every attempt is seen to work where nothing stands in its way, then behind
`bulkhead run`; each time twice, for the second may find what the first has left. Prints the second
answers as one JSON object. The argument is the program.
"""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys

bulkhead = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))
home = "/root" if os.getuid() == 0 else "/home/user"
canary = "canary-" + os.urandom(8).hex()


def write(path, text, mode):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


# Nothing here is hidden by the modes of a directory, so that what hides it is the sandbox.
os.makedirs("/tmp/shared", exist_ok=True)
os.chmod("/tmp/shared", 0o777)
write(home + "/.profile", "", 0o644)
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\0" + canary)
abstract.listen()
named = socket.socket(socket.AF_UNIX)
named.bind("/tmp/shared/socket")
os.chmod("/tmp/shared/socket", 0o666)
named.listen()
service = socket.create_server(("127.0.0.1", 0))
segment = int.from_bytes(os.urandom(3), "big") + 1
assert ctypes.CDLL(None).shmget(segment, 4096, 0o1666) >= 0
os.environ["DEPLOY_TOKEN"] = canary
victim = subprocess.Popen(["/bin/sh", "-c", "read _", canary], stdin=subprocess.PIPE)
there = {
    "canary": canary,
    "secret": write(home + "/token", canary, 0o600),
    "home": home,
    "shared": "/tmp/shared",
    "abstract": canary,
    "named": "/tmp/shared/socket",
    "port": service.getsockname()[1],
    "segment": segment,
    "victim": victim.pid,
    "hostname": os.uname().nodename,
}


def build(name, command):
    """What the build says, in a directory of its own."""
    tree = f"{home}/{name}"
    os.mkdir(tree)
    shutil.copy(here + "/attempts.py", tree)
    write(tree + "/there.json", json.dumps(there), 0o644)
    # A careless caller, whose descriptors are inherited.
    careless = os.dup2(os.open(there["secret"], os.O_RDONLY), 9)
    payload = ["/usr/bin/python3", "attempts.py", "there.json"]
    done = subprocess.run(
        command + payload, cwd=tree, capture_output=True, text=True, pass_fds=[careless]
    )
    if done.returncode:
        sys.exit(f"{name}: {done.returncode}: {done.stdout}{done.stderr}")
    left = sorted(set(os.listdir(tree)) - {"attempts.py", "there.json"})
    return {"answers": json.loads(done.stdout), "errors": done.stderr, "left": left}


def twice(name, command):
    build(name + "-before", command)
    return build(name, command)


plain = twice("plain", [])
for path in ("/tmp/shared/changed", "/tmp/left", home + "/left"):
    os.remove(path)
held = twice("held", [bulkhead, "run", "--"])
json.dump({"plain": plain, "held": held}, sys.stdout)
