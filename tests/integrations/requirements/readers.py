"""Holds what `bulkhead hook` says of a returned requirement against what pip, uv and packaging do.

    readers.py BULKHEAD

A hook returns requirements, and an installer that is no part of the sandbox takes them up. Asked:

- What one of pip and uv takes for a file or an address is refused, for every suffix of an archive
  that pip knows, with extras, markers and in capitals.
- What is handed on is a requirement to packaging, names no address, and is no file to pip and uv.
- Ordinary requirements are handed on as they are.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

from ground import check_pypi, main, pip  # noqa: E402

HONEST = [
    "setuptools",
    "setuptools>=61,<80",
    "wheel == 0.43.*; python_version < '3.13'",
    "zope.interface",
    "ruamel.yaml[libyaml]>=0.18",
    "backports.tarfile; python_version<'3.12' and sys_platform == 'linux'",
    "Cython ~= 3.0",
    "oldest-supported-numpy",
    "gz",
    "tar.gz-tools",
    "whl2conda",
    "my.zip.tool==1",
]
PLACES = [
    "exhibit @ file:exhibit-1.0.tar.gz",
    "exhibit @ file:///tmp/exhibit-1.0.tar.gz",
    "exhibit @ https://198.51.100.1/exhibit-1.0.tar.gz",
    "exhibit @ git+https://198.51.100.1/exhibit",
    "https://198.51.100.1/exhibit-1.0.tar.gz",
    "./exhibit",
    "../exhibit",
    "/tmp/exhibit",
    "~/exhibit",
    "exhibit/",
    "-r other.txt",
    "--index-url=https://198.51.100.1/",
]

BACKEND = """
import json

def get_requires_for_build_wheel(config_settings=None):
    with open("returned.json", encoding="utf-8") as file:
        return json.load(file)
"""

# Runs in the environment. For each text: a file or address to pip, and a requirement to packaging
# that names no address.
READERS = """
import json, os, sys
from pip._internal.req.constructors import parse_req_from_line
from pip._internal.utils.filetypes import ARCHIVE_EXTENSIONS
from packaging.requirements import InvalidRequirement, Requirement

def place(text):
    try:
        return parse_req_from_line(text, None).link is not None
    except Exception:
        return text.startswith("-") or os.sep in text

def plain(text):
    try:
        return Requirement(text).url is None
    except InvalidRequirement:
        return False

texts = json.load(sys.stdin)
told = {text: [place(text), plain(text)] for text in texts}
json.dump({"told": told, "suffixes": sorted(ARCHIVE_EXTENSIONS)}, sys.stdout)
"""

CALL = """
import subprocess, sys
from pyproject_hooks import BuildBackendHookCaller

def isolated(command, cwd=None, extra_environ=None):
    import os
    environment = {**os.environ, **(extra_environ or {})}
    done = subprocess.run([sys.argv[1], "hook", "--", *command], cwd=cwd, env=environment)
    if done.returncode:
        sys.exit(done.returncode)

hooks = BuildBackendHookCaller(".", "backend", backend_path=["."], runner=isolated)
print(__import__("json").dumps(hooks.get_requires_for_build_wheel()))
"""


def prepare(work):
    check_pypi("pyproject-hooks==1.3.3", work)
    subprocess.run([sys.executable, "-m", "venv", work / "env"], check=True)
    python = str(work / "env/bin/python")
    pip(python, "install", "--only-binary=:all:", f"--requirement={HERE / 'requirements.txt'}")
    tree = work / "tree"
    tree.mkdir()
    (tree / "backend.py").write_text(BACKEND, "utf-8")
    return python, tree


def handed_on(python, tree, bulkhead, texts):
    """What the front end gets when the hook returns `texts`; the status when it is refused."""
    (tree / "returned.json").write_text(json.dumps(texts), "utf-8")
    done = subprocess.run([python, "-c", CALL, bulkhead], cwd=tree, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else done.returncode


def is_a_file_to_uv(python, tree, text):
    """Whether uv looks for a file where it is asked to resolve this, without any index."""
    uv = str(Path(python).with_name("uv"))
    command = [uv, "pip", "compile", "--offline", "--no-index", "--no-deps", "--no-cache", "-"]
    done = subprocess.run(command, cwd=tree, input=text + "\n", capture_output=True, text=True)
    said = done.stderr + done.stdout
    return "file://" in said or str(tree) in said


def body(bulkhead, work):
    python, tree = prepare(work)

    def readers(texts):
        told = subprocess.run(
            [python, "-c", READERS], cwd=tree, input=json.dumps(texts),
            capture_output=True, text=True, check=True,
        )
        return json.loads(told.stdout)

    faults = []
    got = handed_on(python, tree, bulkhead, HONEST)
    if got != HONEST:
        faults.append(f"ordinary requirements come as {got}")
    suffixes = readers([])["suffixes"]
    archives = [f"evil-1.0{suffix}" for suffix in suffixes]
    archives += [f"evil{suffixes[at % len(suffixes)]}{rest}" for at, rest in enumerate(
        ["[extra]", " ; python_version > '3'", "[a,b];python_version>'3'", ""])]
    archives += ["EVIL-1.0.TAR.GZ", "evil-1.0.Whl"]
    for text in archives:
        # As it is in a source tree that has brought the file along.
        (tree / text.split("[")[0].split(" ")[0].split(";")[0]).touch()
    told = readers([*HONEST, *archives, *PLACES])["told"]
    refused = 0
    for text in [*archives, *PLACES]:
        status = handed_on(python, tree, bulkhead, [text])
        to_pip, plain = told[text]
        is_file = to_pip or is_a_file_to_uv(python, tree, text)
        refused += status == 123
        if is_file and status != 123:
            faults.append(f"{text!r} is a place to an installer, and the hook ended with {status}")
        if status != 123 and not plain:
            faults.append(f"{text!r} is no plain requirement to packaging, and was handed on")
    for text in HONEST:
        to_pip, plain = told[text]
        if to_pip or not plain or is_a_file_to_uv(python, tree, text):
            faults.append(f"{text!r} is handed on, and is more than a name to some reader")
    if not any(to_pip for to_pip, _ in told.values()):
        faults.append("pip takes nothing for a file, so nothing was compared")
    for fault in faults:
        print(f"FAULT: {fault}")
    print(f"{len(archives) + len(PLACES)} places, {refused} refused, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    main(body)
