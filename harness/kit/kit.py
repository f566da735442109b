"""The kit: what an attack may use, and nothing else.

The lab copies this file and a `trial.json` into the folder `_lab` of every source tree on
trial, and the tree's backend imports it. It does three things:

* it tells the attack where the lab's plants are, so that no backend carries an address,
  a port or a secret's place as a literal (outside the lab there is no `trial.json`, the
  import fails, and the fixture reaches nothing);
* it announces, in lines on standard output, what the attack is about to try. Those lines
  prove that a backend ran. They never prove that an attack got through: that is seen from
  outside, by the oracles;
* it writes honest, reproducible wheels and sdists, so that the build looks like any other.

Python 3.9 or later, standard library only. `docs/writing-attacks.md` shows it in use. What only
some need is imported where they need it: every hook of every trial imports this file.
"""

import contextlib
import io
import json
import os
import signal
import time
import types

NAME, VERSION = "pkg", "1.0"
DIST_INFO = f"{NAME}-{VERSION}.dist-info"

#: Time stamp of every archive member: two builds of one source give the same bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)

with open(os.path.join(os.path.dirname(__file__), "trial.json"), encoding="utf-8") as _file:
    _trial = json.load(_file)

#: Sixteen hexadecimal digits, fresh in every trial; listeners recognise the trial by it.
nonce = _trial["nonce"]

#: How many times slower than an ordinary machine this one is, or 1.
_pace = _trial.get("pace", 1.0)


def seconds(number):
    """As many seconds on an ordinary machine, and more on a slow one: every time that is waited."""
    return number * _pace


#: How long a held process waits to be looked at, in seconds.
HOLD = seconds(3.0)

#: Where the second, honest build lies: `source`, `output`, and the `caches` that it reads.
second = types.SimpleNamespace(**_trial.get("second", {}))


# What the lab planted ---------------------------------------------------------------------


def plant(plant_id):
    """The published facts of a plant as attributes: `plant("netrc").path`. Never its canary."""
    return types.SimpleNamespace(**_trial["plants"][plant_id])


# What the attack announces ----------------------------------------------------------------


def _announce(*words):
    # One write(2) past every buffer: the line must survive a process that dies right after.
    os.write(1, " ".join(("@bulkhead", nonce) + words).encode("ascii", "replace") + b"\n")


def mark(name):
    """Says that the attempt `name` is about to be made."""
    pauses = name in _trial.get("pauses", ())
    if pauses:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    _announce("mark", name)
    if pauses:
        # `harness debug`: somebody looks around before the attempt is made.
        _announce("pause", str(os.getpid()))
        signal.sigwait({signal.SIGUSR1})


def said(name, what):
    """Says what came of an attempt; hearsay, kept for the person who reads the log."""
    _announce("said", name, ascii(what)[:300])


@contextlib.contextmanager
def attempt(name):
    """Marks the attempt, lets its body run, and turns any failure into hearsay.

    An attack that is stopped must not stop the build: a build that breaks is noticed.
    """
    mark(name)
    try:
        yield
    except Exception as error:  # any failure at all means only that the attempt ended here
        said(name, f"{type(error).__name__}: {error}")
    else:
        said(name, "done")


def hold(name):
    """Marks `name` and stands still until the harness has looked at this process from outside."""
    # Blocked first, or a quick harness would kill the process with the signal it waits for.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    mark(name)
    _announce("hold", str(os.getpid()))
    signal.sigtimedwait({signal.SIGUSR1}, HOLD)


def watched(name, path):
    """Marks `name` and waits until the harness watches `path`, a file of the kernel, as seen here.

    What the kernel shows in `/proc` is another file in every mount of it, so an oracle can look at
    it only through the eyes of the build. Open it, for writing if that is the attempt, and close
    it again; never write.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    _announce("watch", str(os.getpid()), path)
    signal.sigtimedwait({signal.SIGUSR1}, HOLD)
    mark(name)


# Processes --------------------------------------------------------------------------------


def processes():
    """Every process that `/proc` shows, as (pid, list of arguments)."""
    for entry in sorted(os.listdir("/proc"), key=lambda name: (len(name), name)):
        if entry.isdigit():
            # A process may end between the listing and the reading.
            with contextlib.suppress(OSError):
                with open(f"/proc/{entry}/cmdline", "rb") as cmdline:
                    arguments = cmdline.read().decode("utf-8", "replace").split("\0")
                yield int(entry), arguments[:-1]


def find(plant_id):
    """The planted process's number as `/proc` shows it here, else the number it has in the lab."""
    victim = plant(plant_id)
    for pid, arguments in processes():
        if arguments and arguments[0] == victim.name:
            return pid
    return victim.pid


def callable_pid(plant_id):
    """The same number, for system calls that take one.

    In a process namespace with a foreign `/proc` the victim's number may be one of our own;
    calling it would then stop the build and nothing else.
    """
    pid = find(plant_id)
    if pid in (os.getpid(), os.getppid()):
        raise ProcessLookupError(f"here, {pid} is this build itself")
    return pid


def writable_memory(pid, largest=64 << 20):
    """The private writable mappings of a process, as (start, end), none larger than `largest`."""
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            span, mode = line.split()[:2]
            start, end = (int(bound, 16) for bound in span.split("-"))
            if mode == "rw-p" and end - start <= largest:
                yield start, end


def search_memory(pid, needle, width=160):
    """Every place of `needle` in the writable memory of a process, as (address, bytes there)."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in writable_memory(pid):
            with contextlib.suppress(OSError):  # a mapping may refuse to be read
                chunk = os.pread(memory.fileno(), end - start, start)
                at = chunk.find(needle)
                while at >= 0:
                    yield start + at, chunk[at : at + width]
                    at = chunk.find(needle, at + 1)


def deaf_child(name, number):
    """Starts a child that no polite signal ends, in a session of its own; marks `name` in it.

    It sleeps as many seconds as `seconds` gives for `number`.
    """
    if os.fork() == 0:
        for polite in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(polite, signal.SIG_IGN)
        os.setsid()
        with attempt(name):
            time.sleep(number * _pace)
        os._exit(0)


# What an honest build hands over ----------------------------------------------------------


def _metadata(description):
    return f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n\n{description}".encode()


def _wheel_file(tag):
    purelib = "true" if tag.endswith("-none-any") else "false"
    # Before the tag of the name may stand that of the build.
    *build, python, abi, platform = tag.split("-")
    lines = [
        "Wheel-Version: 1.0",
        f"Root-Is-Purelib: {purelib}",
        f"Tag: {python}-{abi}-{platform}",
        *(f"Build: {number}" for number in build),
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def metadata(metadata_directory):
    """Answers `prepare_metadata_for_build_wheel`: writes the folder and returns its name."""
    folder = os.path.join(metadata_directory, DIST_INFO)
    os.mkdir(folder)
    for name, content in (("METADATA", _metadata("")), ("WHEEL", _wheel_file("py3-none-any"))):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    return DIST_INFO


def wheel(wheel_directory, loot=None, description="", tag="py3-none-any", more=None):
    """Answers `build_wheel`: writes a correct wheel, returns its file name.

    `loot` maps names to bytes; they become the files `pkg/<name>`. `more` does the same for
    whole names. `description` becomes the long description in the metadata, which every
    index shows.
    """
    import zipfile

    members = {f"{NAME}/__init__.py": f'__version__ = "{VERSION}"\n'.encode()}
    members.update({f"{NAME}/{name}": content for name, content in (loot or {}).items()})
    members.update(more or {})
    members[f"{DIST_INFO}/METADATA"] = _metadata(description)
    members[f"{DIST_INFO}/WHEEL"] = _wheel_file(tag)
    members[f"{DIST_INFO}/RECORD"] = _record(members)
    file_name = f"{NAME}-{VERSION}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, file_name), "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, EPOCH)
            member.external_attr = 0o100644 << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return file_name


def _record(members):
    import base64
    import hashlib

    lines = []
    for name, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    # RECORD lists itself too, without a digest: it cannot contain its own.
    return "".join([*lines, f"{DIST_INFO}/RECORD,,\n"]).encode()


def sdist(sdist_directory, loot=None):
    """Answers `build_sdist`: packs the source tree's own files, and the loot beside them."""
    import gzip
    import tarfile

    members = {"PKG-INFO": _metadata("")}
    for name in ("pyproject.toml", "backend.py"):
        with open(name, "rb") as file:
            members[name] = file.read()
    members.update(loot or {})
    file_name = f"{NAME}-{VERSION}.tar.gz"
    with open(os.path.join(sdist_directory, file_name), "wb") as file, gzip.GzipFile(
        filename="", fileobj=file, mode="wb", mtime=0
    ) as packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(f"{NAME}-{VERSION}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file_name


def add_member(sdist_directory, file_name, member, content=b""):
    """Appends one more member, whatever it may be, to an sdist that `sdist` has written."""
    import gzip
    import tarfile

    path = os.path.join(sdist_directory, file_name)
    with gzip.open(path) as packed:
        unpacked = io.BytesIO(packed.read())
    with tarfile.open(fileobj=unpacked, mode="a") as archive:
        archive.addfile(member, io.BytesIO(content))
    with gzip.open(path, "wb") as packed:
        packed.write(unpacked.getvalue())
