# SPDX-License-Identifier: MIT
"""Two ends whose clocks differ: two time namespaces, 1,000 s apart."""

import pathlib
import unittest

import lab
from lab import NODE, endpoint, segment

APART = 1000


@lab.needs_namespaces
@unittest.skipUnless(pathlib.Path("/proc/self/ns/time").exists(), "needs time namespaces (Linux 5.6)")
class Clocks(lab.E2eTest):
    def setUp(self):
        self.make_topology()

    def measure_across(self, *launcher, where):
        ends = {"receiver": {"launcher": ()}, "sender": {"launcher": ()}}
        ends[where]["launcher"] = launcher
        self.start_receiver("--advertise", "udp=30899", **ends["receiver"])
        return self.measure(endpoint(NODE[4], 30900), "--rate", "1k", "--duration", "2s", **ends["sender"]).flow()

    def assert_estimated(self, flow, offset_seconds):
        self.assert_unharmed(flow, 2000)
        clock = flow["clock"]
        self.assertEqual(clock["verdict"], "estimated")
        self.assertAlmostEqual(clock["offset_ns"], offset_seconds * 1e9, delta=5e6)
        self.assertGreater(clock["error_bound_ns"], 0)
        self.assertLess(clock["error_bound_ns"], 5e6)
        # Both namespaces read one clock, so the true offset is known: the bound must hold it.
        self.assertLessEqual(abs(clock["offset_ns"] - offset_seconds * 10**9), clock["error_bound_ns"])
        delay = segment(flow, "tx.user", "rx.user")
        self.assertLess(abs(delay["p50"]), 5e6)
        self.assertGreaterEqual(delay["min"], -clock["error_bound_ns"])
        to_user = segment(flow, "rx.tc", "rx.user")  # one clock: no offset in it
        self.assertGreaterEqual(to_user["min"], 0)
        self.assertLess(to_user["p50"], 5e6)
        self.assertEqual(flow["stamping"]["rx.tc"]["missed"], 0)

    # On a fork: before Linux 6.3 exec does not enter a new time namespace.
    def launcher(self, seconds):
        return ("unshare", "--time", "--monotonic", str(seconds), "--boottime", str(seconds), "--fork",
                "--kill-child")

    def test_receiver_ahead(self):
        self.assert_estimated(self.measure_across(*self.launcher(APART), where="receiver"), APART)

    def test_sender_ahead(self):
        self.assert_estimated(self.measure_across(*self.launcher(APART), where="sender"), -APART)

    def test_synchronized_trusts_the_wall_clock(self):
        self.start_receiver("--advertise", "udp=30899", launcher=self.launcher(APART))
        flow = self.measure(endpoint(NODE[4], 30900), "--clock", "synchronized", "--rate", "500", "--duration",
                            "500ms").flow()
        self.assert_unharmed(flow, 250)
        self.assertEqual(flow["clock"]["verdict"], "synchronized")
        self.assertLess(abs(segment(flow, "tx.user", "rx.user")["p50"]), 5e6)

    def test_one_host_is_seen_as_one(self):
        flow = self.measure_across(where="receiver")
        self.assert_unharmed(flow, 2000)
        self.assertEqual((flow["clock"]["verdict"], flow["clock"]["offset_ns"]), ("same_host", 0))
        self.assertGreater(segment(flow, "tx.user", "rx.user")["min"], 0)


if __name__ == "__main__":
    lab.main()
