# SPDX-License-Identifier: MIT
"""paceline-relay does what it says, and its counters are the truth: what the lossy-path tests rest on."""

import json
import os
import select
import signal
import socket
import time

import lab


class Relay(lab.E2eTest):
    def relay(self, *options, family=socket.AF_INET):
        """A relay to a target socket; returns (process, client socket, target socket)."""
        host = "127.0.0.1" if family == socket.AF_INET else "::1"
        target, client = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
        for end in (target, client):
            end.bind((host, 0))
            end.settimeout(2)
            self.addCleanup(end.close)
        relay = self.start(lab.RELAY, "--listen", lab.endpoint(host, 0),
                           "--to", lab.endpoint(host, target.getsockname()[1]), *options)
        port = int(relay.wait_for(r"listening: .*:(\d+)$")[1])
        client.connect((host, port))
        return relay, client, target

    def arrivals(self, end, seconds=0.5):
        """The numbers that arrive until nothing comes any more."""
        numbers = []
        while select.select([end], [], [], seconds)[0]:
            numbers.append(int(end.recv(100).split()[-1]))
        return numbers

    def counters(self, relay):
        self.assertEqual(relay.stop(), 0)
        return json.loads(relay.stdout)

    def send(self, end, count, text="packet"):
        for number in range(1, count + 1):
            end.send(f"{text} {number}".encode())

    def test_forwards_both_ways_and_ends_with_its_counters(self):
        for family in (socket.AF_INET, socket.AF_INET6):
            relay, client, target = self.relay(family=family)
            client.send(b"there")
            data, address = target.recvfrom(100)
            self.assertEqual(data, b"there")
            target.sendto(b"back", address)
            self.assertEqual(client.recv(100), b"back")
            counters = self.counters(relay)
            self.assertEqual(counters["clients"], 1)
            self.assertEqual([counters[way]["sent"] for way in ("forward", "back")], [1, 1])

    def test_loses_exactly_the_packets_named(self):
        relay, client, target = self.relay("--drop", "2,5-7")
        self.send(client, 10)
        self.assertEqual(self.arrivals(target), [1, 3, 4, 8, 9, 10])
        counters = self.counters(relay)["forward"]
        self.assertEqual((counters["matched"], counters["dropped"], counters["sent"]), (10, 4, 6))

    def test_counts_losses_duplicates_and_reordering_as_they_arrive(self):
        relay, client, target = self.relay("--loss", "0.1", "--duplicate", "0.1", "--reorder", "0.1", "--seed", "3")
        numbers = []
        for number in range(1, 1001):  # read while sending: the target socket's buffer does not hold them all
            client.send(f"packet {number}".encode())
            numbers += self.arrivals(target, 0.0005)
        numbers += self.arrivals(target)
        distinct, duplicated, reordered, highest = set(), 0, 0, 0
        for number in numbers:
            duplicated += number in distinct
            reordered += number not in distinct and number < highest
            distinct.add(number)
            highest = max(highest, number)
        counters = self.counters(relay)["forward"]
        self.assertEqual(counters["dropped"], 1000 - len(distinct))
        self.assertEqual(counters["duplicated"], duplicated)
        self.assertEqual(counters["reordered"], reordered)
        self.assertEqual(counters["sent"], len(numbers))
        for what in ("dropped", "duplicated", "reordered"):
            self.assertGreater(counters[what], 40, what)

    def test_delays_each_direction_by_its_own(self):
        relay, client, target = self.relay("--delay", "50ms", "--back-delay", "20ms")
        started = time.monotonic()
        client.send(b"there")
        _, address = target.recvfrom(100)
        forward = time.monotonic() - started
        target.sendto(b"back", address)
        client.recv(100)
        back = time.monotonic() - started - forward
        self.assertTrue(0.05 <= forward < 0.15 and 0.02 <= back < 0.12, (forward, back))

    def test_impairs_only_what_matches(self):
        relay, client, target = self.relay("--match", b"data".hex(), "--loss", "1")
        self.send(client, 5, "data")
        self.send(client, 3, "else")
        self.assertEqual(self.arrivals(target), [1, 2, 3])
        counters = self.counters(relay)["forward"]
        self.assertEqual((counters["matched"], counters["dropped"], counters["passed"]), (5, 5, 3))

    def test_goes_dark_and_light_on_a_signal(self):
        relay, client, target = self.relay()
        for dark in (True, False):
            os.kill(relay.pid, signal.SIGUSR1)
            time.sleep(0.1)
            self.send(client, 2)
            self.assertEqual(self.arrivals(target), [] if dark else [1, 2])
        self.assertEqual(self.counters(relay)["forward"]["dark"], 2)


if __name__ == "__main__":
    lab.main()
