"""Builds the packages of the corpus without and with `bulkhead hook`, and writes a report.

    run.py BULKHEAD [--update] [--account root|user …] [NAME …]

Fetches and prepares everything first; builds have no need of a network. As root it builds as root
and as an ordinary user, else as who has called it. Without --update the report is printed only. With
names only these are built, and with --update the rest of the report stays as it is.
"""

import argparse
import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import calls  # noqa: E402
import listed  # noqa: E402
import provide  # noqa: E402
import report  # noqa: E402

TOP = HERE.parent.parent
# An uid that need not have an account.
ORDINARY = int(os.environ.get("CORPUS_UID", "1000"))
# A build is ended after so many seconds, without and with.
PATIENCE = 1800


def arguments():
    parser = argparse.ArgumentParser(description="the corpus")
    parser.add_argument("bulkhead", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--account", action="append", choices=["root", "user"])
    parser.add_argument("--update", action="store_true", help="write the report below reports/")
    parser.add_argument("--again", action="store_true", help="only what has no result yet")
    parser.add_argument("--work", type=Path, default=TOP / "target/corpus",
                        help="where sources and environments are prepared, and kept")
    parser.add_argument("--builds", type=Path, default=Path("/var/tmp/bulkhead-corpus"),
                        help="where builds work; in no repository, for back ends look for one")
    given = parser.parse_intermixed_args()
    given.work.mkdir(parents=True, exist_ok=True)
    given.work = given.work.resolve()
    given.builds = given.builds.resolve()
    given.bulkhead = given.bulkhead.resolve(strict=True)
    own = ["root", "user"] if os.geteuid() == 0 else ["user"]
    given.account = [name for name in given.account or own if name in own]
    return given


def order(given, account, entry, ready):
    """What calls.py is told."""
    tools = [str(Path(found).parent) for need in entry.get("needs", []) if need == "cargo"
             if (found := tool(need, account))]
    variables = {}
    if tools and os.geteuid() == 0 and account == "root":
        # The tool chains of rustup are found through the home, which is another one here.
        for name in ("rustup", "cargo"):
            key = f"{name.upper()}_HOME"
            variables[key] = os.environ.get(key, str(Path.home() / f".{name}"))
    return calls.order(given.builds / account, given.bulkhead, entry, ready, tools, variables)


def tool(name, account):
    """A program of PATH that the account can start."""
    for folder in os.environ["PATH"].split(os.pathsep):
        path = Path(folder, name)
        if os.geteuid() == 0 and account == "user":
            asked = subprocess.run([path, "--version"], user=ORDINARY, group=ORDINARY,
                                   extra_groups=[], capture_output=True, env={"HOME": "/"}) \
                if readable(path) else None
            if asked is not None and asked.returncode == 0:
                return path
        elif os.access(path, os.X_OK):
            return path
    return None


def readable(path):
    """Whether somebody else may reach and start the program."""
    path = path.resolve()
    return path.is_file() and all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


def built(given, account, frontend, entry, ready):
    """The result of one entry for one account."""
    work = given.builds / account
    work.mkdir(parents=True, exist_ok=True)
    who = {}
    if os.geteuid() == 0 and account == "user":
        os.chown(work, ORDINARY, ORDINARY)
        who = {"user": ORDINARY, "group": ORDINARY, "extra_groups": []}
    try:
        answer = subprocess.run([frontend, HERE / "calls.py"], text=True, timeout=PATIENCE,
                                input=json.dumps(order(given, account, entry, ready)),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **who)
    except subprocess.TimeoutExpired:
        return {"result": "skipped", "why": [f"it took more than {PATIENCE} s"]}
    if answer.returncode != 0:
        raise SystemExit(f"{entry['name']}: {answer.stderr}")
    return json.loads(answer.stdout)


def machine(given):
    """What the figures depend on."""
    def first(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        return (done.stdout or done.stderr).strip().splitlines()[0]

    names = dict(line.rstrip().replace('"', "").split("=", 1)
                 for line in open("/etc/os-release") if "=" in line)
    return {
        "system": names.get("PRETTY_NAME", "unknown"),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "python": first(provide.PYTHON, "--version").removeprefix("Python "),
        "cc": first("cc", "--version"),
        "cargo": first("cargo", "--version").split(" (")[0] if shutil.which("cargo") else "none",
        "bulkhead": first(given.bulkhead, "--version"),
    }


def main():
    given = arguments()
    entries = listed.packages()
    if given.names:
        known = {one["name"]: one for one in entries}
        if strange := [name for name in given.names if name not in known]:
            sys.exit(f"no packages of the corpus: {', '.join(strange)}")
        entries = [known[name] for name in given.names]
    frontend, digests = provide.frontend(given.work), listed.digests()

    def prepare(entry):
        try:
            return entry["name"], provide.prepared(frontend, given.work, entry, digests)
        except provide.Skipped as reason:
            return entry["name"], {"result": "skipped", "why": [str(reason)]}

    # Two calls of this program may share what is prepared, and must not prepare it both.
    with open(given.work / "prepare.lock", "w") as lock, ThreadPoolExecutor(4) as several:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = dict(several.map(prepare, entries))
    found = report.committed() if given.names or given.again else {}
    for account in given.account:
        results = given.work / f"results-{account}"
        results.mkdir(exist_ok=True)
        for number, entry in enumerate(entries, 1):
            kept = results / f"{entry['name']}.json"
            result = ready[entry["name"]]
            if given.again and kept.exists():
                result = json.loads(kept.read_text())
            elif "result" not in result:
                result = built(given, account, frontend, entry, result)
            kept.write_text(json.dumps(result))
            print(f"{account} {number}/{len(entries)} {entry['name']}: {result['result']}"
                  f"{report.reasons(result)}", flush=True)
            found.setdefault(entry["name"], {})[account] = result
    text, page = report.written(listed.packages(), found, machine(given))
    if given.update:
        (TOP / "reports/corpus.json").write_text(text)
        (TOP / "reports/corpus.md").write_text(page)
    else:
        print(page)
    sys.exit(1 if report.untold(found) else 0)


if __name__ == "__main__":
    main()
