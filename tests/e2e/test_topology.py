# SPDX-License-Identifier: MIT
"""scripts/topology, which the other tests stand on: NodePorts lead to pods, and nothing is left behind."""

import pathlib
import signal
import subprocess
import sys
import time

import lab
from lab import NODE

# A pod that answers on the data and the signalling port with its name and whom it saw.
SERVER = """
import select, socket, sys
name = sys.argv[1]
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(("::", 8999))
listeners = [socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) for port in (9000, 8999)]
print("ready", flush=True)
while True:
    for end in select.select([udp, *listeners], [], [])[0]:
        if end is udp:
            _, peer = udp.recvfrom(100)
            udp.sendto(f"{name} {peer[0]}".encode(), peer)
        else:
            connection, peer = end.accept()
            connection.recv(100)
            connection.sendall(f"{name} {peer[0]}".encode())
            connection.close()
"""
CLIENT = """
import socket, sys
kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
for _ in range(20):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    end = socket.socket(family, getattr(socket, kind))
    end.settimeout(2)
    end.connect((host, port))
    end.send(b"?")
    print(end.recv(100).decode().replace("::ffff:", ""))
"""


@lab.needs_namespaces
class TopologyTest(lab.E2eTest):
    def serve(self, *pods):
        for pod in pods:
            self.start(sys.executable, "-c", SERVER, pod, where=pod).wait_for("ready", "stdout")

    def answers(self, kind, family, port):
        """Who answered 20 connections from the client, and whom they saw."""
        said = self.topology.run("client", sys.executable, "-c", CLIENT, kind, NODE[family], str(port))
        return {tuple(line.split()) for line in said.splitlines()}

    def test_node_ports_lead_to_the_pod_in_every_protocol_and_family(self):
        self.make_topology()
        self.serve("pod")
        for family in (4, 6):
            for kind, port in (("SOCK_STREAM", 30900), ("SOCK_STREAM", 30899), ("SOCK_DGRAM", 30899)):
                self.assertEqual(self.answers(kind, family, port), {("pod", lab.CLIENT[family])})

    def test_connections_are_spread_over_the_pods_and_masqueraded(self):
        self.make_topology("--pods", "3", "--masquerade")
        self.serve("pod", "pod2", "pod3")
        for family, gateway in ((4, "10.244.{}.1"), (6, "fd00:244:{}::1")):
            expected = {(pod, gateway.format(number)) for number, pod in enumerate(("pod", "pod2", "pod3"), 1)}
            for kind, port in (("SOCK_STREAM", 30900), ("SOCK_DGRAM", 30899)):
                answers = self.answers(kind, family, port)
                self.assertLessEqual(answers, expected)
                self.assertGreater(len(answers), 1)  # 20 of 20 on one pod: one in a billion

    def namespaces(self, prefix):
        return sorted(path.name for path in pathlib.Path("/run/netns").glob(f"{prefix}-*"))

    def test_down_ends_what_runs_inside_and_leaves_nothing(self):
        topology = self.make_topology()
        stubborn = self.start("sh", "-c", "trap '' TERM; while true; do sleep 0.1; done", where="pod")
        self.assertEqual(len(self.namespaces(topology.prefix)), 3)
        topology.down()
        self.assertEqual(self.namespaces(topology.prefix), [])
        self.assertEqual(stubborn.finish(), -signal.SIGKILL)
        topology.down()  # once more does no harm

    def test_a_second_topology_of_that_name_is_refused_and_harms_nothing(self):
        topology = self.make_topology()
        self.serve("pod")
        again = self.start(lab.TOPOLOGY, "up", topology.prefix)
        self.assertEqual(again.finish(), 1)
        self.assertIn("up already", again.stderr)
        self.assertEqual(self.answers("SOCK_DGRAM", 4, 30899), {("pod", lab.CLIENT[4])})

    def test_an_interrupted_up_leaves_nothing(self):
        prefix = lab.new_prefix()
        for delay in (0.02, 0.1, 0.2):
            up = self.start(lab.TOPOLOGY, "up", prefix, "--pods", "5")
            time.sleep(delay)
            code = up.stop(signal.SIGTERM)
            if code == 0:  # it was faster
                subprocess.run([lab.TOPOLOGY, "down", prefix], check=True)
            self.assertEqual(self.namespaces(prefix), [])


if __name__ == "__main__":
    lab.main()
