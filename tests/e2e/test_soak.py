# SPDX-License-Identifier: MIT
"""Twenty minutes of every kind of flow, of clients that vanish and of probes: memory and descriptors stay flat."""

import os
import pathlib
import signal
import statistics
import subprocess
import time

import lab
from lab import NODE, endpoint

SECONDS = float(os.environ.get("PACELINE_SOAK_SECONDS", "1200"))
MIB = 1 << 20
KINDS = (("latency", ("--rate", "2k")), ("latency", ("--rate", "1k", "--meter", "round-trip", "--flows", "10")),
         ("latency", ("--rate", "20k", "--batching", "several")), ("latency", ("--protocol", "tcp", "--rate", "500")),
         ("throughput", ("--bitrate", "50M", "--streams", "4")), ("throughput", ("--bitrate", "50M", "--reverse")),
         ("connections", ("--rate", "200")), ("connections", ("--rate", "200", "--protocol", "udp")))


@lab.long_test
@lab.needs_namespaces
class Soak(lab.E2eTest):
    def memory(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def vanish(self):
        """Clients that say nothing, half a message, or nonsense."""
        where = self.topology.within("client", ["python3", "-c", "import socket\n"
                                                "for word in (b'', b'\\0\\0', b'GET / HTTP/1.1\\r\\n\\r\\n') * 20:\n"
                                                f" s = socket.create_connection(('{NODE[4]}', 30900)); s.send(word); s.close()"])
        self.assertEqual(subprocess.run(where).returncode, 0)

    def test_nothing_grows(self):
        self.make_topology()
        receiver = self.start_receiver("--advertise", "udp=30899,tcp=30899")
        self.pid = receiver.pid
        end = time.monotonic() + SECONDS
        samples, round_number = [], 0
        while time.monotonic() < end:
            for what, options in KINDS:
                self.measure(endpoint(NODE[4 if round_number % 2 else 6], 30900), *options, "--duration", "2s",
                             what=what)
            killed = self.start_sender(endpoint(NODE[4], 30900), "--duration", "60s", "--interval", "100ms")
            killed.wait_for("0.1", stream="stdout")
            killed.stop(signal.SIGKILL)
            self.vanish()
            samples.append((self.memory(), self.descriptors()))
            self._processes.clear()  # what they printed
            round_number += 1
        self.assertGreaterEqual(len(samples), 8, "too short to say anything")
        quarter = len(samples) // 4
        begin, late = samples[quarter:2 * quarter], samples[-quarter:]
        print(f"{len(samples)} rounds; memory {begin[0][0] / MIB:.1f} MiB to {late[-1][0] / MIB:.1f} MiB, "
              f"descriptors {begin[0][1]} to {late[-1][1]}")
        self.assertLessEqual(statistics.median(one[0] for one in late),
                             statistics.median(one[0] for one in begin) + MIB)
        self.assertLessEqual(max(one[1] for one in late), max(one[1] for one in begin))


if __name__ == "__main__":
    lab.main()
