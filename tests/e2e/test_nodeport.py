# SPDX-License-Identifier: MIT
"""Into a pod through a NodePort, by iptables' own translation: how the data port is found, and what is said of it."""

import time

import lab
from lab import CLIENT, NODE, POD, endpoint, segment

SIGNALLING, DATA = 30900, 30899


@lab.needs_namespaces
class NodePort(lab.E2eTest):
    def assert_translated(self, flow, family):
        path = flow["path"]
        self.assertEqual(path["dialled"], endpoint(NODE[family], DATA))
        self.assertEqual(path["arrived_at"], endpoint(POD[family], 8999))
        self.assertTrue(path["seen_from"].startswith(endpoint(CLIENT[family], "")), path["seen_from"])
        self.assertTrue(path["destination_translated"])
        self.assertFalse(path["source_translated"])
        self.assertEqual(path["attempts"], 1)
        self.assertGreater(path["first_packet_ns"], 0)

    def assert_stamped(self, flow, packets):
        stamps = flow["stamping"]["rx.tc"]
        self.assertEqual((stamps["hook"], stamps["stamped"], stamps["missed"]), ("tcx", packets, 0))
        to_hook, to_user, whole = (segment(flow, *ends) for ends in
                                   (("tx.user", "rx.tc"), ("rx.tc", "rx.user"), ("tx.user", "rx.user")))
        self.assertEqual({to_hook["count"], to_user["count"], whole["count"]}, {packets})
        self.assertGreaterEqual(to_user["min"], 0)  # one clock, and the hook comes first
        self.assertGreater(to_user["max"], 0)
        self.assertAlmostEqual(to_hook["mean"] + to_user["mean"], whole["mean"], delta=1)

    def test_stamps_and_counts_every_packet_through_the_translation(self):
        self.make_topology()
        self.start_receiver("--tc", "required", "--advertise", f"udp={DATA},tcp={DATA}")
        for family in (4, 6):
            with self.subTest(family=family):
                flow = self.measure(endpoint(NODE[family], SIGNALLING), "--rate", "1k", "--duration", "2s").flow()
                self.assert_unharmed(flow, 2000)
                self.assert_stamped(flow, 2000)
                self.assert_translated(flow, family)
                self.assertAlmostEqual(flow["received"]["rate_pps"], 1000, delta=50)
                self.assertEqual(flow["received"]["bytes"], 2000 * 512)
                self.assertEqual(flow["clock"]["verdict"], "same_host")

    @lab.long_test
    def test_a_minute_at_ten_thousand_a_second_misses_no_stamp(self):
        self.make_topology()
        self.start_receiver("--advertise", f"udp={DATA}")
        flow = self.measure(endpoint(NODE[6], SIGNALLING), "--rate", "10k", "--size", "64", "--duration", "60s",
                            seconds=60 + lab.GRACE).flow()
        self.assert_unharmed(flow, 600_000)
        self.assert_stamped(flow, 600_000)

    def test_data_port_known_to_the_user_only(self):
        self.make_topology()
        self.start_receiver()
        for family in (4, 6):
            with self.subTest(family=family):
                flow = self.measure(endpoint(NODE[family], SIGNALLING), "--data-port", str(DATA), "--rate", "500",
                                    "--duration", "500ms").flow()
                self.assert_unharmed(flow, 250)
                self.assert_translated(flow, family)

    def test_data_port_known_to_the_receiver_only(self):
        self.make_topology()
        self.start_receiver("--advertise", f"udp={DATA}")
        for family in (4, 6):
            with self.subTest(family=family):
                flow = self.measure(endpoint(NODE[family], SIGNALLING), "--rate", "500", "--duration",
                                    "500ms").flow()
                self.assert_unharmed(flow, 250)
                self.assert_translated(flow, family)

    def test_node_port_of_the_same_number_needs_no_telling(self):
        self.make_topology("--node-ports", f"{SIGNALLING}:{DATA}", "--pod-ports", f"{SIGNALLING}:{DATA}")
        self.start_receiver("--port", str(SIGNALLING), "--data-port", str(DATA))
        for family in (4, 6):
            with self.subTest(family=family):
                flow = self.measure(endpoint(NODE[family], SIGNALLING), "--rate", "500", "--duration",
                                    "500ms").flow()
                self.assert_unharmed(flow, 250)
                self.assertEqual(flow["path"]["arrived_at"], endpoint(POD[family], DATA))
                self.assertTrue(flow["path"]["destination_translated"])

    def test_wrong_advertisement_does_not_hide_a_port_that_works(self):
        self.make_topology("--node-ports", f"{SIGNALLING}:{DATA}", "--pod-ports", f"{SIGNALLING}:{DATA}")
        self.start_receiver("--port", str(SIGNALLING), "--data-port", str(DATA), "--advertise", "udp=31111")
        self.topology.run("node", "iptables", "-A", "INPUT", "-p", "udp", "--dport", "31111", "-j", "DROP")
        flow = self.measure(endpoint(NODE[4], SIGNALLING), "--rate", "500", "--duration", "500ms").flow()
        self.assert_unharmed(flow, 250)
        self.assertEqual(flow["path"]["dialled"], endpoint(NODE[4], DATA))

    def assert_no_path(self, sender, *candidates):
        self.assertEqual(sender.stdout, "")
        for candidate in candidates:
            self.assertIn(candidate, sender.stderr)
        return sender.stderr

    def test_no_path_is_one_error_that_tells_every_candidate(self):
        self.make_topology("--node-ports", f"{SIGNALLING}:")
        self.start_receiver("--advertise", "udp=31111")
        self.topology.run("node", "iptables", "-A", "INPUT", "-p", "udp", "--dport", "31111", "-j", "DROP")
        started = time.monotonic()
        sender = self.measure(endpoint(NODE[4], SIGNALLING), "--duration", "1s", code=lab.EXIT_SETUP)
        self.assertLess(time.monotonic() - started, 15)
        said = self.assert_no_path(sender, endpoint(NODE[4], 31111), endpoint(NODE[4], 8999))
        self.assertRegex(said, r"31111.*no reply in 2 s")  # dropped
        self.assertRegex(said, r"8999.*(unreachable|refused)")  # the node's ICMP

    def test_no_path_over_ipv6(self):
        self.make_topology("--node-ports", f"{SIGNALLING}:")
        self.start_receiver()
        sender = self.measure(endpoint(NODE[6], SIGNALLING), "--duration", "1s", code=lab.EXIT_SETUP)
        self.assert_no_path(sender, endpoint(NODE[6], 8999))

    def test_users_data_port_is_the_only_candidate(self):
        self.make_topology()
        self.start_receiver("--advertise", f"udp={DATA}")
        sender = self.measure(endpoint(NODE[4], SIGNALLING), "--data-port", "31112", "--duration", "1s",
                              code=lab.EXIT_SETUP)
        said = self.assert_no_path(sender, endpoint(NODE[4], 31112))
        self.assertNotIn(endpoint(NODE[4], DATA), said)

    def test_receiver_that_serves_again_after_a_failed_negotiation(self):
        self.make_topology()
        self.start_receiver()
        self.measure(endpoint(NODE[4], SIGNALLING), "--data-port", "31112", "--duration", "1s", code=lab.EXIT_SETUP)
        self.assert_serves(endpoint(NODE[4], SIGNALLING), "--data-port", str(DATA))

    def test_link_local_address_with_a_zone(self):
        self.make_topology()
        self.start_receiver()
        show = self.topology.run("pod", "ip", "-6", "-o", "address", "show", "dev", "eth0", "scope", "link")
        address = show.split()[3].split("/")[0]
        for target in (f"[{address}%pod]:9000", f"[{address}%pod]"):
            flow = self.measure(target, "--rate", "500", "--duration", "200ms", where="node").flow()
            self.assert_unharmed(flow, 100)
            self.assertFalse(flow["path"]["destination_translated"])


if __name__ == "__main__":
    lab.main()
