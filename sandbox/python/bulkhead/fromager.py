"""Fromager with ``bulkhead`` as its sandbox, by its hooks or around a release without them.

By the four hooks that Fromager's pull request 1171 proposes, in its settings::

    external_commands:
      setup_sandbox: bulkhead.fromager:setup_sandbox
      teardown_sandbox: bulkhead.fromager:teardown_sandbox
      run_sandboxed: bulkhead.fromager:run_sandboxed
      run_unconfined: bulkhead.fromager:run_unconfined

Who wants other options makes a `Hooks` in a module of his own and names its methods there. Releases
without these hooks, such as 0.77, are started by ``python -m bulkhead.fromager`` instead of
``fromager``; `bulkhead._fromager_release` does that.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import stat
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Union

from ._isolation import Isolation, Step, Word, isolation, step_of
from ._program import resolve

__all__ = [
    "Hooks",
    "SandboxUnavailable",
    "run_sandboxed",
    "run_unconfined",
    "setup_sandbox",
    "teardown_sandbox",
]

_log = logging.getLogger(__name__)

#: A file that a command reads from or writes to, as `subprocess.run` takes it.
File = Union[int, IO[Any], None]

#: What has a value of its own in a sandbox, whatever the front end has set.
_OWN = {"HOME", "PATH", "PWD", "TEMP", "TMP", "TMPDIR"}


class SandboxUnavailable(RuntimeError):
    """This host does not let ``bulkhead`` isolate anything; the message says why."""


class Hooks:
    """The four hooks; each method is one, and takes what Fromager hands over.

    `ctx` is Fromager's `WorkContext` and is not looked at; `req` is the requirement that is built,
    of which the name counts; `sdist_root_dir` is its source tree, whose parent is called
    ``NAME-VERSION``.
    """

    def __init__(
        self,
        *,
        options: Sequence[str] = (),
        hook_options: Sequence[str] = (),
        expect: bool = True,
        outcomes: Union[str, os.PathLike[str]] | None = None,
        program: Union[str, os.PathLike[str]] | None = None,
    ) -> None:
        """
        Args:
            options: More options of ``bulkhead hook`` and ``bulkhead run`` at level full, such as
                ``["--memory", "8G"]``.
            hook_options: More options of ``bulkhead hook`` alone, such as ``["--build-tag", "1"]``.
            expect: Whether a hook hands over nothing of another name, version or local version
                than those that Fromager builds.
            outcomes: A directory; how each hook ended is written to a file of its own there.
            program: The path of another ``bulkhead`` than the one that came with this package.

        Raises:
            ProgramNotFound: There is no such program; without one named, the first use says so.
        """
        self._named = None if program is None else resolve(program)
        self._options, self._hook_options = list(options), list(hook_options)
        self._expect = expect
        self._outcomes = None if outcomes is None else Path(outcomes).absolute()
        self._numbers = itertools.count()
        self._tried: set[str] = set()
        self._lock = threading.Lock()

    @property
    def program(self) -> str:
        """The absolute path of ``bulkhead``."""
        return self._named or resolve(None)

    def setup_sandbox(self, *, ctx: Any, req: Any, sdist_root_dir: Path) -> None:
        """Makes sure, once, that builds can be isolated here. Nothing has to be prepared for one.

        Raises:
            SandboxUnavailable: They cannot; what ``bulkhead doctor`` says is the message.
        """
        program = self.program
        with self._lock:
            if program in self._tried:
                return
            answer = subprocess.run([program, "doctor"], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if answer.returncode != 0:
                said = answer.stdout.decode("utf-8", "replace").strip()
                raise SandboxUnavailable(f"{program} doctor ended with {answer.returncode}: {said}")
            self._tried.add(program)

    def teardown_sandbox(self, *, ctx: Any, req: Any, sdist_root_dir: Path) -> None:
        """Removes what a supervisor that was killed has left on disk. A build that ended by itself
        has left nothing."""
        answer = subprocess.run([self.program, "gc"], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if answer.returncode != 0:
            said = answer.stdout.decode("utf-8", "replace").strip()
            _log.warning("bulkhead gc ended with %d: %s", answer.returncode, said)

    def run_sandboxed(
        self,
        args: Sequence[Word],
        *,
        ctx: Any,
        req: Any,
        sdist_root_dir: Path,
        stdin: File = None,
        stdout: File = None,
        stderr: File = None,
        cwd: Word | None = None,
        timeout: float | None = None,
        text: bool | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[Any]:
        """Runs a command that Fromager wants isolated.

        A hook call runs behind ``bulkhead hook``: its source tree is a private copy, and what it
        hands over is checked. Making the virtual environment has no network and is not isolated
        otherwise. Any other command runs behind ``bulkhead run`` at level full: it may write to
        the source tree and to ``dist`` beside it, and in ``dist`` there must be regular files
        alone afterwards, or the status is 123.

        Raises:
            ValueError: `stdin` is given; a sandbox has none.
        """
        if stdin not in (None, subprocess.DEVNULL):
            raise ValueError(
                "standard input does not pass into the sandbox; write it to a file below "
                f"{sdist_root_dir}, which the command can read"
            )
        step = step_of(args)
        # What is no hook and was asked to be confined runs the package's code all the same.
        wanted = isolation(build=True, network=True, step=step)
        wanted = Isolation.FULL if step is Step.OTHER_COMMAND else wanted
        tree = Path(sdist_root_dir).absolute()
        if wanted is Isolation.FULL and step is not Step.HOOK:
            # Fromager's own directory holds the trees of other packages.
            cwd = tree if cwd is None else cwd
            command = self._run(args, tree, os.fsdecode(cwd), _set(env))
        else:
            inside = cwd is not None and tree in Path(os.fsdecode(cwd)).absolute().parents
            command = self.command(args, wanted, expect=release(req.name, tree.parent),
                                   keep=_set(env), tree=tree if inside else None)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                              cwd=cwd, timeout=timeout, text=text, env=env)
        if command[1] == "run" and wanted is Isolation.FULL and done.returncode == 0:
            strange = _irregular(tree.parent / "dist")
            if strange:
                _log.error("%s is no regular file, and would be moved as one; nothing of dist is "
                           "to be used", strange)
                done.returncode = 123
        done.args = list(args)
        return done

    def run_unconfined(
        self,
        args: Sequence[Word],
        *,
        ctx: Any,
        req: Any,
        sdist_root_dir: Path,
        stdin: File = None,
        stdout: File = None,
        stderr: File = None,
        cwd: Word | None = None,
        timeout: float | None = None,
        text: bool | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[Any]:
        """Runs a command as it is, unless it is a hook call, which is isolated whoever asks."""
        wanted = isolation(build=True, network=False, step=step_of(args))
        if wanted is not Isolation.NONE:
            return self.run_sandboxed(
                args, ctx=ctx, req=req, sdist_root_dir=sdist_root_dir, stdin=stdin, stdout=stdout,
                stderr=stderr, cwd=cwd, timeout=timeout, text=text, env=env)
        return subprocess.run(args, stdin=stdin, stdout=stdout, stderr=stderr, cwd=cwd,
                              timeout=timeout, text=text, env=env)

    def command(
        self,
        args: Sequence[Word],
        wanted: Isolation,
        *,
        expect: str,
        keep: Sequence[str],
        tree: Path | None = None,
    ) -> list[str]:
        """The command `args` with what belongs in front of it.

        Args:
            args: The command.
            wanted: How it is isolated; at `Isolation.FULL` it must be a hook call.
            expect: What is built, as ``NAME==VERSION`` or ``NAME``.
            keep: Names of variables that were set for this package and pass therefore.
            tree: The source tree, where the hook is called in a directory within it: what else is
                in the tree can be read.
        """
        words = [os.fsdecode(word) for word in args]
        if wanted is Isolation.NONE:
            return words
        verb = "hook" if step_of(args) is Step.HOOK else "run"
        if wanted is Isolation.NETWORK:
            return [self.program, verb, "--level", wanted.word, "--", *words]
        outcome = [] if self._outcomes is None else [self._outcome(self._outcomes, words[2])]
        expected = [f"--expect={expect}"] if self._expect else []
        read = [] if tree is None else [f"--ro={tree}"]
        passed = [f"--env={name}" for name in keep]
        return [self.program, "hook", *self._options, *self._hook_options, *expected, *outcome,
                *read, *passed, "--", *words]

    def _run(self, args: Sequence[Word], tree: Path, cwd: str, keep: Sequence[str]) -> list[str]:
        """A command that is no hook call, at level full, with what it may read and write."""
        grants = [f"--rw={tree}"]
        if (tree.parent / "dist").is_dir():
            grants.append(f"--rw={tree.parent / 'dist'}")
        if Path(cwd).absolute() != tree.parent:
            # The environment to build in, and the files of requirements.
            grants.append(f"--ro={tree.parent}")
        words = [os.fsdecode(word) for word in args]
        passed = [f"--env={name}" for name in keep]
        return [self.program, "run", *self._options, *grants, *passed, "--", *words]

    def _outcome(self, directory: Path, hook: str) -> str:
        """The option that has a new file written of how a hook ended."""
        directory.mkdir(parents=True, exist_ok=True)
        return f"--outcome={directory / f'{os.getpid()}-{next(self._numbers):03}-{hook}.json'}"


def release(name: str, directory: Path) -> str:
    """What is built: ``NAME==VERSION`` where `directory` is called so, and ``NAME`` otherwise."""
    called, _, version = directory.name.rpartition("-")
    same = re.sub(r"[-_.]+", "-", called).lower() == re.sub(r"[-_.]+", "-", name).lower()
    return f"{name}=={version}" if same and version else name


def _set(env: Mapping[str, str] | None) -> list[str]:
    """The variables that were set for this command, beside those that this process has itself."""
    inherited = os.environ
    return foreign(name for name, value in (env or {}).items() if inherited.get(name) != value)


def foreign(names: Iterable[str]) -> list[str]:
    """Those variables that a sandbox takes over when it is told to, sorted."""
    # A star at the end would make a pattern of the name.
    return sorted(name for name in names if name not in _OWN and not name.endswith("*"))


def _irregular(directory: Path) -> Path | None:
    """Something directly in `directory` that is no regular file with one name; None is well."""
    if not directory.is_dir():
        return None
    for path in sorted(directory.iterdir()):
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            return path
    return None


_hooks = Hooks()
setup_sandbox = _hooks.setup_sandbox
teardown_sandbox = _hooks.teardown_sandbox
run_sandboxed = _hooks.run_sandboxed
run_unconfined = _hooks.run_unconfined


if __name__ == "__main__":
    from ._fromager_release import main

    main()
