# SPDX-License-Identifier: MIT
"""A receiver in a network that lets nothing in: it dials out to a sender that waits, and knocks first on the data path."""

import lab
from lab import CLIENT, endpoint

PORT = 8997


class Passive(lab.E2eTest):
    def make_closed_pod(self):
        """The node translates what leaves the pod, and drops what would come in by itself."""
        topology = self.make_topology("--node-ports", ":")
        topology.run("node", "nft", """
            table inet closed {
              chain out { type nat hook postrouting priority 100; oifname "client" masquerade; }
              chain in { type filter hook forward priority 0; iifname "client" ct state new drop; }
            }""")
        return topology

    def dialler(self, *options, family=4, port=PORT):
        return self.start(lab.RECEIVER, "--dial", endpoint(CLIENT[family], port), *options, where="pod")

    def waiting(self, *options, what="latency"):
        return self.start(lab.SENDER, what, "--listen", PORT, "--dial-limit", "20s", "--json", *options,
                          where="client")

    def finish(self, sender):
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        return sender.flow()


@lab.needs_namespaces
class BehindNat(Passive):
    def test_the_network_lets_nothing_in(self):
        topology = self.make_closed_pod()
        self.start_receiver()
        for family in (4, 6):
            sender = self.start_sender(endpoint(lab.POD[family], 9000), "--json")
            self.assertEqual(sender.finish(), lab.EXIT_SETUP, sender.log())
            self.assertIn("no answer in 3 s", sender.stderr)
        self.assertIn("drop", topology.run("node", "nft", "list", "ruleset"))

    def test_udp(self):
        self.make_closed_pod()
        for family in (4, 6):
            with self.subTest(family=family):
                receiver = self.dialler("--one-off", family=family)
                sender = self.waiting("--rate", "500", "--duration", "500ms")
                flow = self.finish(sender)
                self.assert_unharmed(flow, 250)
                self.assertTrue(flow["path"]["destination_translated"])
                self.assertTrue(flow["path"]["dialled"].startswith(endpoint(lab.NODE[family], "")))
                self.assertEqual(flow["path"]["arrived_at"], endpoint(lab.POD[family], 8999))
                (candidate,) = flow["path"]["candidates"]
                self.assertEqual((candidate["source"], candidate["outcome"]), ("knock", "confirmed"))
                self.assertEqual(receiver.finish(), 0, receiver.log())

    def test_udp_round_trip(self):
        self.make_closed_pod()
        self.dialler()
        flow = self.finish(self.waiting("--rate", "500", "--duration", "500ms", "--meter", "round-trip"))
        self.assert_unharmed(flow, 250)
        self.assertEqual(flow["round_trip"]["received"]["packets"], 250)

    def test_tcp_both_ways(self):
        self.make_closed_pod()
        for family in (4, 6):
            receiver = self.dialler("--dial-only", family=family)
            for options in ((), ("--reverse",)):
                with self.subTest(family=family, options=options):
                    sender = self.waiting("--streams", "3", "--bytes", "30M", "--duration", "20s", *options,
                                          what="throughput")
                    flow = self.finish(sender)
                    self.assertEqual(flow["received"]["bytes"], 30_000_000)
                    self.assertEqual(len(flow["streams"]), 3)
            receiver.stop()

    def test_many_flows(self):
        self.make_closed_pod()
        self.dialler("--dial-only")
        sender = self.waiting("--flows", "40", "--rate", "100", "--duration", "1s")
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        flows = sender.json()["flows"]
        self.assertEqual(len(flows), 40)
        for flow in flows:
            self.assert_unharmed(flow, 100)

    def test_one_receiver_serves_sender_after_sender(self):
        self.make_closed_pod()
        self.dialler("--dial-only")
        for _ in range(2):
            flow = self.finish(self.waiting("--rate", "500", "--duration", "200ms"))
            self.assert_unharmed(flow, 100)


@lab.needs_namespaces
class Strangers(Passive):
    def test_strangers_do_not_end_the_wait(self):
        self.make_closed_pod()
        sender = self.waiting("--rate", "500", "--duration", "200ms")
        stranger = self.start("python3", "-c", STRANGERS, CLIENT[4], PORT, where="node")
        stranger.wait_for("all are there", "stdout")
        self.dialler()
        self.assert_unharmed(self.finish(sender), 100)
        self.assertIn("hung up on 2", stranger.wait_for("hung up on .*", "stdout")[0])

    def test_nobody_dials_in(self):
        self.make_closed_pod()
        sender = self.start(lab.SENDER, "latency", "--listen", PORT, "--dial-limit", "500ms", where="client")
        self.assertEqual(sender.finish(), lab.EXIT_SETUP, sender.log())
        self.assertIn("waiting up to 0.5 s for a receiver to dial in on port 8997/tcp", sender.stderr)
        self.assertIn("no receiver dialled in on port 8997/tcp in 0.5 s", sender.stderr)
        self.assertIn("paceline-recv --dial", sender.stderr)

    def test_dial_only_serves_nobody_else(self):
        self.make_topology()
        receiver = self.dialler("--dial-only")
        receiver.wait_for("dialling 10.0.0.4:8997: Connection refused")
        sender = self.start_sender(endpoint(lab.POD[4], 9000))
        self.assertEqual(sender.finish(), lab.EXIT_SETUP, sender.log())
        self.assertIn("Connection refused", sender.stderr)

    def test_a_run_that_cannot_be_passive_is_refused(self):
        for what, options, why in (("connections", (), "connections"), ("latency", ("--protocol", "icmp"), "icmp")):
            sender = self.start(lab.SENDER, what, "--listen", PORT, *options)
            self.assertEqual(sender.finish(), lab.EXIT_USAGE, sender.log())
            self.assertIn(why, sender.stderr)


# One says nothing, one garbage, one the preamble alone, one knocks with a secret that no flow has.
# The sender that they dial may not listen yet.
STRANGERS = """
import socket, sys, time
def connect(end):
    while True:
        try:
            return socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=30)
        except ConnectionRefusedError:
            if time.monotonic() > end: raise
            time.sleep(0.05)
def dial(text):
    stranger = connect(time.monotonic() + 20)
    stranger.sendall(text)
    return stranger
silent, garbage = dial(b""), dial(b"GET / HTTP/1.0\\r\\n\\r\\n")
halfway, knock = dial(b"PACELINE"), dial(b"\\xd1\\x05" + bytes(62))
print("all are there", flush=True)
ended = 0
for stranger in (garbage, knock):
    try:
        while stranger.recv(4096): pass
    except ConnectionResetError: pass
    ended += 1
print("hung up on", ended, flush=True)
"""


if __name__ == "__main__":
    lab.main()
