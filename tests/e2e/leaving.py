# SPDX-License-Identifier: MIT
"""What leaves an interface towards an address.

leaving.py INTERFACE ADDRESS...   Prints "watching", and from then on a line for each UDP and TCP packet that leaves
                                  towards one of them: protocol, destination, port, source port, bytes of payload, the
                                  first two of these in hex. A line of standard input is answered by the same line, once all that left
                                  before it was told. Ends with its standard input.
"""

import ipaddress
import select
import sys

import frames

PACKET_OUTGOING = 4


def main():
    watched = {ipaddress.ip_address(address) for address in sys.argv[2:]}
    raw = frames.tap(sys.argv[1])
    print("watching", flush=True)
    asked = None
    while True:
        ready = select.select([raw, sys.stdin] if asked is None else [raw], [], [], None if asked is None else 0)[0]
        if raw in ready:
            data, _, _, address = raw.recvmsg(65536)
            frame = frames.Frame.read(data) if address[2] == PACKET_OUTGOING else None
            if frame and frame.target in watched:
                print(frame.protocol, frame.target, frame.target_port, frame.source_port, len(frame.payload),
                      frame.payload[:2].hex() or "-", flush=True)
        elif asked is not None:
            print(asked, flush=True)
            asked = None
        elif sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            asked = line.strip()


main()
