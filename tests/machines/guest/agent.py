"""Runs in a machine what the recipe asks for at the second serial port, one line of JSON each way.

A request is `{"id", "script", "seconds"}`; the answer `{"id", "status", "output"}`, where a script
that took longer has the status 124. Only JSON in ASCII passes, so that no output ends a line.
"""

import json
import os
import signal
import subprocess
import tty

port = os.open("/dev/ttyS1", os.O_RDWR | os.O_NOCTTY)
tty.setraw(port)


def say(answer):
    rest = json.dumps(answer).encode() + b"\n"
    while rest:
        rest = rest[os.write(port, rest):]


def run(script, seconds):
    shell = subprocess.Popen(
        ["/bin/bash", "-c", script], cwd="/root", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    try:
        output, _ = shell.communicate(timeout=seconds)
        return shell.returncode % 256, output
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        return 124, shell.communicate()[0]


os.environ.update(HOME="/root", LANG="C.UTF-8", PATH="/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
with os.fdopen(os.dup(port), "rb") as requests:
    for line in requests:
        # The recipe knocks with empty lines until it is answered.
        if not line.strip():
            say({"id": 0, "status": 0, "output": os.uname().release})
            continue
        request = json.loads(line)
        status, output = run(request["script"], request["seconds"])
        say({"id": request["id"], "status": status, "output": output.decode(errors="replace")})
