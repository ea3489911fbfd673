# SPDX-License-Identifier: MIT
"""Several receivers, and several senders: each session finds its own."""

import lab
from lab import NODE, endpoint

TARGET = endpoint(NODE[4], 30900)


@lab.needs_namespaces
class PodsBehindOneNodePort(lab.E2eTest):
    def test_data_finds_the_pod_that_signalling_landed_on(self):
        """With three pods a session's first probe lands on a foreign pod two times out of three."""
        self.make_topology("--pods", "3")
        for pod in ("pod", "pod2", "pod3"):
            self.start_receiver("--advertise", "udp=30899", where=pod)
        attempts = 0
        for family in (4, 6):
            for _ in range(6):
                flow = self.measure(endpoint(NODE[family], 30900), "--rate", "500", "--duration", "200ms").flow()
                self.assert_unharmed(flow, 100)
                self.assertRegex(flow["path"]["arrived_at"], r"^(10\.244\.[123]\.5|\[fd00:244:[123]::5\]):8999$")
                self.assertGreaterEqual(flow["path"]["attempts"], 1)
                attempts += flow["path"]["attempts"]
        self.assertGreater(attempts, 12)  # 12 first hits in a row: one in half a million


@lab.needs_namespaces
class SeveralSenders(lab.E2eTest):
    def test_each_result_is_its_own(self):
        self.make_topology()
        self.start_receiver("--advertise", "udp=30899")
        rates = (100, 250, 500, 1000)
        senders = [self.start_sender(endpoint(NODE[4 if rate < 400 else 6], 30900), "--rate", str(rate), "--size",
                                     str(64 + rate), "--duration", "2s", "--json") for rate in rates]
        for rate, sender in zip(rates, senders):
            self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
            self.assert_unharmed(sender.flow(), 2 * rate)
            self.assertEqual(sender.flow()["received"]["bytes"], 2 * rate * (64 + rate))
            self.assertEqual(sender.flow()["received"]["unbound"], 0)

    def test_second_receiver_on_the_same_ports_is_refused(self):
        self.make_topology()
        self.start_receiver()
        for options in ((), ("--port", "9001"), ("--data-port", "8998")):  # both ports, the data port, signalling
            second = self.start(lab.RECEIVER, *options, where="pod")
            self.assertEqual(second.finish(), lab.EXIT_SETUP, second.log())
            self.assertRegex(second.stderr, r"(?i)in use")
        self.assert_serves(TARGET, "--data-port", "30899")


if __name__ == "__main__":
    lab.main()
