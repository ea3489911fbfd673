# SPDX-License-Identifier: MIT
"""Flows of one run to several receivers, and flows that start later than their run."""

import signal

import lab
from lab import POD, endpoint

OTHER_POD = {4: "10.244.2.5", 6: "fd00:244:2::5"}


@lab.needs_namespaces
class Receivers(lab.E2eTest):
    def scenario(self, text):
        path = self.scratch() / "scenario.toml"
        path.write_text(text)
        return path

    def two_receivers(self, duration, family=4):
        """A scenario with a flow to each."""
        return self.scenario(f"""
            receiver = "{endpoint(POD[family], 9000)}"
            [defaults]
            rate = 500
            duration = "{duration}"
            interval = "100ms"
            [[flow]]
            kind = "packets"
            [[flow]]
            kind = "packets"
            receiver = "{endpoint(OTHER_POD[family], 9000)}"
            """)

    def test_each_receiver_takes_its_flow(self):
        self.make_topology("--pods", "2")
        self.start_receiver()
        self.start_receiver(where="pod2")
        for family in (4, 6):
            with self.subTest(family=family):
                run = self.start(lab.SENDER, "run", self.two_receivers("500ms", family), "--json", where="client")
                self.assertEqual(run.finish(), lab.EXIT_COMPLETE, run.log())
                first, second = run.json()["flows"]
                self.assert_unharmed(first, 250)
                self.assert_unharmed(second, 250)
                self.assertEqual(first["path"]["arrived_at"], endpoint(POD[family], 8999))
                self.assertEqual(second["path"]["arrived_at"], endpoint(OTHER_POD[family], 8999))

    def test_one_that_is_not_there_fails_the_run_by_its_name(self):
        self.make_topology("--pods", "2")
        receiver = self.start_receiver()
        run = self.start(lab.SENDER, "run", self.two_receivers("500ms"), where="client")
        self.assertEqual(run.finish(), lab.EXIT_SETUP, run.log())
        self.assertIn("10.244.2.5:9000: Connection refused", run.stderr)
        receiver.stop()
        self.assertNotRegex(receiver.stderr, "Z flow ")

    def test_one_that_is_killed_leaves_the_other_flow_alone(self):
        self.make_topology("--pods", "2")
        self.start_receiver()
        victim = self.start_receiver(where="pod2")
        run = self.start(lab.SENDER, "run", self.two_receivers("2s"), "--ndjson", where="client")
        run.wait_for('"interval"', "stdout")
        victim.stop(signal.SIGKILL)
        self.assertEqual(run.finish(), lab.EXIT_PARTIAL, run.log())
        first, second = run.ndjson()[-1]["flows"]
        self.assert_unharmed(first, 1000)
        self.assertFalse(second["complete"])
        self.assertIn("the peer closed the connection", second["incomplete_reason"])

    def test_a_late_flow_keeps_its_way_through_a_translation_that_forgets(self):
        topology = self.make_topology()
        # An unreplied mapping lives for 30 s by default, a replied one for 120 s; here 7 s.
        for name in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
            topology.run("node", "sh", "-c", f"echo 7 > /proc/sys/net/netfilter/{name}")
        receiver = self.start_receiver("--advertise", "udp=30899")
        sender = self.start_sender(endpoint(lab.NODE[4], 30900), "--rate", "500", "--duration", "500ms", "--delay", "13s",
                                   "--json")
        receiver.wait_for(r"Z flow [0-9a-f]{8}: ")
        # Whoever lets the mapping die has no way in any more.
        topology.run("node", "nft", """
            table inet closed {
              chain in { type filter hook forward priority 0; iifname "client" meta l4proto udp ct state new drop; }
            }""")
        self.assertEqual(sender.finish(60), lab.EXIT_COMPLETE, sender.log())
        flow = sender.flow()
        self.assert_unharmed(flow, 250)
        self.assertEqual(flow["received"]["unbound"], 0)


if __name__ == "__main__":
    lab.main()
