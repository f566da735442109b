"""Compiles `pkg/_speed.c` with `cc`, imports what came out, and packs it into a wheel."""

import importlib.util
import pathlib
import subprocess
import sysconfig
import tempfile

import kit


def _compile(directory):
    target = pathlib.Path(directory, "_speed" + sysconfig.get_config_var("EXT_SUFFIX"))
    include = sysconfig.get_path("include")
    subprocess.run(
        ["cc", "-O1", "-shared", "-fPIC", f"-I{include}", "pkg/_speed.c", "-o", str(target)],
        check=True,
    )
    return target


def _try(target):
    spec = importlib.util.spec_from_file_location("_speed", target)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.triangle(100) != 5050:
        raise RuntimeError("the extension computes something else")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.mark("compile")
    with tempfile.TemporaryDirectory() as directory:
        target = _compile(directory)
        kit.mark("import")
        _try(target)
        extension = {target.name: target.read_bytes()}
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    abi = "cp" + sysconfig.get_config_var("py_version_nodot")
    return kit.wheel(wheel_directory, extension, tag=f"{abi}-{abi}-{platform}")
