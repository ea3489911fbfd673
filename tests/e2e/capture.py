# SPDX-License-Identifier: MIT
"""What leaves an interface, as the wire would see it.

capture.py INTERFACE PROTOCOL   PROTOCOL is udp or tcp. Prints "capturing", and from then on a line for each packet that
                                leaves: the kernel's time in ns, traffic class, TTL or hop limit, whether it may be
                                fragmented, source, destination port, payload (in hex). Ends with its standard input.
"""

import ipaddress
import select
import socket
import struct
import sys

ETH_P_ALL, PACKET_OUTGOING = 0x0003, 4
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
PROTOCOLS = {"udp": 17, "tcp": 6}


def network(frame):
    """Traffic class, TTL, may be fragmented, source, protocol, what is behind the header; None if it is not IP."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    ip = frame[14:]
    if kind == 0x0800:
        head = (ip[0] & 15) * 4
        length, flags = struct.unpack_from("!H", ip, 2)[0], struct.unpack_from("!H", ip, 6)[0]
        return ip[1], ip[8], not flags & 0x4000, ipaddress.ip_address(ip[12:16]), ip[9], ip[head:length]
    if kind == 0x86DD:
        length = struct.unpack_from("!H", ip, 4)[0]
        traffic_class = struct.unpack_from("!I", ip)[0] >> 20 & 0xFF
        return traffic_class, ip[7], False, ipaddress.ip_address(ip[8:24]), ip[6], ip[40:40 + length]
    return None


def describe(frame, time_ns, wanted):
    found = network(frame)
    if found is None or found[4] != wanted:
        return None
    traffic_class, ttl, fragments, source, _, segment = found
    if len(segment) < 8:
        return None
    port = struct.unpack_from("!H", segment, 2)[0]
    payload = segment[8:] if wanted == 17 else segment[(segment[12] >> 4) * 4:]
    return f"{time_ns} {traffic_class} {ttl} {int(fragments)} {source} {port} {payload.hex() or '-'}"


def main():
    interface, wanted = sys.argv[1], PROTOCOLS[sys.argv[2]]
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    raw.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    raw.bind((interface, ETH_P_ALL))
    print("capturing", flush=True)
    ending = False
    while True:
        ready = select.select([raw] if ending else [raw, sys.stdin], [], [], 0 if ending else None)[0]
        if raw in ready:
            frame, control, _, address = raw.recvmsg(65536, 64)
            if address[2] != PACKET_OUTGOING:
                continue
            seconds, nanoseconds = struct.unpack("qq", control[0][2])
            line = describe(frame, seconds * 10**9 + nanoseconds, wanted)
            if line:
                print(line)
        elif ending:  # all that came before the end is told
            return
        ending = ending or sys.stdin in ready


main()
