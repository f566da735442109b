"""A back end in the tree that it builds; it leaves traces there."""

import base64
import hashlib
import os
import zipfile

FILES = {
    "pkg/__init__.py": b"",
    "pkg-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n",
    "pkg-1.0.dist-info/WHEEL": (
        b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    ),
}


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    open("built", "w").write("traces in the source tree")
    path = os.path.join(wheel_directory, "pkg-1.0-py3-none-any.whl")
    record = ""
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in FILES.items():
            wheel.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            record += f"{name},sha256={digest.decode()},{len(content)}\n"
        wheel.writestr("pkg-1.0.dist-info/RECORD", record + "pkg-1.0.dist-info/RECORD,,\n")
    print("built in", os.getcwd())
    return "pkg-1.0-py3-none-any.whl"
