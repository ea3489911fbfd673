# SPDX-License-Identifier: MIT
"""Echo requests over ICMP and ICMPv6: no receiver, every privilege, and what the network says instead of a reply."""

import lab
from lab import NODE, POD

# Whom a program may be run as: root has CAP_NET_RAW; nobody has nothing.
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs",
          "--inh-caps=-all", "--bounding-set=-all")


class Icmp(lab.E2eTest):
    def ping(self, target, *options, code=lab.EXIT_COMPLETE, **how):
        return self.measure(target, "--protocol", "icmp", "--meter", "round-trip", *options, code=code, **how)

    def assert_all_back(self, flow, packets):
        self.assertTrue(flow["complete"])
        self.assertEqual(flow["sent"]["packets"], packets)
        back = flow["round_trip"]["received"]
        self.assertEqual((back["packets"], back["lost"], back["duplicated"]), (packets, 0, 0))


@lab.needs_namespaces
class Privileges(Icmp):
    def allow_ping_sockets(self, groups):
        self.topology.run("client", "sh", "-c", f"echo '{groups}' > /proc/sys/net/ipv4/ping_group_range")

    def test_raw_socket_as_root(self):
        self.make_topology()
        self.allow_ping_sockets("1 0")
        for family in (4, 6):
            with self.subTest(family=family):
                self.assert_all_back(self.ping(POD[family], "--rate", "200", "--duration", "500ms").flow(), 100)

    def test_ping_socket_as_nobody(self):
        self.make_topology()
        self.allow_ping_sockets("0 65534")
        for family in (4, 6):
            with self.subTest(family=family):
                flow = self.ping(POD[family], "--rate", "200", "--duration", "500ms", launcher=NOBODY).flow()
                self.assert_all_back(flow, 100)

    def test_neither_is_refused_with_both_ways_out(self):
        self.make_topology()
        self.allow_ping_sockets("1 0")
        sender = self.ping(POD[4], code=lab.EXIT_SETUP, launcher=NOBODY)
        self.assertIn("CAP_NET_RAW", sender.stderr)
        self.assertIn("net.ipv4.ping_group_range", sender.stderr)


@lab.needs_namespaces
class Measuring(Icmp):
    def test_sizes_and_flows(self):
        self.make_topology()
        for size in (18, 19, 1400, 4000):
            with self.subTest(size=size):
                flow = self.ping(POD[4], "--size", str(size), "--rate", "100", "--duration", "300ms").flow()
                self.assert_all_back(flow, 30)
                self.assertEqual(flow["round_trip"]["received"]["bytes"], 30 * size)
        sender = self.ping(POD[4], "--flows", "3", "--rate", "100", "--duration", "500ms")
        for flow in sender.json()["flows"]:
            self.assert_all_back(flow, 50)

    def test_two_runs_side_by_side_do_not_mix(self):
        self.make_topology()
        options = ("--protocol", "icmp", "--meter", "round-trip", "--rate", "200", "--duration", "1s", "--json")
        runs = [self.start_sender(POD[4], *options) for _ in range(2)]
        for run in runs:
            self.assertEqual(run.finish(), lab.EXIT_COMPLETE, run.log())
            self.assert_all_back(run.flow(), 200)

    def test_errors_are_told(self):
        topology = self.make_topology()
        # Answered at first; on its way the node then loses the route, and says so.
        sender = self.start_sender(POD[4], "--protocol", "icmp", "--meter", "round-trip", "--rate", "100", "--duration",
                                   "2s", "--ndjson")
        sender.wait_for('"interval"', "stdout")
        topology.run("node", "ip", "route", "add", "unreachable", "10.244.1.5/32")
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        self.assertRegex(sender.stderr, r"\d+ echo requests were answered by an error: unreachable .*says 10\.0\.0\.7")
        flow = sender.ndjson()[-1]["flows"][0]
        self.assertGreater(flow["round_trip"]["received"]["lost"], 0)

    def test_nobody_answers(self):
        topology = self.make_topology()
        topology.run("pod", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all")
        sender = self.ping(POD[4], code=lab.EXIT_SETUP)
        self.assertIn("nobody answers echo requests at 10.244.1.5", sender.stderr)
        self.assertIn("no reply in 3 s", sender.stderr)
        sender = self.ping("10.9.9.9", code=lab.EXIT_SETUP)
        self.assertIn("10.9.9.9: ", sender.stderr)
        self.assertIn("unreachable", sender.stderr)

    def test_beside_flows_that_a_receiver_takes(self):
        self.make_topology()
        self.start_receiver()
        scenario = self.scratch() / "mixed.toml"
        scenario.write_text(f"""
            receiver = "{NODE[4]}:30900"
            data_port = 30899
            [[flow]]
            kind = "packets"
            rate = 200
            duration = "500ms"
            [[flow]]
            kind = "packets"
            protocol = "icmp"
            meter = "round-trip"
            rate = 200
            duration = "500ms"
            """)
        run = self.start(lab.SENDER, "run", scenario, "--json", where="client")
        self.assertEqual(run.finish(), lab.EXIT_COMPLETE, run.log())
        udp, icmp = run.json()["flows"]
        self.assert_unharmed(udp, 100)
        self.assert_all_back(icmp, 100)


if __name__ == "__main__":
    lab.main()
