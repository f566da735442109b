"""Prints what a process of a container may do and what it sees, one line each.

The same text runs in a container of an engine and in the lab's imitation of one; whatever differs
is a mistake of the imitation. Calls are made with arguments that a kernel without any filter
refuses in another way, or that do no harm.
"""

import ctypes
import errno
import os
import pwd
import socket

LIBC = ctypes.CDLL(None, use_errno=True)

# Numbers of x86-64; from 424 on they are those of every architecture.
CALLS = {
    "acct": (163, 1),
    "add_key": (248, 0, 0, 0, 0, 0),
    "bpf": (321, 99, 0, 0),
    "cachestat": (451, -1, 0, 0, 0),
    "chroot": (161, 1),
    "clock_settime": (227, 99, 0),
    "clone3": (435, 0, 0),
    "fanotify_init": (300, 0xFFFF, 0),
    "fsopen": (430, 0, 0),
    "get_mempolicy": (239, 0, 0, 0, 0, 0),
    "init_module": (175, 0, 0, 0),
    "io_uring_setup": (425, 0, 0),
    "kcmp": (312, -1, -1, 0, 0, 0),
    "kexec_load": (246, 0, 0, 0, 99),
    "keyctl": (250, 0, -3, 0, 0, 0),
    "landlock_create_ruleset": (444, 0, 0, 1),
    "lookup_dcookie": (212, 0, 0, 0),
    "mount": (165, 0, 0, 0, 0, 0),
    "mount_setattr": (442, -1, 0, 0, 0, 0),
    "move_mount": (429, -1, 0, -1, 0, 0),
    "name_to_handle_at": (303, -1, 0, 0, 0, 0),
    "open_by_handle_at": (304, -1, 0, 0),
    "open_tree": (428, -1, 0, 0),
    "perf_event_open": (298, 0, 0, -1, -1, 0),
    "personality(ADDR_NO_RANDOMIZE)": (135, 0x40000),
    "personality(PER_LINUX)": (135, 0),
    "pidfd_getfd": (438, -1, 0, 0),
    "pivot_root": (155, 0, 0),
    "process_vm_readv": (310, -1, 0, 0, 0, 0, 0),
    "ptrace": (101, 99, -1, 0, 0),
    "quotactl": (179, -1, 0, 0, 0),
    "reboot": (169, 0, 0, 0, 0),
    "request_key": (249, 0, 0, 0, 0),
    "sethostname": (170, 0, -1),
    "setns": (308, -1, 0),
    "settimeofday": (164, 1, 0),
    "statmount": (457, 0, 0, 0, 0),
    "swapon": (167, 0, 0),
    "syslog": (103, 10, 0, 0),
    "umount2": (166, 0, 0),
    "unshare(CLONE_NEWNS)": (272, 0x20000),
    "unshare(CLONE_NEWUSER)": (272, 0x10000000),
    "unshare(0)": (272, 0),
    "userfaultfd": (323, 0xFFFF),
    "vmsplice": (278, -1, 0, 0, 0),
}
SOCKETS = {
    "AF_ALG": (38, 5, 0),
    "AF_INET": (2, 1, 0),
    "AF_INET raw": (2, 3, 1),
    "AF_NETLINK": (16, 3, 0),
    "AF_PACKET": (17, 3, 0),
    "AF_UNIX": (1, 1, 0),
    "AF_VSOCK": (40, 1, 0),
}
STATUS = ["Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"]
READ = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/cpuinfo"]
WRITTEN = ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/irq",
           "/proc/bus", "/proc/fs", "/proc/sysrq-trigger", "/sys/kernel/mm", "/proc/self/oom_score_adj"]
PLACES = ["/", "/tmp", "/var/tmp", "/run", "/home", "/root", "/dev", "/dev/shm"]
LISTED = ["/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/firmware"]


def outcome(attempt):
    """In a process of its own: what succeeds must not change the next attempt."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = str(attempt())
        except OSError as error:
            text = errno.errorcode.get(error.errno, str(error.errno))
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


def call(number, *arguments):
    ctypes.set_errno(0)
    if LIBC.syscall(*(ctypes.c_long(value) for value in (number, *arguments))) >= 0:
        return "works"
    raise OSError(ctypes.get_errno(), "")


def clone(flags):
    """A child that ends at once, by the call itself: wrappers choose another."""
    if (child := LIBC.syscall(ctypes.c_long(56), ctypes.c_long(flags | 17), None, None, None, None)) == 0:
        os._exit(0)
    if child < 0:
        raise OSError(ctypes.get_errno(), "")
    os.waitpid(child, 0)
    return "works"


def become(uid):
    os.setgroups([])
    os.setresuid(uid, uid, uid)
    return "works"


def covers():
    """What lies over the kernel's files, and whether it can be written."""
    for line in open("/proc/self/mountinfo"):
        mount, system = line.split(" - ")
        place, options = mount.split()[4:6]
        if place.startswith(("/proc/", "/sys/")) and "cgroup" not in place:
            yield place, f"{system.split()[0]} {options.split(',')[0]}"


def group_made():
    """A control group in the first tree that there is."""
    for tree in ("memory", "pids", ""):
        place = os.path.join("/sys/fs/cgroup", tree)
        if os.path.exists(os.path.join(place, "cgroup.procs")):
            os.mkdir(os.path.join(place, "probe"))
            os.rmdir(os.path.join(place, "probe"))
            return "works"
    return "there is none"


def account():
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "none"


def lines():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    for name in STATUS:
        yield name, " ".join(status[name].split())
    yield "uid_map", " ".join(open("/proc/self/uid_map").read().split())
    yield "setgroups", open("/proc/self/setgroups").read().strip()
    for place, what in sorted(covers()):
        yield f"over {place}", what
    yield "control group", outcome(group_made)
    if os.uname().machine == "x86_64":
        for name, arguments in sorted(CALLS.items()):
            yield name, outcome(lambda: call(*arguments))
        for name, flags in [("0", 0), ("CLONE_NEWUSER", 0x10000000), ("CLONE_NEWNET", 0x40000000)]:
            yield f"clone({name})", outcome(lambda: clone(flags))
    for name, arguments in sorted(SOCKETS.items()):
        yield f"socket {name}", outcome(lambda: socket.socket(*arguments) and "works")
    for path in READ:
        yield f"read {path}", outcome(lambda: bool(open(path, "rb").read(1)))
    for path in LISTED:
        yield f"list {path}", outcome(lambda: len(os.listdir(path)) > 0)
    for path in WRITTEN:
        yield f"write {path}", outcome(lambda: os.access(path, os.W_OK))
    yield "become 61500", outcome(lambda: become(61500))
    yield "/dev/null device", outcome(lambda: os.mknod("/tmp/probe-null", 0o20600, os.makedev(1, 3)) or os.unlink("/tmp/probe-null"))
    for place in PLACES:
        yield f"read-only {place}", bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    yield "account", account()
    yield "home", os.environ.get("HOME")
    yield "lowest port of a user", open("/proc/sys/net/ipv4/ip_unprivileged_port_start").read().strip()
    yield "/.dockerenv", os.path.exists("/.dockerenv")


if __name__ == "__main__":
    for name, what in lines():
        print(f"{name}: {what}")
