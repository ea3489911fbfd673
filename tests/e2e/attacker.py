# SPDX-License-Identifier: MIT
"""Disturbs a running flow over IPv4 from where its sender is. Needs root.

attacker.py INTERFACE HOST PORT COUNT watches the interface until a data packet to HOST:PORT passes, sends COUNT
datagrams of each kind below, and prints how many answers came, as JSON.

From a socket of its own:     random bytes; data packets cut short; copies of data packets (replayed from elsewhere);
                              probes that know the flow's id, not its secret
From the sender's address:    copies of data packets; data packets of a size that was not negotiated
"""

import json
import random
import select
import socket
import struct
import sys

DATA, PROBE = 1, 2
HEADER = 18
ETHERNET, IPV4_HEADER, UDP_HEADER = 14, 20, 8


def watch(interface, host, port):
    """The next data packet to host:port: (source port, payload)."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:
        tap.bind((interface, 0))
        while True:
            frame = tap.recv(65536)
            ip = frame[ETHERNET:]
            if frame[12:14] != b"\x08\x00" or ip[9] != socket.IPPROTO_UDP or ip[16:20] != socket.inet_aton(host):
                continue
            source, destination, length = struct.unpack_from("!HHH", ip, IPV4_HEADER)
            payload = ip[IPV4_HEADER + UDP_HEADER:IPV4_HEADER + length]
            if destination == port and len(payload) > HEADER and payload[1] == DATA:
                return socket.inet_ntoa(ip[12:16]), source, payload


def spoof(raw, source, host, port, payload):
    udp = struct.pack("!HHHH", source[1], port, UDP_HEADER + len(payload), 0) + payload  # 0: no checksum
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, IPV4_HEADER + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0,
                     socket.inet_aton(source[0]), socket.inet_aton(host))
    raw.sendto(ip + udp, (host, 0))


def main():
    interface, host, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    address, source_port, packet = watch(interface, host, port)
    dice = random.Random(1)
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.connect((host, port))
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for _ in range(count):
        own.send(dice.randbytes(dice.randrange(1400)))
        own.send(packet[:dice.randrange(HEADER)])
        own.send(packet)
        own.send(bytes([packet[0], PROBE]) + packet[2:6] + dice.randbytes(58))
        spoof(raw, (address, source_port), host, port, packet)
        spoof(raw, (address, source_port), host, port, packet[:-1])
    answers = 0
    while select.select([own], [], [], 1)[0]:
        own.recv(65536)
        answers += 1
    print(json.dumps({"answers": answers}))


main()
