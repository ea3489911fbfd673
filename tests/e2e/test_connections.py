# SPDX-License-Identifier: MIT
"""Exchanges on connections of their own, through NodePorts: counted alike by both ends, failures told by kind."""

import lab
from lab import NODE, endpoint

SIGNALLING, DATA = 30900, 30899


@lab.needs_namespaces
class Connections(lab.E2eTest):
    def setUp(self):
        self.make_topology()
        self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")

    def connections(self, target, *options, **how):
        return self.measure(target, *options, what="connections", **how)

    def test_paced(self):
        for family in (4, 6):
            for transport in ([], ["--udp"]):
                with self.subTest(family=family, transport=transport):
                    flow = self.connections(endpoint(NODE[family], SIGNALLING), "--rate", "200", "--duration", "1s",
                                            *transport).flow()
                    self.assertTrue(flow["complete"], flow["incomplete_reason"])
                    self.assertEqual(flow["exchanges"]["started"], 200)
                    self.assertEqual(flow["exchanges"]["completed"], 200)
                    self.assertEqual(flow["exchanges"]["failed"]["total"], 0)
                    self.assertEqual(flow["first_packet_ns"]["count"], 200)
                    self.assertEqual(flow["connect_ns"]["count"], 0 if transport else 200)
                    self.assertGreaterEqual(flow["exchanges"]["answered"], 200)

    def test_flat_out(self):
        for transport in ([], ["--udp"]):
            with self.subTest(transport=transport):
                flow = self.connections(endpoint(NODE[4], SIGNALLING), "--duration", "1s", *transport).flow()
                self.assertTrue(flow["complete"], flow["incomplete_reason"])
                exchanges = flow["exchanges"]
                self.assertGreater(exchanges["completed"], 100)
                self.assertEqual(exchanges["started"], exchanges["completed"] + exchanges["failed"]["total"])
                self.assertGreaterEqual(flow["exchanges"]["answered"], exchanges["completed"])

    def test_failures_are_told_by_kind(self):
        sender = self.start_sender(endpoint(NODE[4], SIGNALLING), "--rate", "50", "--duration", "2s", "--timeout",
                                   "200ms", "--json", what="connections")
        sender.wait_for("path")
        for flavour in ("iptables", "iptables-nft", "iptables-legacy"):
            try:
                self.topology.run("node", flavour, "-I", "FORWARD", "-p", "tcp", "--dport", "8999", "-j", "DROP")
                break
            except AssertionError as error:
                failure = error
        else:
            raise failure
        sender.finish()
        exchanges = sender.flow()["exchanges"]
        self.assertGreater(exchanges["failed"]["timed_out"], 0)
        self.assertEqual(exchanges["started"], exchanges["completed"] + exchanges["failed"]["total"])


if __name__ == "__main__":
    lab.main()
