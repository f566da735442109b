"""The private copy of the sources: kept between calls, changed by one mutant at a time, built, asked.

The checkout is only read. Whatever ends this program, what is changed lies below target/mutants.
"""

import fcntl
import hashlib
import os
import shlex
import signal
import subprocess
from pathlib import Path

import listed

# What builds fast and is built again fast.
SETTINGS = {
    "CARGO_INCREMENTAL": "1",
    "CARGO_PROFILE_DEV_DEBUG": "0",
    "CARGO_PROFILE_TEST_DEBUG": "0",
    "CARGO_TERM_COLOR": "never",
    "INSTA_UPDATE": "no",
    "REQUIRE_ISOLATION": "1",
}
# Where all of it lies, from the top folder.
PLACE = Path("target/mutants")
# One question takes no longer than this, in seconds.
PATIENCE = 900
# What `harness run` ends with if something is not as expected, or nothing can be expected any more.
UNEXPECTED = {10, 11, 12, 13, 21, 22, 70}
# Of these a busy machine can be the cause, so that they are asked about twice.
DOUBTFUL = {12, 21, 22, 70}
# Who is asked with the program.
TRIED = {"read-back", "catalogue", "ablation"}
# What `bulkhead` ends with if a launch was given up.
GIVEN_UP = 125


class Broken(Exception):
    """The unchanged sources do not pass what a mutant is to be held against."""


class Workshop:
    """The copy, with its own target directory."""

    def __init__(self, top, place):
        self.top, self.place = top, place
        self.tree, self.build = place / "tree", place / "build"
        self.out, self.log = place / "out", place / "log"
        for folder in (self.tree, self.build, self.out, self.log):
            folder.mkdir(parents=True, exist_ok=True)
        self.lock = open(place / "lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.child = None
        self.changed = None
        self.ids = listed.attacks(top)

    def synchronise(self):
        """Makes the copy what the checkout is; what is the same keeps its time."""
        names = self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        wanted = {name for name in names.split("\0") if name and (self.top / name).exists()}
        have = {str(path.relative_to(self.tree)) for path in self.tree.rglob("*")
                if path.is_file() or path.is_symlink()}
        for name in have - wanted:
            if "__pycache__" not in name:
                (self.tree / name).unlink()
        for name in sorted(wanted):
            self._copy(self.top / name, self.tree / name)

    def _git(self, *words):
        return subprocess.run(["git", "-C", self.top, *words], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    @staticmethod
    def _copy(source, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            if not target.is_symlink() or os.readlink(target) != os.readlink(source):
                target.unlink(missing_ok=True)
                target.symlink_to(os.readlink(source))
            return
        text = source.read_bytes()
        if not target.is_file() or target.read_bytes() != text:
            target.write_bytes(text)
        target.chmod(source.stat().st_mode & 0o777)

    def change(self, mutant):
        """Puts the defect into the copy."""
        path = self.tree / mutant.file
        text = path.read_text()
        if text.count(mutant.old) != 1:
            raise SystemExit(f"{mutant.name}: its old text is {text.count(mutant.old)} times in "
                             f"{mutant.file}")
        self.changed = (path, text)
        path.write_text(text.replace(mutant.old, mutant.new))

    def restore(self):
        """Takes it out again."""
        if self.changed:
            path, text = self.changed
            path.write_text(text)
            self.changed = None

    def leave(self):
        """Ends what was started and takes the defect out, however this program ends."""
        if self.child and self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGTERM)
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.child.pid, signal.SIGKILL)
                self.child.wait()
        self.restore()

    def run(self, name, command, patience=PATIENCE, **variables):
        """Runs a command in the copy; gives its status, or None where it took too long."""
        environment = os.environ | SETTINGS | {"CARGO_TARGET_DIR": str(self.build)} | variables
        with open(self.log / f"{name}.log", "ab") as log:
            log.write(f"\n$ {shlex.join(map(str, command))}\n".encode())
            log.flush()
            self.child = subprocess.Popen(command, cwd=self.tree, env=environment,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          start_new_session=True)
        try:
            return self.child.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()
            return None

    def builds(self, name, suite=None):
        """Whether the compiler takes it: the program, or the tests of a suite."""
        if suite is None:
            return self.run(name, ["cargo", "build", "-q", "-p", "harness", "--bin", "harness"]) == 0
        return self.run(name, [*cargo_test(suite), "--no-run"]) == 0

    def launches(self, name):
        """Whether a launch of nothing is not given up."""
        bulkhead = self.place / "bulkhead"
        bulkhead.unlink(missing_ok=True)
        bulkhead.symlink_to(self.build / "debug/harness")
        command = [bulkhead, "run", "--quiet", "--timeout", "60s", "--", "/bin/true"]
        return self.run(name, command, 120) != GIVEN_UP

    def catalogue(self, name, patterns, level, host):
        """How a run of these attacks ends."""
        command = [self.build / "debug/harness", "run", "-t", f"own@{level}", "--host", host,
                   "-E", listed.expression(patterns, self.ids), "--out", self.out]
        # On other hosts than root's some honest build cannot be tried at all.
        return self.run(name, command, REQUIRE_ISOLATION="1" if host == "root" else "0")

    def ablation(self, name, patterns):
        """How it ends to measure the layers against these attacks, held against the report."""
        command = [self.build / "debug/harness", "ablate", "--check", "--out", self.out,
                   "-E", listed.expression(patterns, self.ids)]
        return self.run(name, command)

    def tests(self, name, suite, parts):
        """How the tests of a suite whose names have one of these parts end."""
        return self.run(name, [*cargo_test(suite), "--", *parts])


def cargo_test(suite):
    package, _, target = suite.partition("/")
    what = ["--lib"] if target == "lib" else ["--test", target]
    return ["cargo", "test", "-q", "-p", package, *what]


def suites(mutant):
    """The tests to ask, by suite, units first."""
    found = {}
    for wish in mutant.tests:
        suite, _, part = wish.partition(" ")
        found.setdefault(suite, []).append(part)
    return dict(sorted(found.items(), key=lambda item: not item[0].endswith("/lib")))


def kind(suite):
    """What the report calls a suite."""
    if suite.endswith("/lib"):
        return "unit"
    return "confinement" if suite.startswith("sandbox/") else "program"


def asked(mutant):
    """Everybody whom its entry asks; that it launches at all is asked with the attacks."""
    found = {kind(suite) for suite in suites(mutant)}
    if mutant.attacks:
        found |= {"read-back", "catalogue"}
    return found | {"read-back", "ablation"} if mutant.ablate else found


def baseline(shop, chosen, asked):
    """Asks the unchanged sources all that the mutants are asked; refuses to go on if they fail.

    Each suite is asked once about all names, and the catalogue once for each level and host.
    """
    if asked & TRIED and any(one.attacks or one.ablate for one in chosen):
        if not shop.builds("unchanged"):
            raise Broken("the unchanged sources do not build")
        if "read-back" in asked and not shop.launches("unchanged"):
            raise Broken("the unchanged program launches nothing here")
    runs, ablated, tests = {}, set(), {}
    for one in chosen:
        if one.attacks:
            runs.setdefault((one.level, one.host), set()).update(one.attacks)
        ablated.update(one.ablate)
        for suite, parts in suites(one).items():
            if kind(suite) in asked:
                tests.setdefault(suite, set()).update(parts)
    for suite, parts in sorted(tests.items()):
        if shop.tests("unchanged", suite, sorted(parts)) != 0:
            raise Broken(f"the unchanged sources fail tests of {suite}: {sorted(parts)}")
    if "catalogue" in asked:
        for (level, host), patterns in sorted(runs.items()):
            status = shop.catalogue("unchanged", sorted(patterns), level, host)
            if status != 0:
                raise Broken(f"the unchanged program ends with {status} at {level} on {host}")
    if "ablation" in asked and ablated:
        status = shop.ablation("unchanged", sorted(ablated))
        if status != 0:
            raise Broken(f"the unchanged program ends with {status} when it is ablated")


def examine(shop, mutant, asked, at_first):
    """Asks in order who notices the mutant; a list of pairs of who and whether."""
    answers = []
    name = mutant.name.replace("/", "-")
    (shop.log / f"{name}.log").unlink(missing_ok=True)

    def told(who, noticed):
        answers.append((who, noticed))
        return noticed and at_first

    def catalogue(question):
        status = question()
        return status if status not in DOUBTFUL else question()

    programs = [suite for suite in suites(mutant) if kind(suite) in asked]
    shop.change(mutant)
    try:
        if asked & TRIED and (mutant.attacks or mutant.ablate):
            if not shop.builds(name):
                return [("compiler", True)]
            if "read-back" in asked and told("read-back", not shop.launches(name)):
                return answers
            if "catalogue" in asked and mutant.attacks:
                status = catalogue(lambda: shop.catalogue(name, mutant.attacks, mutant.level,
                                                          mutant.host))
                if told("catalogue", status is None or status in UNEXPECTED):
                    return answers
            if "ablation" in asked and mutant.ablate:
                status = catalogue(lambda: shop.ablation(name, mutant.ablate))
                if told("ablation", status is None or status in UNEXPECTED):
                    return answers
        for suite in programs:
            if not shop.builds(name, suite):
                told("compiler", True)
                return answers
            status = shop.tests(name, suite, suites(mutant)[suite])
            if told(kind(suite), status != 0):
                return answers
        return answers
    finally:
        shop.restore()


def digest(top, mutant):
    """What the result depends on: the file with the defect, but for tests at its end, and who is asked."""
    text = (top / mutant.file).read_text().replace(mutant.old, mutant.new)
    text = text.partition("\n#[cfg(test)]\n")[0]
    asked = repr((mutant.attacks, mutant.ablate, mutant.level, mutant.host, mutant.tests))
    return hashlib.sha256((text + "\0" + asked).encode()).hexdigest()[:12]
