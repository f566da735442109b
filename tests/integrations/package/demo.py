"""A package with a back end of its own that looks around before it builds its wheel."""

BACKEND = r'''
import hashlib, os, zipfile
from base64 import urlsafe_b64encode

NAME = "demo"
VERSION = "1.0"


def look():
    print("token:", os.environ.get("GITHUB_TOKEN"))
    try:
        print("beside:", open("../../other-1.0/secret").read())
    except OSError as error:
        print("beside:", error)
    try:
        os.symlink("/nonexistent", "../build.log")
    except OSError as error:
        print("log:", error)
    print("looked")


def build_wheel(directory, config_settings=None, metadata_directory=None):
    look()
    info = f"{NAME}-{VERSION}.dist-info"
    files = {
        f"{NAME}.py": f"version = {VERSION!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: demo\nRoot-Is-Purelib: true\n"
                         "Tag: py3-none-any\n",
    }
    record = [f"{name},sha256={digest(text)},{len(text.encode())}" for name, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    wheel = f"{NAME}-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, wheel), "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return wheel


def digest(text):
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
'''

PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def demo(tree):
    """Writes the package to the new directory `tree`, and gives that."""
    tree.mkdir(parents=True)
    (tree / "backend.py").write_text(BACKEND)
    (tree / "pyproject.toml").write_text(PROJECT)
    return tree


def hooks_of(tree, runner):
    """The hooks of the package, called as front ends call them."""
    try:
        from pyproject_hooks import BuildBackendHookCaller
    except ImportError:
        from pip._vendor.pyproject_hooks import BuildBackendHookCaller
    return BuildBackendHookCaller(str(tree), "backend", backend_path=["."], runner=runner)
