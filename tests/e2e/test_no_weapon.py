# SPDX-License-Identifier: MIT
"""A receiver is no weapon: what leaves it towards an address that has proven nothing, and once a session is over."""

import re
import signal
import subprocess
import sys
import typing

import lab
from lab import CLIENT, NODE, endpoint

VICTIM = {4: "10.0.0.99", 6: "fd00::99"}
UDP = 17
PROBE_BYTES, REPLY = 64, "d103"
MOST_REPLIES = 8  # before the address has returned a nonce; DESIGN and SECURITY.md
COUNT = 100


class Packet(typing.NamedTuple):
    protocol: int
    address: str
    port: int
    source_port: int
    size: int  # of the payload
    head: str  # its first two bytes, in hex


class Watch:
    """Who counts what leaves the pod towards some addresses."""

    def __init__(self, test, *addresses):
        self.process = test.start(sys.executable, lab.HERE / "leaving.py", "eth0", *addresses, where="pod",
                                  input_pipe=True)
        self.process.wait_for("watching", stream="stdout")
        self.questions = 0

    def packets(self):
        """All so far."""
        self.questions += 1
        self.process.popen.stdin.write(f"asked {self.questions}\n")
        self.process.popen.stdin.flush()
        self.process.wait_for(f"^asked {self.questions}$", stream="stdout")
        lines = [line.split() for line in self.process.stdout.splitlines() if re.match(r"\d", line)]
        return [Packet(int(protocol), address, int(port), int(source), int(size), head)
                for protocol, address, port, source, size, head in lines]

    def packets_during(self, seconds):
        """Of the time from now on."""
        before = len(self.packets())
        deadline = lab.Deadline(seconds)
        while deadline.goes_on(0.1):
            pass
        return self.packets()[before:]


class Watched(lab.E2eTest):
    def start(self, *argv, input_pipe=False, **how):
        process = super().start(*argv, **how, **({"stdin": subprocess.PIPE} if input_pipe else {}))
        return process


@lab.needs_namespaces
class NoWeapon(Watched):
    def setUp(self):
        self.make_topology()
        self.receiver = self.start_receiver("--advertise", "udp=30899,tcp=30899", "--log-level", "debug")


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
        self.assertTrue([packet for packet in packets if packet.address == CLIENT[family]], "the watch saw nothing at all")
        return sender, [packet for packet in packets if packet.address == VICTIM[family]]

    def assert_harmless(self, packets):
        for packet in packets:
            self.assertEqual((packet.protocol, packet.head), (UDP, REPLY))
            self.assertLessEqual(packet.size, PROBE_BYTES)
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
        self.assertEqual([packet for packet in after if packet.protocol == UDP], [])

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
        # The kernel may repeat the farewell on the signalling connection itself.
        late = [packet for packet in watch.packets_during(3) if packet.size > 0 and packet.port != port]
        self.assertEqual(late, [])

    def start_reverse(self, watch):
        sender = self.start_sender(endpoint(NODE[4], 30900), "--reverse", "--bitrate", "20M", "--streams", "2",
                                   "--duration", "60s", what="throughput")
        sender.wait_for("1-2 s", stream="stdout")
        self.assertTrue([packet for packet in watch.packets() if packet.size > 1000])
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


@lab.needs_namespaces
class AfterDialling(Watched):
    """As Afterwards, of a receiver that dials in and knocks."""

    PORT = 8997

    def test_knocks_that_nobody_answers_end_with_the_session(self):
        self.make_topology()
        # Signalling gets in, no other connection does.
        self.topology.run("client", "nft", f"""
            table inet one {{
              chain in {{
                type filter hook input priority 0;
                tcp dport {self.PORT} tcp flags & (syn | ack) == syn limit rate over 1/hour burst 1 packets drop;
              }}
            }}""")
        watch = Watch(self, CLIENT[4])
        sender = self.start(lab.SENDER, "throughput", "--streams", "8", "--listen", self.PORT, "--dial-limit", "20s",
                            where="client")
        sender.wait_for(f"waiting up to 20 s for a receiver to dial in on port {self.PORT}/tcp")
        receiver = self.start(lab.RECEIVER, "--dial", endpoint(CLIENT[4], self.PORT), "--log-level", "debug",
                              where="pod")
        receiver.wait_for("session .*: opened")
        deadline = lab.Deadline()
        while len(used := {packet.source_port for packet in watch.packets()}) < 9:  # of signalling and of each knock
            self.assertTrue(deadline.goes_on(), "not all knocks were seen")
        sender.stop(signal.SIGKILL)
        receiver.wait_for("session .*: closed")
        watch.packets_during(0.3)  # the session's farewell, and the time until the knocks notice
        # The kernel would try them again after 1 and 3 s. The receiver dials again, but from another port.
        self.assertEqual([packet for packet in watch.packets_during(4) if packet.source_port in used], [])


if __name__ == "__main__":
    lab.main()
