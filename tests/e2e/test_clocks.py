# SPDX-License-Identifier: MIT
"""Two ends whose clocks differ: two time namespaces, 1,000 s apart."""

import os
import pathlib
import unittest

import lab
from lab import NODE, endpoint, segment

APART = 1000
FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


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


@lab.needs_namespaces
@unittest.skipUnless(FAKETIME.exists(), "needs libfaketime")
@unittest.skipIf(os.environ.get("PACELINE_SANITIZE"), "sanitizers must be loaded first")
class WallClock(lab.E2eTest):
    """One end's wall clock steps by an hour in the middle of a flow; the machine's stays as it is."""

    def setUp(self):
        self.make_topology()
        self.offset = self.scratch() / "offset"
        self.offset.write_text("+0")

    def environment(self):
        return os.environ | {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(self.offset),
                             "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def step(self):
        fresh = self.offset.with_suffix(".new")  # never half a file
        fresh.write_text("+3600s")
        fresh.rename(self.offset)

    def measure(self, receiver_environment, sender_environment, *options):
        receiver = self.start_receiver("--advertise", "udp=30899", env=receiver_environment)
        sender = self.sender = self.start(lab.SENDER, "latency", endpoint(NODE[4], 30900), "--rate", "1k", "--duration", "3s",
                            "--interval", "500ms", "--ndjson", *options, where="client", env=sender_environment)
        sender.wait_for('"interval"', "stdout")
        self.step()
        self.assertEqual(sender.finish(), 0, sender.log())
        (flow,) = sender.ndjson()[-1]["flows"]
        return receiver, flow

    def assert_untouched(self, flow):
        self.assert_unharmed(flow, 3000)
        self.assertEqual(flow["clock"]["verdict"], "same_host")
        for ends in (("tx.user", "rx.user"), ("rx.tc", "rx.user")):
            delay = segment(flow, *ends)
            self.assertGreater(delay["min"], 0)
            self.assertLess(delay["max"], 1e9)

    def test_the_receivers(self):
        receiver, flow = self.measure(self.environment(), None)
        self.assert_untouched(flow)
        receiver.wait_for(r"warning.*wall clock stepped by \+3600\.\d+ s")
        self.assertEqual(receiver.stop(), 0)
        times = [line[:13] for line in receiver.stderr.splitlines()]
        self.assertNotEqual(times[0], times[-1], "the log has the new time")

    def test_the_senders(self):
        _, flow = self.measure(None, self.environment())
        self.assert_untouched(flow)
        self.assertRegex(self.sender.stderr, r"wall clock stepped by \+3600\.\d+ s")

    def test_the_senders_while_the_user_vouches_for_it(self):
        """It was asked for the offset before the step, and is not asked again."""
        _, flow = self.measure(None, self.environment(), "--clock", "synchronized")
        self.assert_unharmed(flow, 3000)
        self.assertEqual(flow["clock"]["verdict"], "synchronized")
        self.assertLess(segment(flow, "tx.user", "rx.user")["max"], 1e9)

    def test_the_user_vouches_for_clocks_that_are_an_hour_apart(self):
        """No figure comes of it, but what is wrong."""
        self.step()
        self.start_receiver("--advertise", "udp=30899", env=self.environment())
        sender = super().measure(endpoint(NODE[4], 30900), "--clock", "synchronized", "--duration", "1s",
                                 code=lab.EXIT_SETUP)
        self.assertRegex(sender.stderr, r"it starts -3[56]\d\d s from now: the two clocks are not what the "
                                        r"sender takes them for: leave out --clock synchronized")


if __name__ == "__main__":
    lab.main()
