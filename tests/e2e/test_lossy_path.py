# SPDX-License-Identifier: MIT
"""A path that loses, duplicates, reorders, delays and goes dark: the result says exactly what the relay did."""

import json
import os
import signal
import time

import lab
from lab import segment

# A Paceline data packet begins so (proto/README.md); probes are left alone unless a test says otherwise.
DATA_PACKETS = "d101"


class LossyPath(lab.E2eTest):
    def setUp(self):
        self.receiver = self.start_loopback_receiver()

    def start_relay(self, *options, match=DATA_PACKETS):
        relay = self.start(lab.RELAY, "--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{self.receiver.data_port}",
                           "--match", match, *options)
        relay.port = relay.wait_for(r"listening: .*:(\d+)$")[1]
        return relay

    def through(self, relay, *options):
        """The arguments of a measurement whose data goes through the relay."""
        return (f"127.0.0.1:{self.receiver.port}", "--data-port", relay.port, *options)

    def truth(self, relay):
        self.assertEqual(relay.stop(), 0, relay.log())
        return json.loads(relay.stdout)["forward"]

    def assert_true(self, flow, truth):
        self.assertEqual(flow["sent"]["packets"], truth["matched"])
        received = flow["received"]
        told = {"lost": received["lost"], "duplicated": received["duplicated"], "reordered": received["reordered"],
                "packets": received["packets"]}
        self.assertEqual(told, {"lost": truth["dropped"], "duplicated": truth["duplicated"],
                                "reordered": truth["reordered"], "packets": truth["matched"] - truth["dropped"]})
        self.assertEqual(received["lost_in_socket"], 0)

    def test_every_loss_duplicate_and_reordering_is_counted(self):
        relay = self.start_relay("--loss", "0.05", "--duplicate", "0.04", "--reorder", "0.03", "--seed", "11")
        flow = self.measure(*self.through(relay, "--rate", "2k", "--duration", "2s")).flow()
        truth = self.truth(relay)
        self.assertTrue(flow["complete"])
        self.assert_true(flow, truth)
        for what in ("dropped", "duplicated", "reordered"):
            self.assertGreater(truth[what], 50, what)

    def test_intervals_add_up_under_loss_and_reordering(self):
        relay = self.start_relay("--loss", "0.05", "--duplicate", "0.04", "--jitter", "30ms", "--seed", "5")
        sender = self.measure(*self.through(relay, "--rate", "1k", "--duration", "2s", "--interval", "100ms",
                                            "--ndjson"))
        *intervals, summary = sender.ndjson()
        (flow,) = summary["flows"]
        truth = self.truth(relay)
        self.assert_true(flow, truth)
        self.assertGreater(truth["reordered"], 500)  # the jitter is thirty gaps
        for what in ("packets", "bytes", "lost", "duplicated", "reordered"):
            corrections = sum(c["lost"] for row in intervals for c in row["corrections"]) if what == "lost" else 0
            total = sum(row["received"][what] for row in intervals)
            self.assertIn(flow["received"][what], (total, total + corrections), what)

    def test_first_and_last_packets_lost(self):
        relay = self.start_relay("--drop", "1-10,491-500")
        flow = self.measure(*self.through(relay, "--rate", "500", "--duration", "1s")).flow()
        self.assert_true(flow, self.truth(relay))
        self.assertEqual(flow["received"]["lost"], 20)

    def test_all_data_lost_is_a_result_too(self):
        relay = self.start_relay("--loss", "1")
        flow = self.measure(*self.through(relay, "--rate", "500", "--duration", "500ms")).flow()
        self.assertEqual((flow["received"]["packets"], flow["received"]["lost"]), (0, 250))
        self.assertEqual(segment(flow, "tx.user", "rx.user")["count"], 0)
        self.truth(relay)

    def test_constant_delay_is_measured(self):
        relay = self.start_relay("--delay", "40ms", "--back-delay", "40ms")
        flow = self.measure(*self.through(relay, "--rate", "500", "--duration", "1s")).flow()
        self.assert_unharmed_but_delayed(flow, 500)
        delay = segment(flow, "tx.user", "rx.user")
        self.assertGreaterEqual(delay["min"], 40e6)
        self.assertLess(delay["p50"], 50e6)
        self.assertGreaterEqual(flow["path"]["first_packet_ns"], 80e6)

    def assert_unharmed_but_delayed(self, flow, packets):
        self.assert_unharmed(flow, packets)
        self.assertTrue(flow["path"]["source_translated"])  # the relay's own socket

    def test_uneven_delays_stay_within_the_clocks_bound(self):
        """One host: its verdict does not depend on how uneven the path is."""
        relay = self.start_relay("--delay", "30ms")
        flow = self.measure(*self.through(relay, "--rate", "500", "--duration", "500ms")).flow()
        self.assertEqual(flow["clock"]["verdict"], "same_host")
        self.assertGreaterEqual(segment(flow, "tx.user", "rx.user")["min"], 30e6)

    def test_lost_probes_are_tried_again(self):
        """Half of all datagrams, probes and replies included, are lost both ways: a path is found all the same."""
        relay = self.start_relay("--loss", "0.5", "--back-loss", "0.5", "--seed", "2", match="")
        flow = self.measure(*self.through(relay, "--rate", "500", "--duration", "1s")).flow()
        self.assertEqual(flow["sent"]["packets"], 500)
        self.assertEqual(flow["received"]["packets"] + flow["received"]["lost"], 500)
        self.assertGreater(flow["received"]["lost"], 100)
        self.truth(relay)

    def test_path_that_goes_dark_is_counted_as_loss(self):
        relay = self.start_relay(match="")
        sender = self.start_sender(*self.through(relay, "--rate", "500", "--duration", "2s", "--interval", "200ms",
                                                 "--ndjson"))
        sender.wait_for('"interval"', "stdout")
        os.kill(relay.pid, signal.SIGUSR1)
        self.assertIn(sender.finish(), (lab.EXIT_COMPLETE, lab.EXIT_PARTIAL), sender.log())
        (flow,) = sender.ndjson()[-1]["flows"]
        self.assertEqual(flow["sent"]["packets"], 1000)
        self.assertEqual(flow["received"]["packets"] + flow["received"]["lost"], 1000)
        self.assertGreater(flow["received"]["lost"], 200)
        self.assert_serves(f"127.0.0.1:{self.receiver.port}")

    def test_path_dark_from_the_start_fails_in_bounded_time(self):
        relay = self.start_relay("--blackhole-after", "0", match="")
        started = time.monotonic()
        sender = self.measure(*self.through(relay, "--duration", "1s"), code=lab.EXIT_SETUP)
        self.assertLess(time.monotonic() - started, 15)
        self.assertRegex(sender.stderr, rf"127\.0\.0\.1:{relay.port}.*no reply in 2 s")


if __name__ == "__main__":
    lab.main()
