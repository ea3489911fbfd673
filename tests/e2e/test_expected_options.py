# SPDX-License-Identifier: MIT
"""What people expect of such a tool: a warm-up, a source address, CPUs, a title, a receiver for one run."""

import os

import lab
from lab import CLIENT, NODE, endpoint

SIGNALLING, DATA = 30900, 30899


@lab.needs_namespaces
class ExpectedOptions(lab.E2eTest):
    def setUp(self):
        self.make_topology()

    def test_source_title_cpus_and_priority(self):
        self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")
        sender = self.measure(endpoint(NODE[4], SIGNALLING), "--rate", "500", "--duration", "300ms", "--source",
                              f"{CLIENT[4]}:40123", "--title", "first try", "--cpus", "0", "--fifo", "10")
        self.assertEqual(sender.json()["title"], "first try")
        flow = sender.flow()
        self.assert_unharmed(flow, 150)
        self.assertEqual(flow["path"]["sent_from"], f"{CLIENT[4]}:40123")
        self.assertNotIn("warning: CPU", sender.stderr)

    def test_a_cpu_that_is_not_there_is_warned_of(self):
        self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")
        sender = self.measure(endpoint(NODE[4], SIGNALLING), "--rate", "500", "--duration", "200ms", "--cpus",
                              str(os.cpu_count() + 500))
        self.assertIn("warning: CPU", sender.stderr)

    def test_a_flow_label(self):
        self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")
        self.assert_serves(endpoint(NODE[6], SIGNALLING), "--flow-label", "0x12345")

    def test_warm_up(self):
        self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")
        flow = self.measure(endpoint(NODE[4], SIGNALLING), "--rate", "500", "--omit", "200ms", "--interval", "100ms",
                            "--duration", "400ms").flow()
        self.assertTrue(flow["complete"])
        self.assertEqual((flow["sent"]["packets"], flow["sent"]["omitted"]), (200, 100))
        self.assertEqual(flow["received"]["lost"], 0)
        # Rows go by arrival: what was under way when the warm-up ended is in the first that counts.
        self.assertIn(flow["received"]["packets"], range(200, 205))

    def test_many_flows(self):
        self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")
        sender = self.measure(endpoint(NODE[4], SIGNALLING), "--flows", "200", "--rate", "10", "--duration", "1s",
                              seconds=2 * lab.GRACE)
        flows = sender.json()["flows"]
        self.assertEqual(len(flows), 200)
        for flow in flows:
            self.assert_unharmed(flow, 10)

    def test_one_off(self):
        receiver = self.start_receiver("--one-off", "--advertise", f"udp={DATA},tcp={DATA}")
        self.assert_serves(endpoint(NODE[4], SIGNALLING))
        self.assertEqual(receiver.finish(), 0)

    def test_idle_timeout(self):
        receiver = self.start_receiver("--idle-timeout", "1s", "--advertise", f"udp={DATA},tcp={DATA}")
        self.assert_serves(endpoint(NODE[4], SIGNALLING))
        self.assertEqual(receiver.finish(), 0)


if __name__ == "__main__":
    lab.main()
