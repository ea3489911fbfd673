# SPDX-License-Identifier: MIT
"""What leaves the machine is what was asked: gaps, sizes, payload and every header bit, as a capture sees it."""

import collections
import math
import statistics
import struct
import subprocess
import unittest

import lab
from lab import NODE, endpoint

HEADER = 18
DATA = 0xD101  # magic and type
# What Kolmogorov-Smirnov's distance times the root of the count exceeds once in 30,000 times. The seeds are fixed.
KS_LIMIT = 2.3


class Packet:
    def __init__(self, line):
        time, traffic_class, ttl, fragments, self.source, port, payload = line.split()
        self.time, self.traffic_class, self.ttl, self.port = int(time), int(traffic_class), int(ttl), int(port)
        self.may_be_fragmented = fragments == "1"
        self.payload = bytes.fromhex(payload) if payload != "-" else b""
        self.size = len(self.payload)

    def is_data(self):
        return self.size >= HEADER and struct.unpack_from("!H", self.payload)[0] == DATA

    @property
    def sequence(self):
        return struct.unpack_from("!I", self.payload, 6)[0]

    @property
    def due(self):
        """By the sender's clock, ns: the header tells when it was sent, and how late that was (to 1 part in 2048)."""
        high, low, lateness = struct.unpack_from("!HIH", self.payload, 10)
        exponent, mantissa = lateness >> 11, lateness & 0x7FF
        return (high << 32 | low) - (mantissa if exponent == 0 else (mantissa | 0x800) << exponent - 1)


def distance(values, cdf):
    """Kolmogorov and Smirnov's, times the root of the count."""
    values = sorted(values)
    count = len(values)
    return math.sqrt(count) * max(max((i + 1) / count - cdf(value), cdf(value) - i / count)
                                  for i, value in enumerate(values))


def gaps(times):
    return [later - earlier for earlier, later in zip(times, times[1:])]


class CaptureTest(lab.E2eTest):
    def setUp(self):
        self.make_topology()
        self.start_receiver("--advertise", "udp=30899,tcp=30899")

    def capture(self, protocol="udp"):
        """A capture at the client; .packets() ends it."""
        process = subprocess.Popen(
            self.topology.within("client", ["python3", "-B", str(lab.HERE / "capture.py"), "eth0", protocol]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "capturing\n")
        return process

    def sent(self, *options, family=4, protocol="udp", **how):
        """The flow's result and what was seen of it: its data packets, or all to the data port over TCP."""
        capture = self.capture(protocol)
        flow = self.measure(endpoint(NODE[family], 30900), *options, **how).flow()
        packets = [Packet(line) for line in capture.communicate(timeout=lab.GRACE)[0].splitlines()]
        if protocol == "udp":
            packets = [packet for packet in packets if packet.is_data()]
        return flow, [packet for packet in packets if packet.port == 30899]


@lab.needs_namespaces
class Models(CaptureTest):
    def test_gaps_and_sizes_are_the_models(self):
        flow, packets = self.sent("--idt", "exponential:mean=1ms", "--size", "normal:mean=512,stddev=64", "--seed", "7",
                                  "--duration", "3s")
        self.assertEqual([packet.sequence for packet in packets], list(range(flow["sent"]["packets"])))
        self.assertGreater(len(packets), 2700)
        due_gaps = gaps([packet.due for packet in packets])
        self.assertLess(distance(due_gaps, lambda gap: 1 - math.exp(-max(gap, 0) / 1e6)), KS_LIMIT)
        normal = statistics.NormalDist(512, 64)
        self.assertLess(distance([packet.size for packet in packets], normal.cdf), KS_LIMIT)

    def test_packets_leave_when_they_are_due(self):
        """A busy machine is late now and then, so the means are long and the bound is wide."""
        _, packets = self.sent("--idt", "uniform:min=5ms,max=25ms", "--seed", "3", "--duration", "4s")
        dues, times = [packet.due for packet in packets], [packet.time for packet in packets]
        earliest = min(time - due for time, due in zip(times, dues))  # the clocks' offset, and the least lateness
        behind = [time - due - earliest for time, due in zip(times, dues)]
        self.assertLess(statistics.median(behind), 2e6)
        observed = distance(gaps(times), lambda gap: min(max((gap - 5e6) / 20e6, 0), 1))
        self.assertLess(observed / math.sqrt(len(times) - 1), 0.25)

    def test_discrete_sizes_come_as_often_as_they_should(self):
        shares = {64: 0.58, 594: 0.33, 1418: 0.09}
        model = "discrete:" + ",".join(f"{share}@{size}" for size, share in shares.items())
        _, packets = self.sent("--rate", "2k", "--size", model, "--seed", "11", "--packets", "3000", "--duration", "10s")
        counts = collections.Counter(packet.size for packet in packets)
        self.assertEqual(set(counts), set(shares))
        self.assertEqual(len(packets), 3000)
        chi_square = sum((counts[size] - 3000 * share)**2 / (3000 * share) for size, share in shares.items())
        self.assertLess(chi_square, 18.4)  # two degrees of freedom: once in 10,000 times

    def test_one_seed_gives_one_flow(self):
        options = ("--idt", "gamma:shape=2,scale=1ms", "--size", "exponential:mean=300,min=64,max=1400", "--payload",
                   "random", "--packets", "500", "--duration", "10s")
        first, again, other = (self.sent(*options, "--seed", seed)[1] for seed in ("21", "21", "22"))

        def what_was_sent(packets):
            return [(packet.size, packet.payload[HEADER:]) for packet in packets]

        self.assertEqual(len(first), 500)
        self.assertEqual(what_was_sent(first), what_was_sent(again))
        self.assertNotEqual(what_was_sent(first), what_was_sent(other))
        for one, two in zip(first, again):
            # Both were rounded, by 1/2048 of how late each was.
            self.assertAlmostEqual(one.due - first[0].due, two.due - again[0].due, delta=200_000)
        exact = sum(abs((one.due - first[0].due) - (two.due - again[0].due)) < 2000 for one, two in zip(first, again))
        self.assertGreater(exact, 250)

    def test_bursts_have_real_silences(self):
        _, packets = self.sent("--rate", "1k", "--on", "constant:100ms", "--off", "constant:200ms", "--duration", "2s")
        due_gaps = gaps([packet.due for packet in packets])
        silences = [gap for gap in due_gaps if gap > 150e6]
        self.assertEqual(len(silences), 6)
        for silence in silences:
            self.assertAlmostEqual(silence, 201e6, delta=1e6)
        self.assertLess(max(gap for gap in due_gaps if gap < 150e6), 2e6)


@lab.needs_namespaces
class PacketContents(CaptureTest):
    def test_payload_of_a_file(self):
        content = bytes(range(1, 252)) * 3
        file = self.scratch() / "content"
        file.write_bytes(content)
        _, packets = self.sent("--rate", "500", "--packets", "100", "--size", "118", "--payload", str(file))
        stream = b"".join(packet.payload[HEADER:] for packet in packets)
        self.assertEqual(stream, (content * 20)[:100 * 100])

    def test_zeros_and_random(self):
        _, zeros = self.sent("--rate", "500", "--packets", "20", "--size", "418")
        self.assertEqual({packet.payload[HEADER:] for packet in zeros}, {bytes(400)})
        _, random = self.sent("--rate", "500", "--packets", "200", "--size", "418", "--payload", "random", "--seed", "1")
        self.assertEqual(len({packet.payload[HEADER:] for packet in random}), 200)
        counts = collections.Counter(b"".join(packet.payload[HEADER:] for packet in random))
        expected = 200 * 400 / 256
        self.assertLess(sum((counts[value] - expected)**2 / expected for value in range(256)), 347)

    def test_a_payload_file_that_is_not_there(self):
        sender = self.start_sender(endpoint(NODE[4], 30900), "--payload", "/nowhere/content")
        self.assertIn(sender.finish(), (lab.EXIT_SETUP, lab.EXIT_USAGE))
        self.assertIn("/nowhere/content", sender.stderr)


@lab.needs_namespaces
class SocketOptions(CaptureTest):
    SHORT = ("--rate", "500", "--packets", "50")

    def test_header_fields_of_datagrams(self):
        for family in (4, 6):
            with self.subTest(family=family):
                _, packets = self.sent(*self.SHORT, "--dscp", "EF", "--ecn", "1", "--ttl", "9", family=family)
                self.assertEqual(len(packets), 50)
                self.assertEqual({packet.traffic_class for packet in packets}, {46 << 2 | 1})
                self.assertEqual({packet.ttl for packet in packets}, {9})

    def test_header_fields_of_a_tcp_flow(self):
        for family in (4, 6):
            with self.subTest(family=family):
                _, packets = self.sent("--duration", "200ms", "--bitrate", "10M", "--dscp", "AF41", "--ttl", "9",
                                       family=family, protocol="tcp", what="throughput")
                carriers = [packet for packet in packets if packet.size > 500]
                self.assertTrue(carriers)
                self.assertEqual({packet.traffic_class >> 2 for packet in carriers}, {34})
                self.assertEqual({packet.ttl for packet in carriers}, {9})

    def test_fragments(self):
        _, packets = self.sent(*self.SHORT, "--fragments", "allowed")
        self.assertEqual({packet.may_be_fragmented for packet in packets}, {True})
        for fragments in ("above-mtu", "never"):
            _, packets = self.sent(*self.SHORT, "--fragments", fragments)
            self.assertEqual({packet.may_be_fragmented for packet in packets}, {False}, fragments)

    def test_a_packet_above_the_mtu_ends_a_flow_without_fragments(self):
        for family in (4, 6):
            flow, packets = self.sent(*self.SHORT, "--size", "1600", "--fragments", "never", family=family,
                                      code=lab.EXIT_PARTIAL)
            self.assertEqual(packets, [])
            self.assertIn("larger than the path's MTU", flow["incomplete_reason"])

    def test_source_and_interface(self):
        client = self.topology.prefix + "-client"
        subprocess.run(["ip", "-n", client, "address", "add", "10.0.0.44/24", "dev", "eth0"], check=True)
        flow, packets = self.sent(*self.SHORT, "--source", "10.0.0.44:40404", "--interface", "eth0")
        self.assertEqual({packet.source for packet in packets}, {"10.0.0.44"})
        self.assertEqual(flow["path"]["sent_from"], "10.0.0.44:40404")
        sender = self.start_sender(endpoint(NODE[4], 30900), *self.SHORT, "--interface", "nowhere0")
        self.assertEqual(sender.finish(), lab.EXIT_SETUP, sender.log())
        self.assertIn("'nowhere0'", sender.stderr)


if __name__ == "__main__":
    lab.main()
