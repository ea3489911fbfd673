# SPDX-License-Identifier: MIT
"""The ladder of stamps: every rung, what the probe's self-test catches, and what is left behind (nothing)."""

import json
import re
import signal
import socket
import sys
import unittest

import lab
from lab import NODE, endpoint, segment

TARGET = endpoint(NODE[4], 30900)
FLOW = ("--rate", "500", "--duration", "500ms")
PACKETS = 250
SO_TIMESTAMPNS = 35


@lab.needs_namespaces
class Stamping(lab.E2eTest):
    def setUp(self):
        self.make_topology()

    def start_advertised(self, *options, **where):
        return self.start_receiver("--advertise", "udp=30899", *options, **where)

    def hook_of(self, flow):
        self.assert_unharmed(flow, PACKETS)
        return flow["stamping"]["rx.tc"]

    def tcx_programs(self):
        return json.loads(self.topology.run("pod", sys.executable, lab.HERE / "tcx.py", "list", "eth0"))

    def clsact_filters(self):
        return self.topology.run("pod", "tc", "filter", "show", "dev", "eth0", "ingress")

    def add_device(self):
        """Another interface of the pod, up, that leads nowhere."""
        self.topology.run("pod", "ip", "link", "add", "name", "other0", "type", "veth", "peer", "name", "other1")
        for name in ("other0", "other1"):
            self.topology.run("pod", "ip", "link", "set", name, "up")

    def add_foreign_filter(self):
        """Somebody else's clsact filter: it counts the UDP packets that it sees, and copies them to nowhere."""
        self.add_device()
        self.topology.run("pod", "tc", "qdisc", "add", "dev", "eth0", "clsact")
        self.topology.run("pod", "tc", "filter", "add", "dev", "eth0", "ingress", "protocol", "ip", "prio", "50",
                          "u32", "match", "ip", "protocol", "17", "0xff", "action", "mirred", "egress", "mirror",
                          "dev", "other0")

    def foreign_packets(self):
        shown = self.topology.run("pod", "tc", "-s", "filter", "show", "dev", "eth0", "ingress", "prio", "50")
        return int(re.search(r"Sent \d+ bytes (\d+) pkt", shown)[1])

    def qdiscs(self):
        return self.topology.run("pod", "tc", "qdisc", "show", "dev", "eth0")


class Ladder(Stamping):
    def assert_rung(self, hook, *options):
        self.start_advertised(*options)
        for family in (4, 6):
            flow = self.measure(endpoint(NODE[family], 30900), *FLOW).flow()
            stamps = self.hook_of(flow)
            self.assertEqual((stamps["hook"], stamps["stamped"], stamps["missed"]), (hook, PACKETS, 0))
            to_user = segment(flow, "rx.tc", "rx.user")
            self.assertEqual(to_user["count"], PACKETS)
            self.assertLess(to_user["p50"], 10_000_000)
            self.assertGreater(to_user["p50"], 0)

    def test_tcx(self):
        self.assert_rung("tcx")

    def test_clsact(self):
        self.assert_rung("clsact", "--hooks", "clsact,netstamp")

    def test_netstamp(self):
        self.assert_rung("netstamp", "--hooks", "netstamp")

    def test_userspace_only(self):
        self.start_advertised("--tc", "off")
        flow = self.measure(TARGET, *FLOW).flow()
        self.assert_unharmed(flow, PACKETS)
        stamps = flow["stamping"].get("rx.tc", {"hook": "none", "stamped": 0, "missed": 0})
        self.assertEqual((stamps["hook"], stamps["stamped"], stamps["missed"]), ("none", 0, 0))
        self.assertIn((segment(flow, "rx.tc", "rx.user") or {"count": 0})["count"], (0,))

    def test_required_is_refused_where_no_hook_is_allowed(self):
        receiver = self.start(lab.RECEIVER, "--tc", "required", "--hooks", "netstamp", where="pod")
        self.assertIn(receiver.finish(), (lab.EXIT_SETUP, lab.EXIT_USAGE), receiver.log())
        self.assertRegex(receiver.stderr, r"(?i)tc")

    def test_missing_privilege_is_one_warning_that_names_it(self):
        """In a user namespace of its own no BPF program loads: the ladder goes on below."""
        receiver = self.start_advertised(launcher=("unshare", "--user", "--map-root-user"))
        (line,) = [line for line in receiver.stderr.splitlines() if "CAP_BPF" in line or "CAP_NET_ADMIN" in line]
        self.assertIn("netstamp", line)
        stamps = self.hook_of(self.measure(TARGET, *FLOW).flow())
        self.assertEqual(stamps["hook"], "netstamp")

    def test_required_is_refused_without_privilege(self):
        receiver = self.start("unshare", "--user", "--map-root-user", lab.RECEIVER, "--tc", "required", where="pod")
        self.assertEqual(receiver.finish(), lab.EXIT_SETUP, receiver.log())
        self.assertRegex(receiver.stderr, r"(?i)CAP_BPF|CAP_NET_ADMIN|permitted")


@unittest.skipUnless(lab.configured_with("PACELINE_WITH_BPF:BOOL=OFF"), "this build has the TC program")
class WithoutTcProgram(Stamping):
    """A receiver that was built without BPF tools (.ci/run makes one)."""

    def test_falls_back_and_says_why(self):
        receiver = self.start_advertised()
        self.assertRegex(receiver.stderr, r"(?i)without")
        stamps = self.hook_of(self.measure(TARGET, *FLOW).flow())
        self.assertEqual((stamps["hook"], stamps["stamped"]), ("netstamp", PACKETS))
        self.assertTrue(stamps["reason"])

    def test_required_is_refused(self):
        receiver = self.start(lab.RECEIVER, "--tc", "required", where="pod")
        self.assertEqual(receiver.finish(), lab.EXIT_SETUP, receiver.log())


class SelfTest(Stamping):
    """The probe of each flow is the hook's self-test."""

    def test_the_kernels_stamps_are_right_when_others_switched_them_on(self):
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(other.close)
        other.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # for the whole machine
        self.start_receiver()
        for host in ("127.0.0.1", "[::1]"):
            flow = self.measure(host, *FLOW, where="pod").flow()
            self.assertEqual(self.hook_of(flow)["hook"], "netstamp")
            for begin, end in (("tx.user", "rx.tc"), ("rx.tc", "rx.user")):
                passed = segment(flow, begin, end)
                self.assertGreater(passed["min"], 0)
                self.assertLess(passed["max"], 10_000_000_000)

    def shadow(self):
        shadow = self.start(sys.executable, lab.HERE / "tcx.py", "shadow", "eth0", where="pod")
        shadow.wait_for("shadowing", "stdout")
        return shadow

    def test_a_hook_shadowed_by_another_program_is_found_out(self):
        self.start_advertised()
        shadow = self.shadow()
        self.assertEqual(self.tcx_programs()[0], "shadow")
        stamps = self.hook_of(self.measure(TARGET, *FLOW).flow())
        self.assertNotIn(stamps["hook"], ("tcx", "clsact"))
        self.assertTrue(stamps["reason"])
        shadow.stop()
        stamps = self.hook_of(self.measure(TARGET, *FLOW).flow())  # and it is back as soon as the shadow is gone
        self.assertEqual((stamps["hook"], stamps["missed"]), ("tcx", 0))

    def test_a_shadowed_hook_is_refused_where_required(self):
        receiver = self.start_advertised("--tc", "required")
        shadow = self.shadow()
        sender = self.measure(TARGET, *FLOW, code=lab.EXIT_SETUP)
        self.assertRegex(sender.stderr, r"(?i)stamp|hook")
        shadow.stop()
        self.assertEqual(self.hook_of(self.measure(TARGET, *FLOW).flow())["hook"], "tcx")
        self.assertEqual(receiver.stop(), 0)

    def test_a_hook_on_the_wrong_device_is_found_out(self):
        self.add_device()
        receiver = self.start_advertised("--interface", "other0")
        stamps = self.hook_of(self.measure(TARGET, *FLOW).flow())
        self.assertNotIn(stamps["hook"], ("tcx", "clsact"))
        self.assertTrue(stamps["reason"])
        self.assertEqual(receiver.stop(), 0)
        self.start_advertised("--interface", "other0", "--tc", "required")
        self.measure(TARGET, *FLOW, code=lab.EXIT_SETUP)

    def test_an_interface_that_does_not_exist_is_said(self):
        receiver = self.start(lab.RECEIVER, "--interface", "none0", "--tc", "required", where="pod")
        self.assertEqual(receiver.finish(), lab.EXIT_SETUP, receiver.log())
        self.assertIn("none0", receiver.stderr)

    def test_other_programs_on_the_hook_still_run(self):
        """A foreign clsact filter behind ours counts every packet of the flow."""
        self.add_foreign_filter()
        for hooks in ("tcx", "clsact"):
            with self.subTest(hooks=hooks):
                before = self.foreign_packets()
                receiver = self.start_advertised("--hooks", hooks)
                stamps = self.hook_of(self.measure(TARGET, *FLOW).flow())
                self.assertEqual(stamps["hook"], hooks)
                self.assertGreaterEqual(self.foreign_packets() - before, PACKETS)
                self.assertEqual(receiver.stop(), 0)


class NothingStays(Stamping):
    def test_after_the_end_and_after_sigkill_on_tcx(self):
        for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)):
            with self.subTest(signal=number.name):
                receiver = self.start_advertised()
                self.assertEqual(len(self.tcx_programs()), 1)
                self.assertEqual(receiver.stop(number), code)
                self.assertEqual(self.tcx_programs(), [])
                self.assertEqual(self.clsact_filters(), "")
                self.assertNotIn("clsact", self.qdiscs())

    def test_sigkill_in_the_middle_of_a_flow(self):
        receiver = self.start_advertised()
        sender = self.start_sender(TARGET, "--rate", "500", "--duration", "3s", "--ndjson", "--interval", "200ms")
        sender.wait_for('"interval"', "stdout")
        receiver.stop(signal.SIGKILL)
        self.assertEqual(self.tcx_programs(), [])
        self.assertEqual(sender.finish(), lab.EXIT_PARTIAL, sender.log())

    def test_clsact_leaves_with_the_process(self):
        receiver = self.start_advertised("--hooks", "clsact")
        self.assertIn("bpf", self.clsact_filters())
        self.assertEqual(receiver.stop(), 0)
        self.assertEqual(self.clsact_filters(), "")
        self.assertNotIn("clsact", self.qdiscs())

    def test_next_start_removes_what_sigkill_left_on_clsact_and_only_that(self):
        self.add_foreign_filter()
        foreign = self.clsact_filters()
        for next_hooks in ("clsact", "tcx"):
            with self.subTest(next_hooks=next_hooks):
                self.start_advertised("--hooks", "clsact").stop(signal.SIGKILL)
                self.assertIn("bpf", self.clsact_filters())
                receiver = self.start_advertised("--hooks", next_hooks)
                self.assertEqual(self.clsact_filters().count(" bpf chain 0 handle"), int(next_hooks == "clsact"))
                stamps = self.hook_of(self.measure(TARGET, *FLOW).flow())
                self.assertEqual((stamps["hook"], stamps["missed"]), (next_hooks, 0))
                self.assertEqual(receiver.stop(), 0)
                self.assertEqual(self.clsact_filters(), foreign)
                self.assertIn("clsact", self.qdiscs())  # it was there before us

    def test_two_receivers_in_one_pod_keep_their_hooks_apart(self):
        self.start_advertised()
        second = self.start_receiver("--port", "9100", "--data-port", "8100")
        self.assertEqual(len(self.tcx_programs()), 2)
        self.assertEqual(self.hook_of(self.measure(TARGET, *FLOW).flow())["missed"], 0)
        self.assertEqual(self.hook_of(self.measure(endpoint(lab.POD[4], 9100), *FLOW).flow())["missed"], 0)
        second.stop(signal.SIGKILL)
        self.assertEqual(len(self.tcx_programs()), 1)
        self.assertEqual(self.hook_of(self.measure(TARGET, *FLOW).flow())["missed"], 0)


if __name__ == "__main__":
    lab.main()
