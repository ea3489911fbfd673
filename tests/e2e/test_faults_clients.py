# SPDX-License-Identifier: MIT
"""Clients that come and vanish by the thousand, or come and stay silent, while somebody measures: the measurement is
whole, the next is served, and nothing of them stays behind."""

import os
import signal
import socket
import struct
import threading

import lab

PREAMBLE = b"PACELINE"
FLOW = ("--rate", "1k", "--duration", "10m", "--interval", "200ms", "--ndjson")  # until it is interrupted


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


class Clients(lab.E2eTest):
    def setUp(self):
        self.receiver = self.start_loopback_receiver()
        self.addresses = [("127.0.0.1", self.receiver.port), ("127.0.0.1", self.receiver.data_port)]
        self.target = f"127.0.0.1:{self.receiver.port}"
        self.assert_serves(self.target)
        self.descriptors = descriptors(self.receiver)

    def start_flow(self):
        sender = self.start_sender(self.target, *FLOW)
        sender.wait_for('"interval"', "stdout")
        return sender

    def assert_undisturbed(self, sender):
        """It still runs; interrupted now, it has lost nothing until here."""
        self.assertIsNone(sender.code, sender.log())
        self.assertEqual(sender.stop(signal.SIGINT), lab.EXIT_PARTIAL, sender.log())
        (flow,) = sender.ndjson()[-1]["flows"]
        self.assertEqual(flow["incomplete_reason"], "stopped on request")
        self.assertGreater(flow["sent"]["packets"], 100)
        self.assertEqual(flow["received"]["packets"], flow["sent"]["packets"])
        self.assertEqual(flow["received"]["lost"], 0)

    def assert_nothing_left(self):
        self.assert_serves(self.target)
        deadline = lab.Deadline()
        while descriptors(self.receiver) > self.descriptors and deadline.goes_on():
            pass
        self.assertEqual(descriptors(self.receiver), self.descriptors)
        self.assertEqual(self.receiver.stop(), 0, self.receiver.log())
        self.assertNotIn("warning", self.receiver.stderr)

    def connect(self, address):
        return socket.create_connection(address, timeout=lab.GRACE)

    def test_a_thousand_that_vanish(self):
        """By a FIN, by a RST, and in the middle of a message; at the signalling port and at the data port."""
        half_a_message = PREAMBLE + struct.pack("!IB", 1000, 0) + b"\x0a" * 400
        half_a_probe = b"\xd1\x02" + bytes(20)
        sender = self.start_flow()

        def crowd(count):
            for i in range(count):
                address = self.addresses[i % 2]
                with self.connect(address) as connection:
                    if i % 3:
                        connection.sendall((half_a_message, half_a_probe)[i % 2])
                    if i % 3 == 2:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        crowds = [threading.Thread(target=crowd, args=(250,)) for _ in range(4)]
        for thread in crowds:
            thread.start()
        for thread in crowds:
            thread.join()
        self.assert_undisturbed(sender)
        self.assert_nothing_left()

    def test_two_hundred_that_stay_and_say_nothing(self):
        """Half of them opened a message. They are there all the while, and are hung up on in the end."""
        sender = self.start_flow()
        idle = [self.connect(self.addresses[i % 2]) for i in range(200)]
        self.addCleanup(lambda: [connection.close() for connection in idle])
        for connection in idle[::4]:
            connection.sendall(PREAMBLE + struct.pack("!IB", 1000, 0))
        self.assert_serves(self.target)
        self.assert_undisturbed(sender)
        for connection in idle:
            try:
                self.assertEqual(connection.recv(65536), b"", "they are told nothing")
            except ConnectionResetError:
                pass
        self.assert_nothing_left()

    def test_senders_that_are_killed(self):
        """The receiver says whose flow ended and why; the sender beside them does not notice."""
        sender = self.start_flow()
        for _ in range(5):
            killed = self.start_sender(self.target, "--rate", "500", "--interval", "100ms", "--ndjson")
            killed.wait_for('"interval"', "stdout")
            killed.stop(signal.SIGKILL)
        self.assert_undisturbed(sender)
        self.receiver.wait_for(r"the sender is gone: the peer closed the connection")
        self.assert_nothing_left()


if __name__ == "__main__":
    lab.main()
