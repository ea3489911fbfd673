# SPDX-License-Identifier: MIT
"""A receiver is no weapon: what leaves it towards an address that has proven nothing, and once a session is over."""

import re
import signal
import subprocess
import sys

import lab
from lab import CLIENT, NODE, endpoint

VICTIM = {4: "10.0.0.99", 6: "fd00::99"}
PROBE_BYTES, REPLY = 64, "d103"
MOST_REPLIES = 8  # before the address has returned a nonce; DESIGN and SECURITY.md
COUNT = 100


class Watch:
    """Who counts what leaves the pod towards some addresses."""

    def __init__(self, test, *addresses):
        self.process = test.start(sys.executable, lab.HERE / "leaving.py", "eth0", *addresses, where="pod",
                                  input_pipe=True)
        self.process.wait_for("watching", stream="stdout")
        self.questions = 0

    def packets(self):
        """(protocol, address, port, bytes, head) of all so far."""
        self.questions += 1
        self.process.popen.stdin.write(f"asked {self.questions}\n")
        self.process.popen.stdin.flush()
        self.process.wait_for(f"^asked {self.questions}$", stream="stdout")
        lines = [line.split() for line in self.process.stdout.splitlines() if re.match(r"\d", line)]
        return [(int(protocol), address, int(port), int(size), head) for protocol, address, port, size, head in lines]


@lab.needs_namespaces
class NoWeapon(lab.E2eTest):
    def setUp(self):
        self.make_topology()
        self.receiver = self.start_receiver("--advertise", "udp=30899,tcp=30899", "--log-level", "debug")

    def start(self, *argv, input_pipe=False, **how):
        process = super().start(*argv, **how, **({"stdin": subprocess.PIPE} if input_pipe else {}))
        return process


class Spoofed(NoWeapon):
    def aim(self, family, *options, what="latency"):
        """A sender with a valid session; beside it somebody who knows its secret and writes the victim's address."""
        # The victim is there, and silent: what is sent to it is not answered by an ICMP error.
        self.topology.run("client", "ip", "address", "add", f"{VICTIM[family]}/{24 if family == 4 else 64}", "dev",
                          "eth0", *(("nodad", "preferred_lft", "0") if family == 6 else ()))
        watch = Watch(self, VICTIM[family], CLIENT[family])
        spoofer = self.start(sys.executable, lab.HERE / "spoofer.py", "eth0", "30899", VICTIM[family], str(COUNT),
                             where="client")
        spoofer.wait_for("waiting", stream="stdout")
        sender = self.start_sender(endpoint(NODE[family], 30900), *options, "--duration", "3s", "--json", what=what)
        spoofer.wait_for("done", stream="stdout")
        self.assertEqual(sender.finish(), 0, sender.log())
        packets = watch.packets()
        self.assertTrue([packet for packet in packets if packet[1] == CLIENT[family]], "the watch saw nothing at all")
        return sender, [packet for packet in packets if packet[1] == VICTIM[family]]

    def assert_harmless(self, packets):
        for protocol, _, _, size, head in packets:
            self.assertEqual((protocol, head), (17, REPLY))
            self.assertLessEqual(size, PROBE_BYTES)
        self.assertLessEqual(len(packets), MOST_REPLIES)

    def test_probes_with_the_right_secret(self):
        for family in (4, 6):
            with self.subTest(family=family):
                sender, packets = self.aim(family, "--rate", "1k")
                self.assertGreater(len(packets), 0, "no probe of the victim's reached the flow: nothing was shown")
                self.assert_harmless(packets)
                self.assertEqual(sender.flow()["received"]["packets"], 3000)

    def test_a_flow_whose_packets_come_back(self):
        sender, packets = self.aim(4, "--rate", "1k", "--meter", "round-trip")
        self.assert_harmless(packets)
        self.assertEqual(sender.flow()["round_trip"]["received"]["packets"], 3000)

    def test_a_flow_of_exchanges(self):
        _, packets = self.aim(4, "--rate", "100", "--protocol", "udp", what="connections")
        self.assert_harmless(packets)


class Afterwards(NoWeapon):
    """Nothing is sent once the signalling connection has ended."""

    def test_echoes_end_with_the_session(self):
        watch = Watch(self, CLIENT[4])
        recorder = self.start(sys.executable, lab.HERE / "capture.py", "eth0", "udp", where="client", input_pipe=True)
        recorder.wait_for("capturing", stream="stdout")
        sender = self.start_sender(endpoint(NODE[4], 30900), "--meter", "round-trip", "--rate", "1k", "--duration",
                                   "60s")
        sender.wait_for("1-2 s", stream="stdout")
        sender.stop(signal.SIGKILL)
        self.receiver.wait_for("session .*: closed")
        before = watch.packets()
        data = [line.split() for line in recorder.stdout.splitlines() if " 30899 d101" in line]
        self.assertGreater(len(data), 1000)
        source = re.search(r"from (10\.0\.0\.4):(\d+)", sender.stderr)
        self.replay(source[2], data[:500])
        after = watch.packets()[len(before):]
        self.assertEqual([packet for packet in after if packet[0] == 17], [])

    def replay(self, port, data):
        """The flow's own packets once more, from its proven address."""
        script = ("import socket,sys\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
                  f"s.bind(('{CLIENT[4]}',{port}))\ns.connect(('{NODE[4]}',30899))\n"
                  "for line in sys.stdin: s.send(bytes.fromhex(line))\n")
        subprocess.run(self.topology.within("client", [sys.executable, "-c", script]),
                       input="\n".join(packet[-1] for packet in data), text=True, check=True)

    def assert_silent_streams(self, watch):
        """The session is over: no stream carries a byte any more, not even again."""
        port = int(self.receiver.wait_for(r"session 10\.0\.0\.4:(\d+): closed")[1])
        before = len(watch.packets())
        deadline = lab.Deadline(3)
        while deadline.goes_on(0.5):
            pass
        # The kernel may repeat the farewell on the signalling connection itself.
        late = [packet for packet in watch.packets()[before:] if packet[3] > 0 and packet[2] != port]
        self.assertEqual(late, [])

    def start_reverse(self, watch):
        sender = self.start_sender(endpoint(NODE[4], 30900), "--reverse", "--bitrate", "20M", "--streams", "2",
                                   "--duration", "60s", what="throughput")
        sender.wait_for("1-2 s", stream="stdout")
        self.assertTrue([packet for packet in watch.packets() if packet[3] > 1000])
        return sender

    def test_reverse_streams_end_with_a_killed_sender(self):
        watch = Watch(self, CLIENT[4])
        self.start_reverse(watch).stop(signal.SIGKILL)
        self.assert_silent_streams(watch)

    def test_reverse_streams_end_when_their_sender_falls_silent(self):
        """Though the streams themselves are well: who only reads on is sent nothing for longer than the silence lasts."""
        watch = Watch(self, CLIENT[4])
        self.start_reverse(watch)
        self.topology.run("node", "nft", """
            table inet mute {
              chain in { type filter hook forward priority 0; iifname "client" tcp dport 9000 drop; }
            }""")
        self.assert_silent_streams(watch)


if __name__ == "__main__":
    lab.main()
