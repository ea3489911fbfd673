# SPDX-License-Identifier: MIT
"""What a receiver needs runs short: memory, and the disk at either end. (Descriptors: bad_input.)"""

import os
import pathlib
import subprocess
import unittest

import lab
from lab import NODE, endpoint

MIB = 1 << 20
CGROUPS = pathlib.Path("/sys/fs/cgroup")


class MemoryLimit:
    """A control group with so much memory and no swap, of either version; as a container's."""

    def __init__(self, limit):
        self.v2 = (CGROUPS / "cgroup.controllers").exists()
        self.folder = (CGROUPS if self.v2 else CGROUPS / "memory") / f"paceline-e2e-{os.getpid()}"
        if self.v2:
            (CGROUPS / "cgroup.subtree_control").write_text("+memory")
        self.folder.mkdir()
        (self.folder / ("memory.max" if self.v2 else "memory.limit_in_bytes")).write_text(str(limit))

    def enter(self):
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def most(self):
        return int((self.folder / ("memory.peak" if self.v2 else "memory.max_usage_in_bytes")).read_text())

    def killed(self):
        text = (self.folder / ("memory.events" if self.v2 else "memory.oom_control")).read_text()
        return int(dict(line.split() for line in text.splitlines())["oom_kill"])

    def remove(self):
        self.folder.rmdir()


def memory_limits_work():
    try:
        MemoryLimit(64 * MIB).remove()
        return True
    except OSError:
        return False


@lab.needs_namespaces
class Memory(lab.E2eTest):
    @unittest.skipIf(os.environ.get("PACELINE_SANITIZE"), "sanitizers take several times the memory")
    @unittest.skipUnless(memory_limits_work(), "needs a memory control group that may be written")
    def test_a_hundred_flows_in_64_mib(self):
        """A pod's limit of 64 MiB, kernel memory included, carries 100 flows whole."""
        self.make_topology()
        limit = MemoryLimit(64 * MIB)
        self.addCleanup(limit.remove)
        receiver = self.start_receiver("--advertise", "udp=30899", preexec_fn=limit.enter)
        sender = self.measure(endpoint(NODE[4], 30900), "--flows", "100", "--rate", "100", "--duration", "3s",
                              seconds=60)
        flows = sender.json()["flows"]
        self.assertEqual(len(flows), 100)
        for flow in flows:
            self.assertTrue(flow["complete"], flow["incomplete_reason"])
            self.assertEqual((flow["received"]["packets"], flow["received"]["lost"]), (300, 0))
        self.assertEqual(limit.killed(), 0)
        self.assertLessEqual(limit.most(), 48 * MIB, "a quarter is left for records and whatever else comes")
        self.assertEqual(receiver.stop(), 0)


@lab.needs_namespaces
class Disk(lab.E2eTest):
    def test_the_senders_disk_is_full(self):
        """The result is whole and shown; that its record is not, and where its beginning is, is said."""
        small = self.scratch()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small], check=True)
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        receiver = self.start_loopback_receiver()
        sender = self.start_sender(f"127.0.0.1:{receiver.port}", "--rate", "10k", "--size", "64", "--duration", "2s",
                                   "--record", small / "flow.record", "--json")
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        self.assertRegex(sender.stderr, r"record of flow 1 did not come whole.*No space left on device.*flow\.record\.part")
        self.assert_unharmed(sender.flow(), 20000)
        self.assert_serves(f"127.0.0.1:{receiver.port}")


if __name__ == "__main__":
    lab.main()
