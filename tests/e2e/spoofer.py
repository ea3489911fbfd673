# SPDX-License-Identifier: MIT
"""A client with a valid session that aims at a victim.

spoofer.py INTERFACE PORT VICTIM COUNT   waits for a probe that leaves the interface towards PORT, then sends COUNT of
                                         each kind as if from VICTIM, and as many from each of 4 ports of it:
                                           the probe itself, with nonces of their own: it knows the flow's secret
                                           the probe with nonces that no reply had
                                           probes of other sizes, other secrets, other flows
                                           data packets of the flow, of many sizes
                                         and then the next COUNT packets of the flow itself, each a moment after it
                                         left. Prints "done".
"""

import random
import sys

import frames

DATA, PROBE, PROBE_BYTES = 1, 2, 64
SECRET, NONCE = 18, 34
PACKET_OUTGOING = 4


def next_packet(raw, port, flow):
    """The next to leave for the port, of this flow: the bytes 2 to 5 of its packets; any if None."""
    while True:
        data, _, _, address = raw.recvmsg(65536)
        frame = frames.Frame.read(data) if address[2] == PACKET_OUTGOING else None
        if frame and frame.protocol == 17 and frame.target_port == port and flow in (None, frame.payload[2:6]):
            return frame


def wait_for_probe(raw, port):
    while True:
        frame = next_packet(raw, port, None)
        if len(frame.payload) == PROBE_BYTES and frame.payload[1] == PROBE:
            return frame


def main():
    interface, port, victim, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    raw = frames.tap(interface)
    print("waiting", flush=True)
    frame = wait_for_probe(raw, port)
    probe, dice = frame.payload, random.Random(1)
    for number in range(count):
        for victim_port in (7000, 7001, 7002, 7003):
            def send(payload):
                raw.send(frame.udp_from(victim, victim_port, payload))
            attempt = probe[:6] + number.to_bytes(4, "big") + probe[10:]
            send(attempt)
            send(attempt[:NONCE] + dice.randbytes(16) + attempt[NONCE + 16:])
            send(attempt[:SECRET] + dice.randbytes(16) + attempt[SECRET + 16:])
            send(attempt[:2] + dice.randbytes(4) + attempt[6:])
            send(attempt[:dice.randrange(PROBE_BYTES)])
            send(attempt + dice.randbytes(dice.randrange(1, 1300)))
            send(bytes([probe[0], DATA]) + probe[2:SECRET] + bytes(dice.randrange(1300)))
    for _ in range(count):
        packet = next_packet(raw, port, probe[2:6])
        raw.send(packet.udp_from(victim, 7000, packet.payload))
    print("done", flush=True)


main()
