"""Plays the front end: calls the hooks of a build through pyproject_hooks, outside the sandbox.

It runs in the lab as root, as the front end of a build farm does. What happens goes as JSON lines
to a descriptor of its own; standard output belongs to the build.
"""

import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import steps as frontend_steps  # noqa: E402
import pyproject_hooks  # noqa: E402

ARGUMENTS = {
    "get_requires_for_build_wheel": lambda output: (),
    "get_requires_for_build_sdist": lambda output: (),
    "get_requires_for_build_editable": lambda output: (),
    "prepare_metadata_for_build_wheel": lambda output: (output,),
    "prepare_metadata_for_build_editable": lambda output: (output,),
    "build_wheel": lambda output: (output,),
    "build_sdist": lambda output: (output,),
    "build_editable": lambda output: (output,),
}


# What the kit builds of every source tree.
RELEASE = "pkg==1.0"


def teller(descriptor):
    """A function that writes one event, whole, whichever thread calls it."""
    lock = threading.Lock()

    def tell(**event):
        line = (json.dumps(event) + "\n").encode("ascii")
        with lock:
            while line:
                line = line[os.write(descriptor, line):]

    return tell


def sandboxed(prefix, command, spec):
    """The call with the sandbox in front, or around it where the prefix says `{argv}`."""
    values = {
        "{release}": RELEASE,
        "{source}": spec["source"],
        "{output}": spec["output"],
        "{control}": command[-1],
        "{work}": os.path.dirname(spec["source"]),
        "{python}": command[0],
        "{lab}": os.path.dirname(HERE),
        "{target}": os.path.join(HERE, "target"),
    }
    argv = []
    for word in prefix:
        if word == "{argv}":
            argv.extend(command)
            continue
        for name, value in values.items():
            word = word.replace(name, value)
        argv.append(word)
    return argv if "{argv}" in prefix else argv + command


def runner(common, inherited, spec, tell):
    """A subprocess runner for pyproject_hooks that puts the sandbox in front.

    With a terminal the hooks inherit it, as they do from pip and build.
    """
    prefix, build = common["prefix"], spec["name"]

    def run(command, cwd=None, extra_environ=None):
        environment = dict(os.environ)
        environment.update(extra_environ or {})
        argv = sandboxed(prefix, list(command), spec)
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=environment,
            stdin=None if common["terminal"] else subprocess.DEVNULL,
            pass_fds=inherited,
        )
        tell(event="supervisor", build=build, pid=process.pid)
        status = process.wait()
        tell(event="status", build=build, status=status)
        if status:
            raise subprocess.CalledProcessError(status, argv)

    return run


def build(spec, common, inherited, tell):
    """Calls the hooks of one build, in order, until one does not return."""
    name = spec["name"]
    steps = frontend_steps.Steps(spec)
    caller = pyproject_hooks.BuildBackendHookCaller(
        spec["source"],
        spec["backend"],
        backend_path=spec["backend_path"],
        runner=runner(common, inherited, spec, tell),
        python_executable=common["python"],
    )
    for hook in spec["hooks"]:
        tell(event="hook", build=name, hook=hook)
        steps.before_a_hook(hook)
        try:
            value = getattr(caller, hook)(*ARGUMENTS[hook](steps.output))
        except BaseException as error:  # a hook may raise anything, and that is a result
            said = "%s: %s" % (type(error).__name__, error)
            tell(event="raised", build=name, hook=hook, exception=said[:2000])
            return
        steps.after_a_hook(hook, value)
        tell(event="returned", build=name, hook=hook, value=repr(value)[:65536], items=items(value))
    steps.after_all()


def items(value):
    """The texts that a hook returned, one or a list of them."""
    found = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [item[:4096] for item in found if isinstance(item, str)][:1000]


def inherit(wanted, pace):
    """Opens what the front end happens to hold while it starts the build."""
    for item in wanted:
        # Here, for few trials need it and every one would wait for it.
        import socket

        if item["kind"] == "tcp":
            connection = socket.create_connection((item["address"], item["port"]), 5 * pace)
            yield os.dup(connection.fileno())
        elif item["kind"] in ("unix", "abstract"):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.connect(item.get("path") or "\0" + item["name"])
            yield os.dup(connection.fileno())
        else:
            yield os.open(item["path"], os.O_RDONLY)


def claim_terminal():
    """Makes standard input the terminal of a new session, as a login does."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def refuse_tracers():
    """Lets nobody trace this process, or see what it has open: what it says is evidence."""
    import ctypes

    PR_SET_DUMPABLE = 4
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    if not spec["traceable"]:
        refuse_tracers()
    tell = teller(int(sys.argv[2]))
    if spec["terminal"]:
        claim_terminal()
    frontend_steps.patience *= spec["pace"]
    inherited = list(inherit(spec["inherit"], spec["pace"]))
    beside = []
    for entry in spec["builds"]:
        arguments = (entry, spec, inherited, tell)
        if entry["beside"]:
            thread = threading.Thread(target=build, args=arguments)
            thread.start()
            beside.append(thread)
        else:
            build(*arguments)
    for thread in beside:
        thread.join()
    tell(event="done")


main()
