"""What a hostile build tries in a container, each attempt once; prints one JSON object.

The words are "worked", or the name of the error that stood in the way. The first argument is what
there is to be had, written by plants.py.
"""

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
there = json.load(open(sys.argv[1]))


def call(number, *arguments):
    """A system call; the result, or OSError."""
    words = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def read_the_callers_file():
    assert open(there["secret"]).read() == there["canary"]


def read_the_callers_environment():
    assert there["canary"] in open(f"/proc/{there['victim']}/environ").read()


def read_the_callers_memory():
    open(f"/proc/{there['victim']}/mem", "rb").close()


def inherit_a_variable():
    assert there["canary"] in os.environ.get("DEPLOY_TOKEN", "")


def inherit_a_descriptor():
    os.fstat(9)


def reach_a_service():
    socket.create_connection(("127.0.0.1", there["port"]), 5).close()


def talk_to_the_hypervisor():
    socket.socket(40).close()  # AF_VSOCK


def connect_to_an_abstract_socket():
    socket.socket(socket.AF_UNIX).connect("\0" + there["abstract"])


def connect_to_a_named_socket():
    socket.socket(socket.AF_UNIX).connect(there["named"])


def see_a_process_outside():
    assert there["canary"] in open(f"/proc/{there['victim']}/cmdline").read()


def signal_a_process_outside():
    os.kill(there["victim"], 0)


def trace_a_process_outside():
    call(101, 16, there["victim"], 0, 0)  # PTRACE_ATTACH
    os.waitpid(there["victim"], 0)
    call(101, 17, there["victim"], 0, 0)  # PTRACE_DETACH


def read_a_process_outside():
    call(310, there["victim"], ctypes.c_void_p(0), 0, ctypes.c_void_p(0), 0, 0)  # process_vm_readv


def learn_the_hosts_name():
    assert os.uname().nodename == there["hostname"]


def change_a_file_outside():
    open(there["shared"] + "/changed", "w").close()


def change_the_callers_profile():
    open(there["home"] + "/.profile", "a").write("evil\n")


def change_a_mode_outside():
    os.chmod(there["secret"], 0o640)
    os.chmod(there["secret"], 0o600)


def make_a_set_uid_program():
    open("program", "w").close()
    os.chmod("program", 0o4755)


def make_a_set_uid_program_by_the_new_call():
    open("program", "w").close()
    call(452, -100, ctypes.c_char_p(b"program"), 0o4755, 0)  # fchmodat2


def have_a_capability():
    fields = dict(line.split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
    assert any(int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb"))


def gain_privileges():
    fields = dict(line.split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
    assert int(fields["NoNewPrivs"]) == 0


def set_up_io_uring():
    os.close(call(425, 8, ctypes.create_string_buffer(120)))


def make_a_user_namespace():
    child = os.fork()
    if child == 0:
        result = libc.unshare(0x10000000)
        os._exit(0 if result == 0 else ctypes.get_errno())
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise OSError(status, "")


def share_memory_with_anybody():
    call(29, there["segment"], 0, 0)  # shmget


def keep_a_core_file():
    # A limit of one byte holds no core, and keeps the crash from the host's own program for cores.
    assert resource.getrlimit(resource.RLIMIT_CORE)[1] not in (0, 1)


def write_without_bound():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY


def places():
    """Where a build leaves what the next one may find: every place is one of its own."""
    return {"/tmp/left", os.environ.get("TMPDIR", "/tmp") + "/left", os.environ["HOME"] + "/left"}


def find_what_another_build_left():
    assert any(os.path.exists(place) for place in places())


def leave_something():
    for place in places():
        try:
            open(place, "w").close()
        except OSError:
            pass


def attempt(what):
    try:
        what()
        return "worked"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    except AssertionError:
        return "nothing there"


signal.alarm(20)
attempts = {
    "read-file": read_the_callers_file,
    "read-environment": read_the_callers_environment,
    "read-memory": read_the_callers_memory,
    "inherit-variable": inherit_a_variable,
    "inherit-descriptor": inherit_a_descriptor,
    "reach-service": reach_a_service,
    "socket-vsock": talk_to_the_hypervisor,
    "socket-abstract": connect_to_an_abstract_socket,
    "socket-named": connect_to_a_named_socket,
    "see-process": see_a_process_outside,
    "signal-process": signal_a_process_outside,
    "trace-process": trace_a_process_outside,
    "read-process": read_a_process_outside,
    "learn-hostname": learn_the_hosts_name,
    "write-file": change_a_file_outside,
    "write-profile": change_the_callers_profile,
    "change-mode": change_a_mode_outside,
    "set-uid": make_a_set_uid_program,
    "set-uid-fchmodat2": make_a_set_uid_program_by_the_new_call,
    "capability": have_a_capability,
    "new-privileges": gain_privileges,
    "io-uring": set_up_io_uring,
    "user-namespace": make_a_user_namespace,
    "shared-memory": share_memory_with_anybody,
    "core-file": keep_a_core_file,
    "file-size": write_without_bound,
    "find-leftovers": find_what_another_build_left,
}
answers = {name: attempt(what) for name, what in attempts.items()}
leave_something()
json.dump(answers, sys.stdout)
