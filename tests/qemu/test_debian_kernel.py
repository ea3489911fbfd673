# SPDX-License-Identifier: MIT
"""Flows under Debian 12's own kernel: SCTP, which not every kernel has, and TC stamps by clsact. Boots an emulated
machine, which takes minutes."""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import lab  # noqa: E402
from lab import segment  # noqa: E402


@lab.long_test
class DebianKernel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        booted = subprocess.run([HERE / "boot", "--build", lab.BUILD, HERE / "script.sh"], capture_output=True,
                                text=True, errors="replace", timeout=600)
        cls.console = booted.stdout.replace("\r", "") + booted.stderr
        if log := os.environ.get("PACELINE_CONSOLE_LOG"):
            pathlib.Path(log).write_text(cls.console)

    def flow(self, name, code=lab.EXIT_COMPLETE):
        found = re.search(rf"^BEGIN {name} (\d+)$(.*?)^END {name}$", self.console, re.MULTILINE | re.DOTALL)
        self.assertIsNotNone(found, self.console)
        self.assertEqual(int(found[1]), code, self.console)
        (flow,) = json.loads(found[2])["flows"]
        return flow

    def assert_whole(self, flow, packets=None):
        self.assertTrue(flow["complete"], flow)
        if packets is not None:
            self.assertEqual(flow["sent"]["packets"] + flow["sent"]["missed_slots"], packets)
        self.assertGreater(flow["sent"]["packets"], 0)
        self.assertEqual(flow["received"]["packets"], flow["sent"]["packets"])
        self.assertEqual(flow["received"]["bytes"], flow["sent"]["bytes"])
        self.assertEqual(flow["received"]["lost"], 0)
        self.assertEqual(segment(flow, "tx.user", "rx.user")["count"], flow["sent"]["packets"])

    def test_kernel_is_debians(self):
        self.assertRegex(self.console, r"KERNEL 6\.1\.")

    def test_sctp(self):
        for name in ("sctp_loopback", "sctp_ipv4", "sctp_streams_ipv6"):
            with self.subTest(name):
                flow = self.flow(name)
                self.assert_whole(flow, 200)
                self.assertEqual(flow["flow"]["protocol"], "sctp")

    def test_sctp_sizes_are_the_models(self):
        self.assert_whole(self.flow("sctp_sizes"))

    def test_sctp_round_trip(self):
        flow = self.flow("sctp_round_trip")
        self.assert_whole(flow, 100)
        back = flow["round_trip"]
        self.assertEqual(back["received"]["packets"], flow["sent"]["packets"])
        self.assertEqual(back["received"]["lost"], 0)

    def test_records_over_tcp(self):
        self.assert_whole(self.flow("tcp_records"), 200)

    def test_udp_is_stamped_by_clsact(self):
        flow = self.flow("udp_clsact")
        self.assert_whole(flow, 200)
        self.assertEqual(flow["stamping"]["rx.tc"]["hook"], "clsact")
        self.assertEqual(flow["stamping"]["rx.tc"]["stamped"], 200)


if __name__ == "__main__":
    lab.main()
