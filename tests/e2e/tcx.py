# SPDX-License-Identifier: MIT
"""The TCX ingress hook of an interface, by the bpf system call: Debian 12's tools know no TCX yet.

tcx.py list INTERFACE     prints the programs on the hook, in order, as a JSON array of names
tcx.py shadow INTERFACE   puts a program at the head that ends the walk (TC_ACT_OK), prints "shadowing", and stays
                          until it is ended
"""

import ctypes
import json
import os
import signal
import socket
import struct
import sys

SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
PROG_LOAD, PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD, PROG_QUERY, LINK_CREATE = 5, 13, 15, 16, 28
SCHED_CLS = 3
TCX_INGRESS = 46
AT_HEAD = 8  # BPF_F_BEFORE, relative to nothing
NAME_IN_PROG_INFO = slice(64, 80)

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    result = libc.syscall(SYS_BPF, command, attributes, len(attributes))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"bpf command {command}: {os.strerror(error)}")
    return result


def program_name(number):
    fd = bpf(PROG_GET_FD_BY_ID, ctypes.create_string_buffer(struct.pack("=I", number), 16))
    info = ctypes.create_string_buffer(256)
    bpf(OBJ_GET_INFO_BY_FD, ctypes.create_string_buffer(struct.pack("=IIQ", fd, 80, ctypes.addressof(info)), 16))
    os.close(fd)
    return info.raw[NAME_IN_PROG_INFO].split(b"\0")[0].decode()


def programs(interface):
    ids = (ctypes.c_uint32 * 64)()
    attributes = ctypes.create_string_buffer(
        struct.pack("=IIIIQI", socket.if_nametoindex(interface), TCX_INGRESS, 0, 0, ctypes.addressof(ids), 64), 64)
    bpf(PROG_QUERY, attributes)
    (count,) = struct.unpack_from("=I", attributes, 24)
    return [program_name(number) for number in ids[:count]]


def shadow(interface):
    # r0 = TC_ACT_OK; exit
    instructions = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0))
    licence = ctypes.create_string_buffer(b"GPL")
    program = bpf(PROG_LOAD, ctypes.create_string_buffer(
        struct.pack("=IIQQIIQII16s", SCHED_CLS, 2, ctypes.addressof(instructions), ctypes.addressof(licence),
                    0, 0, 0, 0, 0, b"shadow"), 72))
    return bpf(LINK_CREATE, ctypes.create_string_buffer(
        struct.pack("=IIII", program, socket.if_nametoindex(interface), TCX_INGRESS, AT_HEAD), 64))


if __name__ == "__main__":
    command, interface = sys.argv[1:]
    if command == "list":
        print(json.dumps(programs(interface)))
    else:
        shadow(interface)
        print("shadowing", flush=True)
        signal.pause()
