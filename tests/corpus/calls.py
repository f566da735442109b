"""Calls the hooks of one package without and with `bulkhead hook`, in turns, and compares.

    calls.py ORDER

ORDER is a JSON object on standard input; a result is printed as one. It runs as the account whose
builds are tried, without a network, and needs nothing but what provide.py has prepared.
"""

import json
import os
import pwd
import resource
import shutil
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import products  # noqa: E402

HOOKS = (
    "get_requires_for_build_wheel", "prepare_metadata_for_build_wheel", "build_wheel",
    "get_requires_for_build_sdist", "build_sdist",
    "get_requires_for_build_editable", "prepare_metadata_for_build_editable", "build_editable",
)
# In the order of how much they say.
SEVERITY = ("equal", "fails in both", "fails without only", "differs", "fails", "refused")
# bulkhead's own ends: an output refused, nothing run.
REFUSED = (123, 125)
# What bulkhead says in any case, or where it knows of nothing.
NOTHING = ("namespaced plan;", "the build was refused nothing")
# A quick wheel is built again, so that its time is known better: so often, and for so many seconds.
ROUNDS, PATIENCE = 3, 3


class Ended(Exception):
    """A call that did not end with 0."""

    def __init__(self, status, output):
        super().__init__(status)
        self.status, self.output = status, output


def timed(command, cwd, variables):
    """Runs a command to its end; what it said, and the processor time of all its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=cwd, env=variables, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def launch(order):
    """What a launch takes by itself, of a program that does nothing, in an empty directory."""
    empty = Path(order["work"], "empty")
    empty.mkdir(exist_ok=True)
    bare, alone = ["/bin/true"], [order["bulkhead"], "run", "--quiet", "--", "/bin/true"]
    spent = [timed(command, empty, order["variables"])[1] for command in (bare, alone)]
    return spent[1] - spent[0]


class Call:
    """One call of one hook: what it returned, made, said and took."""

    def __init__(self, order, hook, isolated):
        self.order, self.hook, self.isolated = order, hook, isolated
        self.status, self.output, self.spent, self.answer = 0, "", 0.0, None
        self.work = Path(order["work"])
        self.tree = self.work / "build" / Path(order["tree"]).name
        self.out = self.work / "out"
        self.offered = True

    def run(self, options=(), variables=None):
        from pyproject_hooks import BuildBackendHookCaller, HookMissing

        shutil.rmtree(self.tree.parent, ignore_errors=True)
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.copytree(self.order["tree"], self.tree, symlinks=True)
        self.out.mkdir()
        self.options, self.variables = options, {**self.order["variables"], **(variables or {})}
        hooks = BuildBackendHookCaller(
            self.tree, self.order["backend"], self.order["path"], runner=self.start,
            python_executable=f"{self.order['environment']}/bin/python")
        arguments = [] if self.hook.startswith("get_requires") else [self.out]
        more = {"_allow_fallback": False} if self.hook.startswith("prepare") else {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.answer = getattr(hooks, self.hook)(*arguments, **more)
        except HookMissing:
            self.offered = False
        except Ended as ended:
            self.status = ended.status
        self.products = products.read(self.out, self.answer if self.status == 0 else None)
        if self.hook == "build_editable":
            self.products |= products.tree(self.tree)
        self.products["answer"] = repr(self.answer)
        return self

    def start(self, command, cwd=None, extra_environ=None):
        if self.isolated:
            own = ["--in-place"] if self.hook == "build_editable" else []
            expected = f"{self.order['name']}=={self.order['version']}"
            command = [self.order["bulkhead"], "hook", *own, *self.options, "--expect", expected,
                       "--", *command]
        variables = {**self.variables, **(extra_environ or {})}
        done, self.spent = timed(command, cwd, variables)
        self.output = done.stdout
        if done.returncode != 0:
            raise Ended(done.returncode, done.stdout)

    def said(self):
        """What bulkhead said itself, without the paths of this machine."""
        lines = [line for line in self.output.splitlines() if line.startswith("bulkhead: ")]
        return [plain(line.removeprefix("bulkhead: "), self.order) for line in lines]


def note_of(note):
    """A note of an outcome, as a line."""
    return f"note `{note['kind']}` of {note['member']}"


def plain(text, order):
    """The text without the paths of this machine."""
    for key, word in (("environment", "ENVIRONMENT"), ("work", "WORK"), ("home", "HOME")):
        text = text.replace(order[key], word)
    # So do they name the caller, where the build's files are its own.
    try:
        caller = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        caller = str(os.getuid())
    return text.replace(f"({caller}:{caller} without", "(the caller's without")


def judge(order, hook):
    """One hook, called in turns: how the calls compare, and what they took."""
    started, spent, launches = time.monotonic(), ([], []), []
    rounds = order["rounds"] if hook == "build_wheel" else 1
    for number in range(rounds):
        # Who comes first finds the files colder, so the first is another one each time.
        turns = (False, True) if (number + len(order["name"])) % 2 else (True, False)
        calls = {isolated: Call(order, hook, isolated).run() for isolated in turns}
        without, inside = calls[False], calls[True]
        if not without.offered:
            return {"result": "not offered"}
        for took, call in zip(spent, (without, inside)):
            took.append(call.spent)
        if hook == "build_wheel":
            launches.append(launch(order))
        if number == 0:
            found = compared(order, hook, without, inside)
        if found["result"] not in ("equal", "differs") or time.monotonic() - started > PATIENCE:
            break
    if found["result"] in ("equal", "differs"):
        taken = [*spent, launches] if launches else spent
        found["cpu"] = [round(statistics.median(took), 3) for took in taken]
    return found


def compared(order, hook, without, inside):
    if without.status != 0:
        both = "fails in both" if inside.status != 0 else "fails without only"
        return {"result": both, "why": [plain(last_line(without.output), order)]}
    if inside.status in REFUSED:
        return {"result": "refused", "why": inside.said()[-1:], "told": True}
    if inside.status != 0:
        return {"result": "fails", "why": [plain(last_line(inside.output), order)], **told(order, hook)}
    differing = products.differences(without.products, inside.products)
    if not differing:
        return {"result": "equal"}
    # What two builds without it do not agree on either says nothing about it; they are made in
    # different seconds, for many write down the time.
    time.sleep(1.1)
    again = Call(order, hook, False).run()
    unsteady = products.differences(without.products, again.products)
    own = [one for one in differing if one not in unsteady]
    # Names of a directory come in an order that its file system has, and some back ends keep it.
    if any(one == "answer" or one[2] == "content" for one in own):
        memory = Call(order, hook, False).run(variables={"TMPDIR": "/dev/shm"})
        own = [one for one in own if memory.products.get(one) != inside.products.get(one)]
    if not own:
        return {"result": "equal", "unsteady": products.summary(differing)}
    why = products.summary(own, without.products, inside.products)
    return {"result": "differs", "why": [plain(line, order) for line in why], **told(order, hook)}


def told(order, hook):
    """What bulkhead says of a build that differs, asked why."""
    outcome = Path(order["work"], "outcome.json")
    call = Call(order, hook, True).run(options=["--why", "--outcome", str(outcome)])
    notes = json.loads(outcome.read_text()).get("notes", []) if outcome.exists() else []
    outcome.unlink(missing_ok=True)
    lines = [line for line in call.said() if not line.startswith(NOTHING)]
    return {"told": [*lines, *(note_of(note) for note in notes)]}


def last_line(output):
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("bulkhead:")]
    return lines[-1].strip() if lines else ""


def missing(order):
    """The first thing that the entry needs and this account does not have."""
    path = order["variables"]["PATH"]
    for need in order["needs"]:
        if need.endswith(".pc"):
            command = ["pkg-config", "--exists", need.removesuffix(".pc")]
        elif need.endswith(".h"):
            command = ["sh", "-c", f"echo '#include <{need}>' | cc -E - >/dev/null 2>&1"]
        elif shutil.which(need, path=path):
            continue
        else:
            return need
        if subprocess.run(command, env=order["variables"]).returncode != 0:
            return need
    return None


def order(work, bulkhead, entry, ready, tools=(), variables=None, rounds=ROUNDS):
    """All that the calls of one entry depend on; what they write goes below `work`."""
    path = [f"{ready['environment']}/bin", *tools, "/usr/local/bin", "/usr/bin", "/bin"]
    home = work / "home"
    given = {"PATH": ":".join(path), "HOME": str(home), "LANG": "C.UTF-8",
             "SOURCE_DATE_EPOCH": "1700000000", **(variables or {}), **entry.get("variables", {})}
    return {"name": entry["name"], "version": entry["version"], "needs": entry.get("needs", []),
            "work": str(work), "home": str(home), "bulkhead": str(bulkhead), "variables": given,
            "rounds": rounds, **ready}


def result(order):
    """What became of one entry."""
    for name in ("home", "work"):
        Path(order[name]).mkdir(parents=True, exist_ok=True)
    os.chdir(order["work"])
    if need := missing(order):
        return {"result": "skipped", "why": [f"{need} is not here"]}
    hooks = {hook: judge(order, hook) for hook in HOOKS}
    # What fails without it as well says nothing of it, but of a wheel there must be one.
    words = {found["result"] for hook, found in hooks.items()
             if hook == "build_wheel" or found["result"] != "fails in both"}
    worst = max(words & set(SEVERITY), key=SEVERITY.index)
    for place in ("build", "out"):
        shutil.rmtree(Path(order["work"], place), ignore_errors=True)
    return {"result": worst, "hooks": hooks}


if __name__ == "__main__":
    print(json.dumps(result(json.load(sys.stdin))))
