"""Fromager with the four hooks of its pull request 1171, which no release has yet.

    proposal.py --program=BULKHEAD --outcomes=DIR ARGUMENTS-OF-FROMAGER...

What the proposal says that Fromager will do, done to a release: `setup_sandbox` is called after the
source was prepared, `teardown_sandbox` after the wheel was built, however that ended. What runs
without network today, in a directory of the package, goes to `run_sandboxed`, and the rest to
`run_unconfined`. Both take the keyword arguments of the proposal, by the names that its settings
would give the hooks of `bulkhead.fromager`.
"""

import logging
import os
import subprocess
import sys
from pathlib import Path

from bulkhead.fromager import Hooks
from fromager import external_commands, log, sources, wheels

PROGRAM, OUTCOMES = (sys.argv.pop(1).partition("=")[2] for _ in range(2))
# Whether the network can be isolated is tried as soon as Fromager is imported.
external_commands.NETWORK_ISOLATION = [PROGRAM, "run", "--level", "network", "--"]
hooks = Hooks(program=PROGRAM, outcomes=OUTCOMES)
launch, prepare, build = external_commands.run, sources.prepare_source, wheels.build_wheel
logger = logging.getLogger("proposal")
trees = {}


def prepare_source(*, ctx, req, **options):
    tree = prepare(ctx=ctx, req=req, **options)
    trees[tree.parent] = req, tree
    hooks.setup_sandbox(ctx=ctx, req=req, sdist_root_dir=tree)
    return tree


def build_wheel(*, ctx, req, sdist_root_dir, **options):
    try:
        return build(ctx=ctx, req=req, sdist_root_dir=sdist_root_dir, **options)
    finally:
        hooks.teardown_sandbox(ctx=ctx, req=req, sdist_root_dir=sdist_root_dir)


def run(cmd, *, cwd=None, extra_environ=None, network_isolation=False, log_filename=None, stdin=None):
    place = Path(cwd or ".").resolve()
    req, tree = next((trees[it] for it in (place, *place.parents) if it in trees), (None, None))
    if tree is None:
        return launch(cmd, cwd=cwd, extra_environ=extra_environ, stdin=stdin,
                      network_isolation=network_isolation, log_filename=log_filename)
    hook = hooks.run_sandboxed if network_isolation else hooks.run_unconfined
    done = hook(cmd, ctx=None, req=req, sdist_root_dir=tree, cwd=cwd, text=True,
                env={**os.environ, **(extra_environ or {})},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if log_filename:
        Path(log_filename).write_text(done.stdout)
    # What the test looks for in the log of a release.
    front = f"{PROGRAM} hook" if hook == hooks.run_sandboxed else "unconfined"
    logger.debug("running: %s %s", front, " ".join(map(str, cmd)))
    if done.returncode != 0:
        raise subprocess.CalledProcessError(done.returncode, cmd, done.stdout)
    return done.stdout


external_commands.run = run
sources.prepare_source, wheels.build_wheel = prepare_source, build_wheel

from fromager.__main__ import invoke_main  # noqa: E402

invoke_main()
