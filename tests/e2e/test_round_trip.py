# SPDX-License-Identifier: MIT
"""Packets that come back: measured right at any delay, joined by sequence number, sent back to their sender alone."""

import json
import sys

import lab
from lab import NODE, endpoint, segment

# Paceline's packets begin so (proto/README.md): all, data on its way, what comes back.
ALL, DATA_PACKETS, ECHOES = "d1", "d101", "d104"
MS = 1_000_000


class ThroughTheRelay(lab.E2eTest):
    def setUp(self):
        self.receiver = self.start_loopback_receiver()

    def measure_through(self, match, impairments, *options):
        """The flow, and what the relay did to it."""
        relay = self.start(lab.RELAY, "--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{self.receiver.data_port}",
                           "--match", match, "--seed", "7", *impairments)
        port = relay.wait_for(r"listening: .*:(\d+)$")[1]
        flow = self.measure(f"127.0.0.1:{self.receiver.port}", "--data-port", port, "--meter", "round-trip",
                            *options).flow()
        self.assertEqual(relay.stop(), 0, relay.log())
        return flow, json.loads(relay.stdout)

    def test_fifty_milliseconds_at_a_packet_a_millisecond(self):
        flow, _ = self.measure_through(ALL, ("--delay", "25ms", "--back-delay", "25ms"), "--rate", "1k", "--duration",
                                       "2s")
        back = flow["round_trip"]
        self.assertTrue(flow["complete"], flow["incomplete_reason"])
        self.assertEqual((flow["received"]["packets"], flow["received"]["lost"]), (2000, 0))
        self.assertEqual((back["received"]["packets"], back["received"]["lost"]), (2000, 0))
        self.assertEqual(back["received"]["bytes"], 2000 * 512)
        self.assertEqual(back["echoes_unsent"], 0)
        times = segment(back, "tx.user", "rx.user")
        self.assertEqual(times["count"], 2000)
        self.assertGreaterEqual(times["min"], 50 * MS)
        self.assertLess(times["p50"], 60 * MS)  # fifty gaps, and a little
        self.assertLess(times["min"], 52 * MS)

    def test_loss_on_the_way_there(self):
        flow, relay = self.measure_through(DATA_PACKETS, ("--loss", "0.1"), "--rate", "1k", "--duration", "1s")
        dropped = relay["forward"]["dropped"]
        self.assertGreater(dropped, 20)
        self.assertEqual(flow["received"]["lost"], dropped)
        self.assertEqual(flow["round_trip"]["received"]["lost"], dropped)
        self.assertEqual(flow["round_trip"]["received"]["packets"], 1000 - dropped)

    def test_loss_on_the_way_back(self):
        flow, relay = self.measure_through(ECHOES, ("--back-loss", "0.1"), "--rate", "1k", "--duration", "1s")
        dropped = relay["back"]["dropped"]
        self.assertGreater(dropped, 20)
        self.assertEqual(flow["received"]["lost"], 0)
        self.assertEqual(flow["round_trip"]["received"]["lost"], dropped)
        self.assertEqual(segment(flow["round_trip"], "tx.user", "rx.user")["count"], 1000 - dropped)

    def test_duplicates_and_reordering_on_the_way_back(self):
        flow, relay = self.measure_through(ECHOES, ("--back-duplicate", "0.1", "--back-reorder", "0.1"), "--rate", "1k",
                                           "--duration", "1s")
        truth, back = relay["back"], flow["round_trip"]["received"]
        self.assertGreater(truth["duplicated"], 20)
        self.assertGreater(truth["reordered"], 20)
        self.assertEqual((back["packets"], back["lost"]), (1000, 0))
        self.assertEqual((back["duplicated"], back["reordered"]), (truth["duplicated"], truth["reordered"]))
        self.assertEqual((flow["received"]["duplicated"], flow["received"]["reordered"]), (0, 0))

    def test_a_duplicate_there_comes_back_twice(self):
        flow, relay = self.measure_through(DATA_PACKETS, ("--duplicate", "0.1"), "--rate", "1k", "--duration", "1s")
        self.assertEqual(flow["round_trip"]["received"]["duplicated"], relay["forward"]["duplicated"])
        self.assertEqual(flow["round_trip"]["received"]["packets"], 1000)

    def test_packets_of_any_size_come_back_as_large(self):
        flow, _ = self.measure_through(ALL, ("--delay", "5ms"), "--idt", "exponential:mean=1ms", "--size",
                                       "uniform:min=64,max=1400", "--duration", "1s")
        back = flow["round_trip"]["received"]
        self.assertEqual((back["packets"], back["lost"]), (flow["sent"]["packets"], 0))
        self.assertEqual(back["bytes"], flow["sent"]["bytes"])
        self.assertEqual(flow["received"]["bytes"], flow["sent"]["bytes"])
        self.assertEqual(flow["received"]["invalid"], 0)


@lab.needs_namespaces
class IntoAPod(lab.E2eTest):
    def setUp(self):
        self.make_topology()
        self.receiver = self.start_receiver("--advertise", "udp=30899")

    def test_rows_of_both_meters_add_up_over_both_families(self):
        for family in (4, 6):
            with self.subTest(family=family):
                sender = self.measure(endpoint(NODE[family], 30900), "--meter", "round-trip", "--rate", "1k",
                                      "--duration", "1s", "--interval", "200ms", "--ndjson")
                *rows, summary = sender.ndjson()
                (flow,) = summary["flows"]
                self.assert_unharmed(flow, 1000)
                back = flow["round_trip"]
                self.assertEqual((back["received"]["packets"], back["received"]["lost"]), (1000, 0))
                self.assertEqual(back["stamping"], {"hook": "netstamp", "stamped": 1000, "missed": 0})
                for meter in ("one_way", "round_trip"):
                    self.assertEqual(sum(row["received"]["packets"] for row in rows if row["meter"] == meter), 1000)
                one_way, whole = segment(flow, "tx.user", "rx.user"), segment(back, "tx.user", "rx.user")
                self.assertGreater(whole["mean"], one_way["mean"])

    def test_nobody_but_the_sender_gets_an_answer(self):
        count = 50
        attacker = self.start(sys.executable, lab.HERE / "attacker.py", "eth0", NODE[4], "30899", str(count),
                              where="client")
        flow = self.measure(endpoint(NODE[4], 30900), "--meter", "round-trip", "--rate", "500", "--duration",
                            "3s").flow()
        self.assertEqual(attacker.finish(), 0, attacker.log())
        self.assertEqual(json.loads(attacker.stdout), {"answers": 0})
        back = flow["round_trip"]["received"]
        self.assertEqual(flow["received"]["unbound"], count)
        self.assertEqual((back["packets"], back["lost"]), (1500, 0))
        self.assertEqual(back["duplicated"], count)  # of copies that carried the sender's address


if __name__ == "__main__":
    lab.main()
