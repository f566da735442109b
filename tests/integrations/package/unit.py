"""The Python package `bulkhead`, as far as it can be tried without an installation or a network.

    unit.py BULKHEAD [ARGUMENTS-OF-UNITTEST...]

What needs isolation is skipped where it is not to be had, and fails with REQUIRE_ISOLATION=1.
"""

import itertools
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "sandbox/python"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import bulkhead  # noqa: E402
from bulkhead import Isolation, Step, _fromager_release, fromager, isolation  # noqa: E402
from demo import BACKEND, demo, hooks_of  # noqa: E402

BULKHEAD = str(Path(sys.argv.pop(1)).resolve()) if len(sys.argv) > 1 else ""
STATES = list(itertools.product([True, False], repeat=2))
HOOK = ["/env/bin/python", "/x/pyproject_hooks/_in_process/_in_process.py", "build_wheel", "/c"]


def rows(document, header):
    """The cells of each row of the table of a document that begins with the line `header`."""
    text = (TOP / document).read_text()
    _, _, rest = text.partition(header + "\n")
    lines = itertools.takewhile(lambda line: line.startswith("|"), rest.splitlines())
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][1:]


class Table(unittest.TestCase):
    """One function computes what the two switches mean together, and the documents agree with it."""

    def test_each_row(self):
        wanted = {
            (True, True): ("FULL", "NETWORK"),
            (True, False): ("FULL", "NONE"),
            (False, True): ("NETWORK", "NETWORK"),
            (False, False): ("NONE", "NONE"),
        }
        for (build, network), (hook, other) in wanted.items():
            for step in Step:
                with self.subTest(build=build, network=network, step=step.value):
                    expected = hook if step is Step.HOOK else other
                    found = isolation(build=build, network=network, step=step)
                    self.assertIs(found, Isolation[expected])

    def test_no_switch_ever_weakens_a_step(self):
        for step, other in itertools.product(Step, [True, False]):
            with self.subTest(step=step.value, other=other):
                self.assertGreaterEqual(isolation(build=True, network=other, step=step),
                                        isolation(build=False, network=other, step=step))
                self.assertGreaterEqual(isolation(build=other, network=True, step=step),
                                        isolation(build=other, network=False, step=step))

    def test_the_readme(self):
        head = "| build isolation | network isolation | a hook call | any other step |"
        found = rows("README.md", head)
        expected = []
        for build, network in STATES:
            switches = ["on" if it else "off" for it in (build, network)]
            levels = [isolation(build=build, network=network, step=step).word
                      for step in (Step.HOOK, Step.OTHER_COMMAND)]
            expected.append(switches + levels)
        self.assertEqual(found, expected)

    def test_the_page_on_combinations(self):
        found = rows("docs/combinations.md",
                     "| build isolation | network isolation | step | isolated |")
        expected = []
        for step in Step:
            for build, network in reversed(STATES):
                words = [f"`--{'' if on else 'no-'}{name}-isolation`"
                         for on, name in ((build, "build"), (network, "network"))]
                level = isolation(build=build, network=network, step=step).word
                expected.append([*words, step.value, level])
        self.assertEqual(found, expected)

    def test_the_page_on_architecture(self):
        found = rows("docs/architecture.md",
                     "| step | build isolation | network isolation | in front of the step |")
        kinds = {"hook call": (Step.HOOK, "hook"),
                 "any other, among them the making of a virtual environment":
                     (Step.OTHER_COMMAND, "run"),
                 "any other": (Step.VIRTUAL_ENVIRONMENT, "run")}
        fronts = {}
        for name, build, network, front in found:
            step, verb = kinds[name]
            level = isolation(build=build == "on", network=network == "on", step=step)
            expected = {Isolation.NONE: "nothing",
                        Isolation.NETWORK: f"`bulkhead {verb} --level network --`",
                        Isolation.FULL: f"`bulkhead {verb} --`"}[level]
            self.assertEqual(front, expected, (name, build, network))
            fronts[verb, build, network] = front
        self.assertEqual(len(fronts), 8)


class Steps(unittest.TestCase):
    """The kind of a step is told from its command."""

    def test_each_kind(self):
        kinds = {
            Step.HOOK: [HOOK, [Path(HOOK[0]), os.fsencode(HOOK[1]), "build_sdist", Path("/c")]],
            Step.VIRTUAL_ENVIRONMENT: [
                ["uv", "venv", "/x"], ["/env/bin/uv", "pip", "install", "x"],
                ["python3", "-m", "venv", "/x"], ["virtualenv", "/x"],
            ],
            Step.OTHER_COMMAND: [
                ["make"], ["wheel", "pack", "x"], ["uv", "build"], ["cat", "_in_process.py"],
                ["python3", "-c", "print()"], ["python3", "x_in_process.py", "build_wheel", "c"],
            ],
        }
        for step, commands in kinds.items():
            for command in commands:
                with self.subTest(command=command):
                    self.assertIs(bulkhead.step_of(command), step)


class Program(unittest.TestCase):
    """The program is the one of the wheel, or one that is named by its path; never one of PATH."""

    def test_without_a_wheel_there_is_none(self):
        with tempfile.TemporaryDirectory() as work:
            shim = Path(work, "bulkhead")
            shim.write_text("#!/bin/sh\n")
            shim.chmod(0o755)
            environment = {**os.environ, "PATH": f"{work}:{os.environ['PATH']}",
                           "PYTHONPATH": str(TOP / "sandbox/python")}
            done = subprocess.run([sys.executable, "-S", "-m", "bulkhead", "--version"],
                                  env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 125, done)
        self.assertIn("pip install --force-reinstall", done.stderr)

    def test_a_name_without_a_path_is_refused(self):
        for name in ("bulkhead", "/nowhere/bulkhead", "/etc/passwd", ""):
            with self.subTest(name=name), self.assertRaises(bulkhead.ProgramNotFound):
                bulkhead.runner(program=name)

    def test_a_relative_path_stays_the_same_file(self):
        with tempfile.TemporaryDirectory() as work:
            Path(work, "b").write_text("#!/bin/sh\n")
            Path(work, "b").chmod(0o755)
            before = os.getcwd()
            os.chdir(work)
            try:
                made = bulkhead.runner(program="./b")
            finally:
                os.chdir(before)
            self.assertEqual(made.program, os.path.join(os.path.realpath(work), "b"))


class Composed(unittest.TestCase):
    """What stands in front of a command, seen by a program that writes down its arguments."""

    def setUp(self):
        self.work = Path(tempfile.mkdtemp())
        self.addCleanup(subprocess.run, ["rm", "-rf", self.work], check=True)
        self.program = self.work / "program"
        self.status("0")
        self.tree = self.work / "work-dir/My_Demo-1.0/my_demo-1.0"
        self.tree.mkdir(parents=True)
        self.call = {"ctx": None, "req": SimpleNamespace(name="my-demo"),
                     "sdist_root_dir": self.tree}

    def status(self, status):
        self.program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {self.work}/seen\n'
                                f'pwd >> {self.work}/seen\necho said; exit {status}\n')
        self.program.chmod(0o755)

    def seen(self):
        return (self.work / "seen").read_text().splitlines()

    def hooks(self, **options):
        return fromager.Hooks(program=self.program, **options)

    def test_a_runner(self):
        run = bulkhead.runner("x==1", options=["--timeout", "1m"], program=self.program, quiet=True)
        run(HOOK, cwd=str(self.work), extra_environ={"A": "b"})
        self.assertEqual(self.seen(), ["hook", "--expect", "x==1", "--timeout", "1m", "--", *HOOK,
                                       str(self.work)])
        self.status("7")
        with self.assertRaises(subprocess.CalledProcessError) as failed:
            run(HOOK)
        self.assertEqual((failed.exception.returncode, failed.exception.output), (7, b"said\n"))

    def test_a_hook_call_is_told_what_is_built_and_what_was_set_for_it(self):
        env = {**os.environ, "MAX_JOBS": "2", "HOME": "/elsewhere", "PATH": "/bin", "STAR*": "x"}
        for method in ("run_sandboxed", "run_unconfined"):
            done = getattr(self.hooks(options=["--memory=1G"]), method)(
                HOOK, env=env, stdout=subprocess.PIPE, text=True, cwd=self.work, **self.call)
            self.assertEqual((done.returncode, done.stdout, done.args), (0, "said\n", HOOK))
            self.assertEqual(self.seen(), ["hook", "--memory=1G", "--expect=my-demo==1.0",
                                           "--env=MAX_JOBS", "--", *HOOK, str(self.work)])

    def test_a_package_within_its_tree_may_read_the_rest_of_it(self):
        for inside, grants in ((False, []), (True, [f"--ro={self.tree}"])):
            place = self.tree / "python" if inside else self.tree
            place.mkdir(exist_ok=True)
            self.hooks().run_sandboxed(HOOK, cwd=place, stdout=subprocess.DEVNULL, **self.call)
            self.assertEqual(self.seen(), ["hook", "--expect=my-demo==1.0", *grants, "--", *HOOK,
                                           str(place)])

    def test_a_status_is_given_and_not_raised(self):
        self.status("123")
        done = self.hooks().run_sandboxed(HOOK, stdout=subprocess.DEVNULL, **self.call)
        self.assertEqual(done.returncode, 123)

    def test_a_tree_of_another_name_leaves_the_version_open(self):
        self.assertEqual(fromager.release("a.b", Path("/w/A_B-1.0+cpu")), "a.b==1.0+cpu")
        self.assertEqual(fromager.release("a.b", Path("/w/c-1.0")), "a.b")

    def test_making_an_environment_has_no_network_when_sandboxed(self):
        command = ["uv", "venv", "x"]
        self.hooks().run_sandboxed(command, stdout=subprocess.DEVNULL, **self.call)
        self.assertEqual(self.seen()[:-1], ["run", "--level", "network", "--", *command])

    def test_another_command_writes_to_its_tree_and_to_dist_alone(self):
        parent = self.tree.parent
        for dist in (False, True):
            if dist:
                (parent / "dist").mkdir()
            self.hooks().run_sandboxed(["make"], stdout=subprocess.DEVNULL, **self.call)
            grants = [f"--rw={self.tree}", *[f"--rw={parent / 'dist'}"] * dist, f"--ro={parent}"]
            self.assertEqual(self.seen(), ["run", *grants, "--", "make", str(self.tree)])

    def test_an_unconfined_command_is_as_it_is(self):
        done = self.hooks().run_unconfined(["/bin/sh", "-c", "cat; exit 3"], text=True, env={},
                                           stdin=subprocess.DEVNULL, **self.call)
        self.assertEqual((done.returncode, (self.work / "seen").exists()), (3, False))

    def test_standard_input_is_refused_and_not_lost(self):
        with open(os.devnull) as file, self.assertRaisesRegex(ValueError, "standard input"):
            self.hooks().run_sandboxed(HOOK, stdin=file, **self.call)

    def test_a_time_limit_is_that_of_subprocess(self):
        self.program.write_text("#!/bin/sh\nexec sleep 60\n")
        with self.assertRaises(subprocess.TimeoutExpired):
            self.hooks().run_sandboxed(HOOK, timeout=0.2, **self.call)

    def test_a_host_that_isolates_nothing_aborts_the_build(self):
        self.status("125")
        with self.assertRaisesRegex(fromager.SandboxUnavailable, "said"):
            self.hooks().setup_sandbox(**self.call)
        self.status("0")
        hooks = self.hooks()
        hooks.setup_sandbox(**self.call)
        self.assertEqual(self.seen()[:-1], ["doctor"])
        (self.work / "seen").unlink()
        hooks.setup_sandbox(**self.call)
        self.assertFalse((self.work / "seen").exists())

    def test_clearing_away_never_hides_how_a_build_ended(self):
        self.status("1")
        with self.assertLogs("bulkhead.fromager", "WARNING") as logged:
            self.hooks().teardown_sandbox(**self.call)
        self.assertEqual(self.seen()[:-1], ["gc"])
        self.assertIn("ended with 1: said", logged.output[0])

    def test_the_settings_of_fromager_can_name_the_hooks(self):
        page = (TOP / "docs/fromager.md").read_text()
        names = re.findall(r"^  (\w+): bulkhead\.fromager:(\w+)$", page, re.MULTILINE)
        self.assertEqual(len(names), 4)
        for setting, attribute in names:
            self.assertEqual(setting, attribute)
            self.assertTrue(callable(getattr(fromager, attribute)))


class Release(unittest.TestCase):
    """A released Fromager is told what it builds; one of another making is not started."""

    def test_what_is_built_is_told_from_the_directory(self):
        log = SimpleNamespace(requirement_ctxvar=SimpleNamespace(
            get=lambda: SimpleNamespace(name="a.b")))
        cases = {
            "/w/A_B-1.0/A_B-1.0": ("a.b==1.0", None),
            "/w/a.b-1.0/src": ("a.b==1.0", None),
            "/w/a.b-1.0/a_b-1.0/python/x": ("a.b==1.0", "/w/a.b-1.0/a_b-1.0"),
            "/w/other-1.0/other-1.0": ("a.b", None),
        }
        for place, (expected, tree) in cases.items():
            with self.subTest(place):
                found = _fromager_release._built(log, place)
                self.assertEqual(found, (expected, tree and Path(tree)))

    def start(self, work, module):
        package = Path(work, "fromager")
        package.mkdir()
        for name, text in {"__init__": "", "log": "", "external_commands": module,
                           "__main__": "def invoke_main(): print('started')\n"}.items():
            (package / f"{name}.py").write_text(text)
        environment = {**os.environ, "PYTHONPATH": f"{work}:{TOP / 'sandbox/python'}"}
        command = [sys.executable, "-m", "bulkhead.fromager", f"--program={sys.executable}"]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    def test_each(self):
        known = "def run(cmd, *, cwd=None, extra_environ=None, network_isolation=False): pass\n"
        cases = {
            "known": (known + "NETWORK_ISOLATION = []\n", 0, ""),
            "no wrapper": (known, 125, "has no NETWORK_ISOLATION"),
            "no function": ("def run(cmd): pass\nNETWORK_ISOLATION = []\n", 125, "extra_environ"),
            "held": (known + "NETWORK_ISOLATION = []\nimport sys\n"
                     "sys.modules['fromager.log'].mine = run\n", 125, "fromager.log holds"),
        }
        for name, (module, status, said) in cases.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as work:
                if name == "held":
                    module = "import fromager.log\n" + module
                done = self.start(work, module)
                self.assertEqual(done.returncode, status, done)
                self.assertIn(said, done.stderr)
                self.assertEqual("started" in done.stdout, status == 0)


class Isolated(unittest.TestCase):
    """The real program behind the hooks of Fromager, with a package that looks around."""

    def setUp(self):
        tried = BULKHEAD and subprocess.run([BULKHEAD, "run", "--", "/bin/true"], cwd="/usr/share/misc")
        if not tried or tried.returncode != 0:
            self.assertNotEqual(os.environ.get("REQUIRE_ISOLATION"), "1", "no isolation here")
            self.skipTest("isolation is not to be had here")
        self.work = Path(tempfile.mkdtemp()).resolve()
        self.addCleanup(subprocess.run, ["rm", "-rf", self.work], check=True)
        self.tree = demo(self.work / "work-dir/demo-1.0/demo-1.0")
        self.other = self.work / "work-dir/other-1.0/secret"
        self.other.parent.mkdir()
        self.other.write_text("another package's")
        (self.tree.parent / "dist").mkdir()
        self.hooks = fromager.Hooks(program=BULKHEAD, outcomes=self.work / "outcomes")
        self.call = {"ctx": None, "req": SimpleNamespace(name="demo"), "sdist_root_dir": self.tree,
                     "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}

    def build(self, method):
        """Builds the wheel of the package as Fromager would; gives what its build printed."""
        said = []

        def runner(cmd, cwd=None, extra_environ=None):
            done = method(cmd, cwd=cwd, env={**os.environ, **(extra_environ or {})}, **self.call)
            said.append(done.stdout)
            done.check_returncode()

        target = self.tree.parent / "dist"
        name = hooks_of(self.tree, runner).build_wheel(str(target))
        self.assertTrue((target / name).is_file())
        return "".join(said)

    def test_a_hook_sees_and_changes_nothing_but_its_own(self):
        self.hooks.setup_sandbox(**{name: self.call[name] for name in ("ctx", "req", "sdist_root_dir")})
        for method in (self.hooks.run_sandboxed, self.hooks.run_unconfined):
            with mock.patch.dict(os.environ, {"GITHUB_TOKEN": "canary", "LOOK_AT": str(self.other)}):
                said = self.build(method)
            self.assertNotIn("canary", said)
            self.assertNotIn("another package's", said)
            self.assertIn("looked", said)
            # The back end has tried to lead the log of the front end elsewhere.
            self.assertEqual(sorted(path.name for path in self.tree.parent.iterdir()),
                             ["demo-1.0", "dist"])
        outcomes = sorted((self.work / "outcomes").iterdir())
        self.assertEqual(len(outcomes), 2)
        self.assertIn('"level": "full"', outcomes[0].read_text().replace('":"', '": "'))

    def test_the_package_would_see_and_change_them(self):
        """The control: without the sandbox the same back end gets what the test above denies it."""
        def plain(cmd, **options):
            options = {name: value for name, value in options.items()
                       if name not in ("ctx", "req", "sdist_root_dir")}
            return subprocess.run(cmd, **options)

        with mock.patch.dict(os.environ, {"GITHUB_TOKEN": "canary", "LOOK_AT": str(self.other)}):
            said = self.build(plain)
        self.assertIn("canary", said)
        self.assertIn("another package's", said)
        self.assertTrue((self.tree.parent / "build.log").is_symlink())

    def test_a_wheel_of_another_version_is_refused(self):
        text = BACKEND.replace('VERSION = "1.0"', 'VERSION = "2.0"')
        (self.tree / "backend.py").write_text(text)
        with self.assertRaises(subprocess.CalledProcessError) as failed:
            self.build(self.hooks.run_sandboxed)
        self.assertEqual(failed.exception.returncode, 123)
        self.assertEqual(list((self.tree.parent / "dist").iterdir()), [])

    def test_another_command_is_confined_too(self):
        script = ("cat ../../other-1.0/secret; touch ../build.log; echo made > ../dist/a.whl; "
                  "touch here; echo done")
        done = self.hooks.run_sandboxed(["/bin/sh", "-c", script], **self.call)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("done", done.stdout)
        self.assertNotIn("another package's", done.stdout)
        self.assertFalse((self.tree.parent / "build.log").exists())
        self.assertTrue((self.tree / "here").exists())
        self.assertEqual((self.tree.parent / "dist/a.whl").read_text(), "made\n")

    def test_what_is_no_regular_file_in_dist_is_refused(self):
        for make in ("ln -s /etc/passwd ../dist/a.whl", "mkfifo ../dist/a.whl", "mkdir ../dist/a.whl",
                     "echo > x; ln x ../dist/a.whl || ln ../dist/b ../dist/a.whl"):
            with self.subTest(make):
                subprocess.run(["rm", "-rf", self.tree.parent / "dist"], check=True)
                (self.tree.parent / "dist").mkdir()
                script = f"echo > ../dist/b; {make}"
                with self.assertLogs("bulkhead.fromager", "ERROR"):
                    done = self.hooks.run_sandboxed(["/bin/sh", "-c", script], **self.call)
                self.assertEqual(done.returncode, 123, done)


if __name__ == "__main__":
    unittest.main()
