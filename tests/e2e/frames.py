# SPDX-License-Identifier: MIT
"""UDP and TCP in Ethernet frames: read, and made anew with another source. For tests that spoof or watch."""

import ipaddress
import socket
import struct

ETHERNET, IPV4, IPV6, UDP = 14, 20, 40, 8


class Frame:
    """An Ethernet frame that holds UDP or TCP over IPv4 or IPv6."""

    def __init__(self, frame):
        self.ethernet, ip = frame[:ETHERNET], frame[ETHERNET:]
        self.v6 = ip[0] >> 4 == 6
        if self.v6:
            self.protocol, self.source, self.target = ip[6], ipaddress.ip_address(ip[8:24]), ipaddress.ip_address(ip[24:40])
            segment = ip[IPV6:IPV6 + struct.unpack_from("!H", ip, 4)[0]]
        else:
            self.protocol, self.source, self.target = ip[9], ipaddress.ip_address(ip[12:16]), ipaddress.ip_address(ip[16:20])
            segment = ip[(ip[0] & 15) * 4:struct.unpack_from("!H", ip, 2)[0]]
        self.source_port, self.target_port = struct.unpack_from("!HH", segment)
        head = UDP if self.protocol == socket.IPPROTO_UDP else (segment[12] >> 4) * 4
        self.payload = segment[head:]

    @staticmethod
    def read(frame):
        """None for what is neither UDP nor TCP, and for fragments."""
        kind = struct.unpack_from("!H", frame, 12)[0]
        if kind == 0x0800:
            known = frame[ETHERNET + 9] in (6, 17) and struct.unpack_from("!H", frame, ETHERNET + 6)[0] & 0x3FFF == 0
        else:
            known = kind == 0x86DD and frame[ETHERNET + 6] in (6, 17)
        return Frame(frame) if known else None

    def udp_from(self, source, source_port, payload):
        """A frame as this one, as if from there."""
        source = ipaddress.ip_address(source).packed
        target = self.target.packed
        udp = struct.pack("!HHHH", source_port, self.target_port, UDP + len(payload), 0) + payload
        pseudo = source + target + struct.pack("!IHH", len(udp), 0, 17)
        udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp) or 0xFFFF) + udp[8:]
        if self.v6:
            ip = struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + source + target
        else:
            ip = struct.pack("!BBHHHBBH", 0x45, 0, IPV4 + len(udp), 0, 0, 64, 17, 0) + source + target
            ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        return self.ethernet + ip + udp


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tap(interface):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    raw.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    raw.bind((interface, 3))
    return raw
