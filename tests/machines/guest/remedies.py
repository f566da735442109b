"""Makes what the doctor calls causes, one at a time, and applies the remedy that it prints for each.

`remedies.py PROGRAM SYSTEM`: the system is `small` or `systemd`. A remedy has worked when the doctor
no longer names the cause and a build runs. Prints a line of JSON for each: `what`, `how`, `well`.

What is in backticks in a remedy is run as it is printed; only a directory, a number or the command
that it leaves open is filled in.
"""

import ctypes
import json
import os
import subprocess
import sys

PROGRAM, SYSTEM = sys.argv[1:]
UNIT = "/run/systemd/system/tried.service"
# A line of JSON of the doctor's, then the status of a build.
ASK = f"{PROGRAM} doctor --json | tr -d '\\n'; echo; cd /srv/$(id -un); {PROGRAM} run -- /bin/true; echo $?"
CALLERS = {
    "root": ["/bin/bash", "-c"],
    "user": "setpriv --reuid 1000 --regid 1000 --clear-groups env -u XDG_RUNTIME_DIR "
            "HOME=/home/user /bin/bash -c".split(),
    "session": ["su", "--login", "user", "-c"],
}
GROUPS = "/sys/fs/cgroup"
# A group whose neighbours are such that nothing can be lent to it.
CROWDED = f"""mkdir -p {GROUPS}/crowded/own; sleep 600 </dev/null >/dev/null 2>&1 &
    echo $! >{GROUPS}/crowded/cgroup.procs; echo $PPID >{GROUPS}/crowded/own/cgroup.procs"""
THREADED = f"""mkdir -p {GROUPS}/threads/own; echo threaded >{GROUPS}/threads/own/cgroup.type
    echo $PPID >{GROUPS}/threads/own/cgroup.procs"""
LEAVE = f"""kill $(cat {GROUPS}/crowded/cgroup.procs); sleep 0.5
    for name in crowded threads bulkhead; do find {GROUPS}/$name -depth -type d -exec rmdir {{}} +; done"""
TREE = """mkdir -p /mnt/root; mount --rbind / /mnt/root; mount --make-rprivate /mnt/root"""


def bash(script, who="root"):
    done = subprocess.run([*CALLERS[who], script], capture_output=True, text=True, timeout=240)
    return done.stdout, done.stderr


def asked(output):
    """What the doctor says, and whether a build runs."""
    lines = output[0].strip().splitlines()
    try:
        said = next(line for line in lines if line.startswith("{"))
        return json.loads(said), lines[-1] == "0"
    except (StopIteration, ValueError):
        raise RuntimeError(f"the doctor said {output}") from None


def words(remedy):
    """What stands in backticks."""
    return remedy.split("`")[1::2]


# Ways to apply a remedy: each is given it, and gives what is asked afterwards.
def as_root(remedy, who):
    """The first command, typed by root beside the caller."""
    command = words(remedy)[0]
    _, errors = bash(command)
    if errors:
        raise RuntimeError(f"{command}: {errors}")
    return asked(bash(ASK, who))


def in_its_shell(remedy, who):
    """The command that moves a shell, typed by root with the number of that which goes on as the caller."""
    command = next(word for word in words(remedy) if "cgroup.procs" in word).replace("PID", "$$")
    enter = {"root": "exec", "user": "exec " + " ".join(CALLERS["user"][:-2])}[who]
    return asked(bash(f"{command}; cd /srv; {enter} /bin/bash -c {quoted(ASK)}"))


def in_front(remedy, who):
    """A command that takes the program's; `as root` says who types it."""
    command = next(word for word in words(remedy) if "bulkhead …" in word)
    who = "root" if "as root" in remedy else who
    return asked(bash(f"cd /srv; {command.replace('bulkhead …', f'/bin/bash -c {quoted(ASK)}')}", who))


def as_another(remedy, who):
    """The same, asked by root."""
    assert "as root" in remedy or "User=root" in remedy, remedy
    return asked(bash(ASK))


def outside(remedy, who):
    """What was around the caller is not."""
    assert "outside" in remedy, remedy
    return asked(subprocess_outside(ASK, who))


def in_the_unit(remedy, who):
    """The settings go where `systemctl edit` puts them."""
    *settings, edit = words(remedy)
    assert edit == "systemctl edit tried.service", edit
    os.makedirs(f"{UNIT}.d", exist_ok=True)
    with open(f"{UNIT}.d/override.conf", "w") as file:
        file.write("\n".join(["[Service]", *(setting for setting in settings if "=" in setting)]))
    return started()


def pivoted(remedy, who):
    command = next(word for word in words(remedy) if "pivot_root" in word)
    command = command.replace("DIR", "/mnt/root").replace("exec sh", 'exec sh -c "$ASK"')
    return asked(bash(f"export ASK={quoted(ASK)}; {command}", who))


def by_option(remedy, who):
    """An option of the program's, with which what was refused is granted."""
    option = next(word for word in words(remedy) if word.startswith("--"))
    run = f"cd /srv; {PROGRAM} run %s --rw /dev/shm/granted -- /bin/true; echo $?"
    before, after = (bash(run % given, who)[0].strip() for given in ("", option))
    assert before == "125", f"granted already: {before}"
    return {"findings": []}, after == "0"


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def subprocess_outside(script, who):
    """In the mount namespace of the machine, with its root."""
    return bash(f"nsenter --target 1 --mount --root --wd=/srv {' '.join(CALLERS[who][:-1])} "
                f"-c {quoted(script)}")


def started():
    """What a service that asks has said."""
    os.makedirs(os.path.dirname(UNIT), exist_ok=True)
    out, errors = bash("systemctl daemon-reload; rm -f /run/said; systemctl start tried.service; "
                       "cat /run/said")
    return asked((out, errors))


def service(*settings):
    """Makes a service with these settings that asks."""
    def make():
        os.makedirs(os.path.dirname(UNIT), exist_ok=True)
        with open("/run/ask", "w") as file:
            file.write(f"#!/bin/bash\n{ASK}\n")
        os.chmod("/run/ask", 0o755)
        with open(UNIT, "w") as file:
            file.write("\n".join([
                "[Service]", "Type=oneshot", "ExecStart=/run/ask", "StandardOutput=file:/run/said",
                "Environment=HOME=/srv", *settings,
            ]))
        return started()
    return make


def below(script, who):
    """Asks behind a command that changes what is around the caller."""
    return lambda: asked(bash(script.replace("ASK", quoted(ASK)), who))


# The system, the cause, what is told of the host, who asks, what makes it, the way, what undoes it.
# What makes it is a script, after which the caller asks, or what asks by itself.
SMALL = [
    ("namespaces-off", "user namespaces off", "root", "sysctl -qw user.max_user_namespaces=0", as_root,
     "sysctl -qw user.max_user_namespaces=15000"),
    ("namespaces-off", "user namespaces off", "user", "sysctl -qw user.max_user_namespaces=0", as_root,
     "sysctl -qw user.max_user_namespaces=15000"),
    ("no-other-user", "user namespaces off", "user", "sysctl -qw user.max_user_namespaces=0",
     as_another, "sysctl -qw user.max_user_namespaces=15000"),
    ("namespaces-refused", "user.max_net_namespaces=0", "root", "sysctl -qw user.max_net_namespaces=0",
     as_root, "sysctl -qw user.max_net_namespaces=15000"),
    ("namespaces-refused", "user.max_mnt_namespaces=0", "user", "sysctl -qw user.max_mnt_namespaces=0",
     as_root, "sysctl -qw user.max_mnt_namespaces=15000"),
    ("chroot", "chroot with /proc", "root", (TREE, "chroot /mnt/root /bin/bash -c ASK"), outside, ""),
    ("chroot", "chroot with /proc, entered as advised", "root",
     (TREE, "chroot /mnt/root /bin/bash -c ASK"), pivoted, ""),
    ("sealed-proc", "/proc read-only", "root", "mount -o remount,bind,ro /proc", as_root, ""),
    ("sealed-proc", "/proc read-only", "user", "mount -o remount,bind,ro /proc", as_root, ""),
    ("masked-proc", "parts of /proc covered", "root",
     "mount -t tmpfs none /proc/irq; mount -t tmpfs none /proc/fs", as_root, ""),
    ("masked-proc", "parts of /proc covered", "user",
     "mount -t tmpfs none /proc/irq; mount -t tmpfs none /proc/fs", as_root, ""),
    ("no-proc", "no /proc", "root", "umount -l /proc", as_root, ""),
    ("no-proc", "no /proc", "user", "umount -l /proc", as_root, ""),
    ("no-control-group", "control groups read-only", "root", f"mount -o remount,bind,ro {GROUPS}",
     as_root, ""),
    ("no-control-group", "no control groups", "root", f"umount -l {GROUPS}", as_root, ""),
    ("no-control-group", "a crowded group", "root", CROWDED, in_its_shell, LEAVE),
    ("no-control-group", "nothing delegated", "user", "", in_its_shell, LEAVE),
    ("threaded-group", "a threaded group", "root", THREADED, in_its_shell, LEAVE),
    ("threaded-group", "a threaded group", "user", THREADED, in_its_shell, LEAVE),
]
if os.path.exists("/proc/sys/kernel/unprivileged_userns_clone"):
    SMALL.append(
        ("clone-switched-off", "kernel.unprivileged_userns_clone=0", "user",
         "sysctl -qw kernel.unprivileged_userns_clone=0", as_root,
         "sysctl -qw kernel.unprivileged_userns_clone=1"))
if tuple(int(number) for number in os.uname().release.split(".")[:2]) < (6, 3):
    SMALL.append(
        ("memory-files", "files in memory of one owner", "root",
         "mkdir -p /dev/shm/granted", by_option, ""))
SYSTEMD = [
    ("no-control-group", "systemd, a session", "session", "", in_front, ""),
    ("no-control-group", "a scope of a user without a session", "root",
     ("", f"systemd-run --quiet --scope {' '.join(CALLERS['user'])} ASK"), in_front, ""),
    ("service-filter", "a service with RestrictNamespaces=yes", "root",
     service("RestrictNamespaces=yes"), in_the_unit, ""),
    ("masked-proc", "a service with ProtectKernelTunables=yes", "root",
     service("ProtectKernelTunables=yes"), in_the_unit, ""),
    ("host-name", "a service with ProtectHostname=yes", "root", service("ProtectHostname=yes"),
     in_the_unit, ""),
    ("no-control-group", "a service with ProtectControlGroups=yes", "root",
     service("ProtectControlGroups=yes"), in_the_unit, ""),
    ("no-control-group", "a service of a user", "root", service("User=user"), in_the_unit, ""),
    ("no-other-user", "a service of a user with RestrictNamespaces=yes", "root",
     service("User=user", "RestrictNamespaces=yes"), in_the_unit, ""),
]


def tried(cause, harm, who, way):
    """Makes the cause and applies the remedy; gives the remedy, and why it has not helped."""
    if isinstance(harm, tuple):
        bash(harm[0])
        found, _ = below(harm[1], who)()
    elif callable(harm):
        found, _ = harm()
    else:
        bash(harm)
        found, _ = asked(bash(ASK, who))
    named = [finding for finding in found["findings"] if finding["cause"] == cause]
    if not named:
        return "–", f"the doctor names {[it['cause'] for it in found['findings']]}"
    remedy = named[0]["remedy"]
    after, runs = way(remedy, who)
    for finding in after["findings"]:
        if finding["cause"] == cause:
            return remedy, f"the doctor names it still: {finding['what']}"
    return remedy, None if runs else "no build runs"


def apart(row):
    """In a process of its own; without systemd, which mounts things for its sessions, in a mount
    namespace of its own too, so that no mount is left."""
    cause, host, who, harm, way, undo = row
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        alone = SYSTEM == "small"
        if alone and (libc.unshare(0x20000) or libc.mount(None, b"/", None, 0x44000, None)):
            os._exit(1)
        try:
            told = tried(cause, harm, who, way)
        except Exception as error:
            told = ("–", f"{type(error).__name__}: {error}")
        os.write(write, json.dumps(told).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answers:
        text = answers.read()
    os.waitpid(child, 0)
    bash(undo)
    if callable(harm):
        bash(f"rm -rf {UNIT} {UNIT}.d; systemctl daemon-reload")
    remedy, trouble = json.loads(text) if text else ("–", "it could not be tried")
    how = remedy if trouble is None else f"{remedy} – {trouble}"
    print(json.dumps({"what": f"remedy for `{cause}` ({host}, {who})", "how": how, "well": trouble is None}))
    sys.stdout.flush()


for row in {"small": SMALL, "systemd": SYSTEMD}[SYSTEM]:
    apart(row)
