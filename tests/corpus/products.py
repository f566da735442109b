"""What a hook made, taken apart far enough to say how two of them differ."""

import gzip
import hashlib
import os
import tarfile
import zipfile
from collections import defaultdict


# The interpreter's, CMake's and cargo's notes on what they have done, and when; no file of the package.
OWN_RECORDS = {"__pycache__", ".cmake", ".fingerprint", "incremental", ".rustc_info.json"}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def read(out, answer):
    """What lies in the output directory below the name that the hook returned: {(file, member,
    aspect): value}. What a back end leaves beside it is nobody's."""
    found = {}
    if not isinstance(answer, str):
        return found
    place = out / answer
    if place.is_dir():
        for path in sorted(place.rglob("*")):
            if path.is_file():
                name = str(path.relative_to(out))
                found[name, "", "content"] = digest(path.read_bytes())
    elif place.name.endswith(".whl"):
        found |= wheel(place)
    elif place.name.endswith(".tar.gz"):
        found |= sdist(place)
    return found


def wheel(path):
    """The whole, to the last byte, and its members."""
    found = {(path.name, "", "bytes"): digest(path.read_bytes())}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            key = (path.name, member.filename)
            found[*key, "content"] = digest(archive.read(member))
            found[*key, "time"] = member.date_time
            found[*key, "mode"] = oct(member.external_attr >> 16)
    return found


def sdist(path):
    """The archive inside to the last byte, the time in its wrapping, and its members."""
    data = path.read_bytes()
    inner = gzip.decompress(data)
    found = {(path.name, "", "bytes"): digest(data), (path.name, "", "archive"): digest(inner),
             (path.name, "", "time of the wrapping"): data[4:8]}
    with tarfile.open(path) as archive:
        for member in archive:
            key = (path.name, member.name)
            content = digest(archive.extractfile(member).read()) if member.isreg() else ""
            found[*key, "content"] = content
            found[*key, "time"] = member.mtime
            found[*key, "mode"] = oct(member.mode)
            found[*key, "owner"] = (f"{member.uname or member.uid}:{member.gname or member.gid}")
            found[*key, "link"] = member.linkname
    return found


def tree(top):
    """The source tree after a build in it, without what tools keep there for themselves."""
    found = {}
    for place, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name not in OWN_RECORDS]
        for name in set(files) - OWN_RECORDS:
            path = os.path.join(place, name)
            shown = f"tree/{os.path.relpath(path, top)}"
            if os.path.islink(path):
                found[shown, "", "content"] = os.readlink(path)
            else:
                with open(path, "rb") as file:
                    found[shown, "", "content"] = digest(file.read())
    return found


def differences(one, other):
    """The keys whose values are not the same, those of a whole left out where its parts tell."""
    keys = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    return sorted(keys, key=str)


def summary(keys, without=None, inside=None):
    """The differences in words, one line for each kind, at most three names each."""
    kinds = defaultdict(list)
    wholes = ("bytes", "archive")
    parts = [key for key in keys if key == "answer" or key[2] not in wholes]
    for key in parts or keys:
        if key == "answer":
            kinds["what it returned"].append("")
            continue
        file, member, aspect = key
        name = member or file
        shown = ""
        if without is not None and aspect in ("owner", "mode", "time"):
            shown = f" ({without.get(key)} without, {inside.get(key)} with)"
        elif without is not None and (key not in without or key not in inside):
            shown = " (with it only)" if key in inside else " (without it only)"
        kinds[f"{aspect}{shown}"].append(name)
    lines = []
    for kind, names in sorted(kinds.items()):
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        lines.append(f"{kind} of {', '.join(names[:3])}{more}" if names[0] else kind)
    if "what it returned" in kinds and without is not None:
        lines.append(f"returned {without['answer']} without, {inside['answer']} with")
    return lines
