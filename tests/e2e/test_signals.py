# SPDX-License-Identifier: MIT
"""Ends: SIGTERM, SIGINT and SIGKILL of either end, at rest and in the middle of a flow."""

import signal
import time

import lab

POLITE = (signal.SIGTERM, signal.SIGINT)


class Signals(lab.E2eTest):
    def start_flow(self, receiver, *options, duration="20s"):
        """A sender whose flow is running."""
        sender = self.start_sender(f"127.0.0.1:{receiver.port}", "--rate", "500", "--duration", duration,
                                   "--interval", "200ms", "--ndjson", *options)
        sender.wait_for('"interval"', "stdout")
        return sender

    def last_flow(self, sender):
        summary = sender.ndjson()[-1]
        self.assertEqual(summary["type"], "summary")
        (flow,) = summary["flows"]
        return flow

    def test_receiver_at_rest_ends_at_once(self):
        for number in POLITE:
            receiver = self.start_loopback_receiver()
            started = time.monotonic()
            self.assertEqual(receiver.stop(number), 0, receiver.log())
            self.assertLess(time.monotonic() - started, 2)

    def test_sender_interrupted_shows_what_it_measured(self):
        receiver = self.start_loopback_receiver()
        for number in POLITE:
            with self.subTest(signal=number.name):
                sender = self.start_flow(receiver)
                code = sender.stop(number)
                flow = self.last_flow(sender)
                # The shorter flow's result, whole: everything that was sent is accounted for.
                self.assertIn(code, (lab.EXIT_COMPLETE, lab.EXIT_PARTIAL), sender.log())
                self.assertEqual(flow["complete"], code == lab.EXIT_COMPLETE)
                self.assertGreater(flow["sent"]["packets"], 50)
                self.assertLess(flow["sent"]["packets"], 10000)
                self.assertEqual(flow["received"]["packets"], flow["sent"]["packets"])
                self.assertEqual(flow["received"]["lost"], 0)
                self.assert_serves(f"127.0.0.1:{receiver.port}")

    def test_receiver_ended_in_the_middle_leaves_a_partial_result(self):
        for number in POLITE:
            with self.subTest(signal=number.name):
                receiver = self.start_loopback_receiver("--grace", "0s")
                sender = self.start_flow(receiver)
                self.assertEqual(receiver.stop(number), 0, receiver.log())
                started = time.monotonic()
                self.assertEqual(sender.finish(), lab.EXIT_PARTIAL, sender.log())
                self.assertLess(time.monotonic() - started, 5)
                flow = self.last_flow(sender)
                self.assertFalse(flow["complete"])
                self.assertGreater(flow["received"]["packets"], 50)

    def test_receiver_killed_in_the_middle_leaves_a_partial_result(self):
        receiver = self.start_loopback_receiver()
        sender = self.start_flow(receiver)
        self.assertEqual(receiver.stop(signal.SIGKILL), -signal.SIGKILL)
        started = time.monotonic()
        self.assertEqual(sender.finish(), lab.EXIT_PARTIAL, sender.log())
        self.assertLess(time.monotonic() - started, 5)
        flow = self.last_flow(sender)
        self.assertFalse(flow["complete"])
        self.assertTrue(flow["incomplete_reason"])
        self.assertGreater(flow["received"]["packets"], 0)
        self.assertGreater(flow["sent"]["packets"], 0)

    def test_receiver_stopped_in_the_middle_is_given_up_in_bounded_time(self):
        """SIGSTOP: the connection stays open and nobody answers, as with a path that went dark."""
        receiver = self.start_loopback_receiver()
        sender = self.start_flow(receiver, duration="60s")
        receiver.send_signal(signal.SIGSTOP)
        self.addCleanup(receiver.send_signal, signal.SIGCONT)
        self.assertEqual(sender.finish(50), lab.EXIT_PARTIAL, sender.log())
        self.assertRegex(self.last_flow(sender)["incomplete_reason"], "no message in 10 s")
        receiver.send_signal(signal.SIGCONT)
        self.assert_serves(f"127.0.0.1:{receiver.port}")

    def test_sender_killed_in_the_middle_costs_the_next_one_nothing(self):
        receiver = self.start_loopback_receiver()
        target = f"127.0.0.1:{receiver.port}"
        other = self.start_flow(receiver, duration="3s")  # and neither the one beside it
        for _ in range(3):
            self.start_flow(receiver).stop(signal.SIGKILL)
            self.assert_serves(target)
        self.assertEqual(other.finish(), lab.EXIT_COMPLETE, other.log())
        self.assert_unharmed(self.last_flow(other), 1500)
        self.assertEqual(receiver.stop(), 0)

    def test_sender_stopped_for_a_while_catches_up_and_says_so(self):
        receiver = self.start_loopback_receiver()
        sender = self.start_flow(receiver, duration="2s")
        sender.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        sender.send_signal(signal.SIGCONT)
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        flow = self.last_flow(sender)
        self.assert_unharmed(flow, 1000)
        self.assertGreater(flow["sent"]["lateness_ns"]["max"], 400e6)

    def test_late_slots_are_skipped_and_counted_when_asked(self):
        receiver = self.start_loopback_receiver()
        sender = self.start_flow(receiver, "--late", "skip", duration="2s")
        sender.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        sender.send_signal(signal.SIGCONT)
        self.assertIn(sender.finish(), (lab.EXIT_COMPLETE, lab.EXIT_PARTIAL), sender.log())
        flow = self.last_flow(sender)
        self.assertGreater(flow["sent"]["missed_slots"], 150)
        self.assertEqual(flow["sent"]["packets"] + flow["sent"]["missed_slots"], 1000)
        self.assertEqual(flow["received"]["packets"], flow["sent"]["packets"])
        self.assertEqual(flow["received"]["lost"], 0)


if __name__ == "__main__":
    lab.main()
