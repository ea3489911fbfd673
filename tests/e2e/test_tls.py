# SPDX-License-Identifier: MIT
"""Signalling by TLS 1.3: whom a sender takes for the receiver, and what each side says when they do not agree."""

import subprocess
import unittest

import lab
from certificates import Certificates
from lab import NODE, endpoint

FLOW = ("--rate", "500", "--duration", "200ms")
PORT = 8997
KEY = "lab 000102030405060708090a0b0c0d0e0f"

built_in = unittest.skipUnless(lab.configured_with("PACELINE_WITH_TLS:BOOL=ON"), "built without TLS")


@built_in
class Tls(lab.E2eTest):
    def setUp(self):
        self.certificates = Certificates(self.scratch())

    def serving(self, *options):
        receiver = self.start_loopback_receiver(*self.certificates.of_receiver(), *options)
        return receiver, f"127.0.0.1:{receiver.port}"

    def refused(self, target, *options, code=lab.EXIT_SETUP):
        return self.measure(target, *FLOW, *options, code=code).stderr

    def test_each_measurement_and_a_follower(self):
        receiver, target = self.serving()
        follower = self.start(lab.DECODER, "follow", target, *self.certificates.of_sender(), "--ndjson", "--flows", "3")
        follower.wait_for("following; ")
        self.assert_serves(target, *self.certificates.of_sender())
        for what in (("throughput", "--duration", "300ms"), ("connections", "--rate", "200", "--duration", "200ms")):
            self.measure(target, *what[1:], *self.certificates.of_sender(), what=what[0])
        self.assertEqual(follower.finish(), lab.EXIT_COMPLETE, follower.log())
        self.assertEqual(receiver.stop(), 0)

    def test_a_new_certificate_is_shown_once_it_is_there(self):
        receiver, target = self.serving()
        self.assert_serves(target, *self.certificates.of_sender())
        Certificates(self.certificates.folder)  # of a new authority, over the old one
        receiver.wait_for("the certificate changed and was read again: CN=receiver, until 20")
        self.assert_serves(target, *self.certificates.of_sender())
        self.certificates.key.write_text("torn")
        receiver.wait_for("warning: the certificate changed, but what was read before stays in force")
        self.assert_serves(target, *self.certificates.of_sender())

    def test_a_record_comes_over_it(self):
        receiver, target = self.serving()
        record = self.scratch() / "flow.record"
        flow = self.measure(target, "--rate", "20k", "--size", "64", "--duration", "1s", "--record", record,
                            *self.certificates.of_sender()).flow()
        replay = self.start(lab.DECODER, "replay", record, "--json")
        self.assertEqual(replay.finish(), 0, replay.log())
        (replayed,) = replay.json()["flows"]
        self.assertEqual(replayed["received"]["packets"], flow["received"]["packets"])

    def test_keys_and_tls_together(self):
        keys = self.scratch() / "keys"
        keys.write_text(KEY + "\n")
        keys.chmod(0o600)
        receiver, target = self.serving("--key-file", keys)
        self.assertIn("--key-file", self.refused(target, *self.certificates.of_sender()))
        self.assert_serves(target, *self.certificates.of_sender(), "--key-file", keys)

    def test_whom_a_sender_does_not_take_for_the_receiver(self):
        receiver, target = self.serving()
        other = Certificates(self.scratch())
        for options, why in ((("--tls-ca", other.authority), "issuer certificate"),
                             (("--tls",), "issuer certificate"),
                             ((*self.certificates.of_sender(), "--tls-name", "other.test"),
                              "does not hold for 'other.test'.*mismatch")):
            self.assertRegex(self.refused(target, *options), why)
        self.assertNotIn("session", receiver.stderr)
        self.assert_serves(target, *self.certificates.of_sender(), "--tls-name", "receiver.test")

    def test_one_side_alone_has_it(self):
        receiver, target = self.serving()
        self.assertIn("by TLS alone here: use --tls", self.refused(target))
        follower = self.start(lab.DECODER, "follow", target)
        self.assertEqual(follower.finish(), lab.EXIT_SETUP, follower.log())
        self.assertIn("by TLS alone here", follower.stderr)
        self.assert_serves(target, *self.certificates.of_sender())
        plain = self.start_loopback_receiver()
        self.assertIn("does it speak TLS", self.refused(f"127.0.0.1:{plain.port}", *self.certificates.of_sender()))
        self.assert_serves(f"127.0.0.1:{plain.port}")

    def test_older_versions_are_not_spoken(self):
        receiver, target = self.serving()
        for version, code in (("-tls1_2", 1), ("-tls1_3", 0)):
            client = self.start("openssl", "s_client", "-connect", target, version, "-CAfile",
                                self.certificates.authority, "-verify_return_error")
            self.assertEqual(client.finish(), code, client.log())

    def test_half_a_handshake_holds_nobody_up(self):
        receiver, target = self.serving()
        strangers = [self.start("openssl", "s_client", "-connect", target, "-tls1_3", stdin=subprocess.PIPE)
                     for _ in range(4)]
        for stranger in strangers:
            stranger.wait_for("Verif", stream="stdout")
        self.assert_serves(target, *self.certificates.of_sender())
        for stranger in strangers:  # who shook hands and says nothing is hung up on
            stranger.finish()
            stranger.popen.stdin.close()

    def test_what_makes_no_sense(self):
        receiver = self.start(lab.RECEIVER, "--bind", "127.0.0.1", "--tls-certificate", self.certificates.certificate)
        self.assertEqual(receiver.finish(), lab.EXIT_USAGE, receiver.log())
        self.assertIn("--tls-key", receiver.stderr)
        self.certificates.key.chmod(0o644)
        receiver = self.start(lab.RECEIVER, "--bind", "127.0.0.1", *self.certificates.of_receiver())
        self.assertEqual(receiver.finish(), lab.EXIT_SETUP, receiver.log())
        self.assertIn("chmod 600", receiver.stderr)
        self.assertIn("No such file", self.refused("127.0.0.1:9", "--tls-ca", "/nonexistent/ca.pem"))
        sender = self.start(lab.SENDER, "latency", "--listen", PORT, *self.certificates.of_sender())
        self.assertEqual(sender.finish(), lab.EXIT_USAGE, sender.log())
        self.assertIn("--tls-name", sender.stderr)


@lab.needs_namespaces
@built_in
class Paths(lab.E2eTest):
    def setUp(self):
        self.certificates = Certificates(self.scratch())
        self.make_topology()

    def captured(self, run):
        """What the client sends over TCP while `run` does what it does."""
        capture = self.start("python3", "-B", lab.HERE / "capture.py", "eth0", "tcp", where="client",
                             stdin=subprocess.PIPE)
        capture.wait_for("capturing", stream="stdout")
        run()
        capture.popen.stdin.close()
        capture.popen.stdin = None
        self.assertEqual(capture.finish(), 0, capture.log())
        payloads = [line.split()[-1] for line in capture.stdout.splitlines()[1:]]
        return b"".join(bytes.fromhex(payload) for payload in payloads if payload != "-")

    def test_through_a_nodeport_nothing_can_be_read(self):
        advertise = ("--advertise", "udp=30899,tcp=30899")
        for family in (4, 6):
            target = endpoint(NODE[family], 30900)
            receiver = self.start_receiver(*advertise, *self.certificates.of_receiver())
            secret = self.captured(lambda: self.assert_serves(target, *self.certificates.of_sender()))
            self.assertGreater(len(secret), 500)
            self.assertNotIn(b"PACELINE", secret)
            self.assertEqual(receiver.stop(), 0)
            receiver = self.start_receiver(*advertise)
            self.assertIn(b"PACELINE", self.captured(lambda: self.assert_serves(target)))
            self.assertEqual(receiver.stop(), 0)

    def test_a_receiver_that_dials_in(self):
        for family in (4, 6):
            receiver = self.start(lab.RECEIVER, "--dial", endpoint(lab.CLIENT[family], PORT), "--dial-only",
                                  "--one-off", *self.certificates.of_receiver(), where="pod")
            sender = self.start(lab.SENDER, "latency", "--listen", PORT, "--dial-limit", "20s", "--json", *FLOW,
                                *self.certificates.of_sender(), "--tls-name", "receiver.test", where="client")
            self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
            self.assert_unharmed(sender.flow(), 100)
            self.assertEqual(receiver.finish(), 0, receiver.log())


if __name__ == "__main__":
    lab.main()
