"""Prints what the system call filter of the process PID decides, one line for each call.

The kernel hands out the program (PTRACE_SECCOMP_GET_FILTER, ptrace(2)); it is run here.
"""

import ctypes
import os
import struct
import sys

SEIZE, INTERRUPT, DETACH, GET_FILTER = 0x4206, 0x4207, 17, 0x420C
ENTRIES = (0xC000003E, 0x40000003, 0xC00000B7)
ARGUMENTS = (0, 8, 0x20000, 0x40000, 0x10000000, 0x40000011, 0xFFFFFFFF)


def program_of(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def ptrace(request, address=None, data=None):
        answer = libc.ptrace(request, pid, address, data)
        if answer < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return answer

    ptrace(SEIZE)
    ptrace(INTERRUPT)
    os.waitpid(pid, 0x40000000)
    length = ptrace(GET_FILTER, 0)
    text = ctypes.create_string_buffer(8 * length)
    ptrace(GET_FILTER, 0, text)
    ptrace(DETACH)
    return [struct.unpack_from("HBBI", text.raw, at) for at in range(0, 8 * length, 8)]


def decide(program, data):
    accumulator, memory, at = 0, [0] * 16, 0
    while True:
        code, yes, no, operand = program[at]
        at += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x06:
            return operand
        elif code == 0x05:
            at += operand
        elif code == 0x54:
            accumulator &= operand
        elif code == 0x02:
            memory[operand] = accumulator
        elif code == 0x60:
            accumulator = memory[operand]
        else:
            holds = {
                0x15: accumulator == operand,
                0x25: accumulator > operand,
                0x35: accumulator >= operand,
                0x45: accumulator & operand != 0,
            }[code]
            at += yes if holds else no


def main():
    program = program_of(int(sys.argv[1]))
    for entry in ENTRIES:
        for number in range(600):
            for argument in ARGUMENTS:
                data = struct.pack("<IIQ6Q", number, entry, 0, argument, 0, 0, 0, 0, 0)
                action = decide(program, data)
                word = {0x7FFF: "allowed", 5: f"errno {action & 0xFFFF}"}.get(action >> 16, "killed")
                print(f"{entry:x} {number} {argument:x}: {word}")


main()
