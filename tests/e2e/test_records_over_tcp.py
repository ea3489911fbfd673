# SPDX-License-Identifier: MIT
"""Packets as records over TCP through NodePorts, one way and round trip, both families; what becomes of them when the
connection breaks or the receiver stalls; SCTP refused where the kernel lacks it."""

import signal
import socket
import unittest

import lab
from lab import NODE, endpoint, segment

SIGNALLING, DATA = 30900, 30899


def kernel_has_sctp():
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError:
        return False
    return True


@lab.needs_namespaces
class RecordsThroughNodePort(lab.E2eTest):
    def setUp(self):
        self.make_topology()

    def records(self, family, *options, **how):
        return self.measure(endpoint(NODE[family], SIGNALLING), "--protocol", "tcp", *options, **how).flow()

    def reset_data_connections(self):
        """The node answers what comes back from the data port with a reset."""
        for flavour in ("iptables", "iptables-nft", "iptables-legacy"):
            try:
                return self.topology.run("node", flavour, "-I", "FORWARD", "-p", "tcp", "--dport", "8999", "-j", "REJECT",
                                         "--reject-with", "tcp-reset")
            except AssertionError as error:
                failure = error
        raise failure

    def test_every_record_arrives_over_the_data_nodeport(self):
        self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")
        for family in (4, 6):
            with self.subTest(family=family):
                flow = self.records(family, "--rate", "1k", "--size", "300", "--duration", "500ms")
                self.assert_unharmed(flow, 500)
                self.assertEqual(flow["flow"]["protocol"], "tcp")
                self.assertEqual(flow["path"]["dialled"], endpoint(NODE[family], DATA))
                self.assertTrue(flow["path"]["destination_translated"])
                self.assertEqual(flow["received"]["bytes"], 500 * 300)
                self.assertEqual(segment(flow, "tx.due", "rx.user")["count"], 500)

    def test_the_signalling_nodeport_alone_is_enough(self):
        self.start_receiver()
        flow = self.records(4, "--rate", "1k", "--duration", "200ms")
        self.assert_unharmed(flow, 200)
        self.assertEqual(flow["path"]["dialled"], endpoint(NODE[4], SIGNALLING))

    def test_round_trip(self):
        self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")
        for family in (4, 6):
            with self.subTest(family=family):
                flow = self.records(family, "--meter", "round-trip", "--rate", "500", "--duration", "400ms")
                self.assert_unharmed(flow, 200)
                self.assertEqual(flow["round_trip"]["received"]["packets"], 200)
                self.assertEqual(flow["round_trip"]["received"]["lost"], 0)

    def test_sizes_and_gaps_of_a_model(self):
        self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")
        flow = self.records(4, "--idt", "exponential:mean=1ms", "--size", "uniform:min=18,max=4000", "--seed", "11",
                            "--duration", "500ms")
        self.assertTrue(flow["complete"])
        self.assertEqual(flow["received"]["packets"], flow["sent"]["packets"])
        self.assertEqual(flow["received"]["bytes"], flow["sent"]["bytes"])

    def test_a_reset_in_the_middle_gives_a_partial_result(self):
        self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")
        sender = self.start_sender(endpoint(NODE[4], SIGNALLING), "--protocol", "tcp", "--rate", "1k", "--duration",
                                   "60s", "--interval", "100ms", "--ndjson")
        sender.wait_for('"interval"', stream="stdout")
        self.reset_data_connections()
        self.assertEqual(sender.finish(), lab.EXIT_PARTIAL, sender.log())
        (flow,) = sender.ndjson()[-1]["flows"]
        self.assertFalse(flow["complete"])
        self.assertRegex(flow["incomplete_reason"], "connection")
        self.assertGreater(flow["received"]["packets"], 0)
        self.assert_serves(endpoint(NODE[4], SIGNALLING), "--protocol", "tcp")

    def test_a_receiver_that_stalls_makes_records_late_and_loses_none(self):
        receiver = self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")
        sender = self.start_sender(endpoint(NODE[4], SIGNALLING), "--protocol", "tcp", "--rate", "2k", "--size",
                                   "20000", "--duration", "2s", "--interval", "100ms", "--ndjson")
        sender.wait_for('"interval"', stream="stdout")
        receiver.send_signal(signal.SIGSTOP)
        timer = lab.threading.Timer(0.5, receiver.send_signal, [signal.SIGCONT])
        timer.start()
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        timer.join()
        (flow,) = sender.ndjson()[-1]["flows"]
        self.assertEqual(flow["sent"]["packets"] + flow["sent"]["missed_slots"], 4000)
        self.assertEqual(flow["received"]["packets"], flow["sent"]["packets"])
        # Those that queued while it stood still felt it.
        self.assertGreater(segment(flow, "tx.due", "rx.user")["max"], 300_000_000)


@unittest.skipIf(kernel_has_sctp(), "this kernel has SCTP")
class WithoutSctp(lab.E2eTest):
    def test_the_sender_says_so_before_it_dials(self):
        sender = self.start_sender("127.0.0.1:1", "--protocol", "sctp")
        self.assertEqual(sender.finish(), lab.EXIT_SETUP, sender.log())
        self.assertIn("this kernel has no SCTP: load the sctp module", sender.stderr)


if __name__ == "__main__":
    lab.main()
