"""What front ends do with their own rights around the hooks of a build.

Each step is one that a real front end takes, in its simplest form: it follows links, because real
ones do, and it believes the names that a build gives it. A step that fails is no failure of the
build.
"""

import contextlib
import glob
import os
import shutil
import sys

#: No step prints more than this of a file.
SHOWN = 4096

#: How long a step waits for an answer, in seconds; the driver knows how fast the machine is.
patience = 2


def show(path):
    """Reads a file and prints its beginning, as a front end does that logs what it works on."""
    with open(path, encoding="utf-8", errors="replace") as file:
        sys.stdout.write(file.read(SHOWN) + "\n")
    sys.stdout.flush()


class Steps:
    """The steps of one build."""

    def __init__(self, spec):
        self.wanted = spec.get("steps", [])
        self.source, self.collected = spec["source"], spec["output"]
        self.output = self.collected
        if "output-in-tree" in self.wanted:
            self.output = os.path.join(self.source, "dist")

    def before_a_hook(self, hook):
        if self.output != self.collected:
            os.makedirs(self.output, exist_ok=True)
        if "build-log" in self.wanted:
            for folder in (self.source, os.path.dirname(self.source)):
                with contextlib.suppress(OSError):
                    with open(os.path.join(folder, "build.log"), "a", encoding="utf-8") as log:
                        log.write("calling %s\n" % hook)

    def after_a_hook(self, hook, value):
        if "read-metadata" in self.wanted and "metadata" in hook:
            with contextlib.suppress(OSError, TypeError):
                show(os.path.join(self.output, value, "METADATA"))
        if "install-requirements" in self.wanted and hook.startswith("get_requires"):
            for requirement in value:
                # Whatever a requirement makes an installer do, the build goes on.
                with contextlib.suppress(Exception):
                    install(requirement)

    def after_all(self):
        if self.output != self.collected:
            for name in os.listdir(self.output):
                with contextlib.suppress(OSError):
                    shutil.copyfile(
                        os.path.join(self.output, name), os.path.join(self.collected, name)
                    )
        if "copy-requirements" in self.wanted:
            for folder in (self.source, os.path.dirname(self.source)):
                for path in glob.glob(os.path.join(folder, "*-requirements.txt")):
                    with contextlib.suppress(OSError):
                        shutil.copyfile(path, os.path.join(self.collected, os.path.basename(path)))
        if "read-pyproject" in self.wanted:
            with contextlib.suppress(OSError):
                show(os.path.join(self.source, "pyproject.toml"))


def install(requirement):
    """Begins to install a requirement, as pip would with this line on its command line."""
    word, _, rest = requirement.strip().partition(" ")
    option, _, value = word.partition("=")
    value = (value or rest).strip()
    if option in ("-r", "--requirement", "-c", "--constraint"):
        show(value)
    elif option in ("-i", "--index-url", "--extra-index-url", "-f", "--find-links"):
        fetch(value.rstrip("/") + "/pkg/")
    elif "@" in requirement and "://" in requirement:
        fetch(requirement.split("@", 1)[1].strip().removeprefix("git+").split(";")[0].strip())
    elif "://" in word:
        fetch(word.removeprefix("git+"))
    elif word.startswith(("/", "./", "../", "~")):
        show(os.path.expanduser(word))
    elif not word[:1].isalnum():
        sys.stdout.write("ERROR: Invalid requirement: %r\n" % requirement)
        sys.stdout.flush()


def fetch(address):
    """Asks for an address, without proxies and without much patience."""
    if address.startswith("file://"):
        show(address[len("file://"):])
        return
    # Where it is needed alone: with all that it brings along it is half of the front end's start.
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.closing(opener.open(address, timeout=patience)) as answer:
        answer.read(SHOWN)
