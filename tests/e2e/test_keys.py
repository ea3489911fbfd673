# SPDX-License-Identifier: MIT
"""Pre-shared keys: who is served, who is not, and what either side says."""

import os

import lab

OLD = "old 000102030405060708090a0b0c0d0e0f"
NEW = "new YSBzZWNyZXQgb2YgZW5vdWdoIGJ5dGVz"
FLOW = ("--rate", "500", "--duration", "200ms")


class Keys(lab.E2eTest):
    def key_file(self, *lines, mode=0o600):
        path = self.write_keys(self.scratch() / "keys", *lines)
        path.chmod(mode)
        return path

    def write_keys(self, path, *lines):
        """Anew, as whoever replaces a Secret does."""
        fresh = path.with_suffix(".fresh")
        fresh.touch(0o600)
        fresh.write_text("".join(line + "\n" for line in lines))
        fresh.rename(path)
        return path

    def refused(self, receiver, *options, code=lab.EXIT_SETUP):
        return self.measure(f"127.0.0.1:{receiver.port}", *FLOW, *options, code=code).stderr

    def test_a_sender_with_a_key_of_the_receivers_is_served(self):
        receiver = self.start_loopback_receiver("--key-file", self.key_file("# of the lab", OLD, NEW))
        target = f"127.0.0.1:{receiver.port}"
        self.assert_serves(target, "--key-file", self.key_file(NEW))
        self.assert_serves(target, "--key-file", self.key_file(NEW, OLD), "--key", "old")
        for what in (("throughput", "--duration", "200ms"), ("connections", "--rate", "200", "--duration", "200ms")):
            self.measure(target, *what[1:], "--key-file", self.key_file(OLD), what=what[0])

    def test_keys_come_from_the_environment_too(self):
        keys = self.key_file(OLD)
        environment = {**os.environ, "PACELINE_KEY_FILE": str(keys)}
        receiver = self.start_loopback_receiver(env=environment)
        self.refused(receiver)
        sender = self.start(lab.SENDER, "latency", f"127.0.0.1:{receiver.port}", *FLOW, env=environment)
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())

    def test_others_are_not_and_a_wrong_key_tells_nothing(self):
        receiver = self.start_loopback_receiver("--key-file", self.key_file(OLD, NEW), "--key", "new")
        self.assertIn("--key-file", self.refused(receiver))
        wrong = self.refused(receiver, "--key-file", self.key_file("new 00000000000000000000000000000000"))
        unknown = self.refused(receiver, "--key-file", self.key_file(OLD))
        self.assertIn("authentication failed", wrong)
        self.assertEqual(wrong.replace("'new'", ""), unknown.replace("'old'", ""))
        receiver.wait_for("warning: session .* authentication failed")
        self.assert_serves(f"127.0.0.1:{receiver.port}", "--key-file", self.key_file(NEW))

    def test_keys_are_rotated_while_a_flow_runs(self):
        """The new key is added, senders take it, the old one goes: nobody waits, nothing breaks."""
        keys = self.key_file(OLD)
        receiver = self.start_loopback_receiver("--key-file", keys)
        target = f"127.0.0.1:{receiver.port}"
        mine = self.scratch() / "mine"
        flow = self.start_sender(target, "--rate", "100", "--duration", "8s", "--key-file", keys, "--json")
        receiver.wait_for("flow [0-9a-f]+: UDP")
        self.write_keys(keys, OLD, NEW)
        receiver.wait_for("the key file changed and was read again: old, new$")
        self.assert_serves(target, "--key-file", self.write_keys(mine, NEW))
        self.write_keys(keys, NEW)
        receiver.wait_for("the key file changed and was read again: new$")
        self.assertIn("authentication failed", self.refused(receiver, "--key-file", self.write_keys(mine, OLD)))
        self.write_keys(keys, "torn")
        receiver.wait_for("warning: the key file changed, but what was read before stays in force: .*keys:1: .*torn")
        self.assert_serves(target, "--key-file", self.write_keys(mine, NEW))
        self.assertEqual(flow.finish(), lab.EXIT_COMPLETE, flow.log())
        self.assertEqual(receiver.stop(), 0)

    def test_a_sender_that_asked_for_authentication_does_without_it_nowhere(self):
        receiver = self.start_loopback_receiver()
        self.assertIn("has no keys", self.refused(receiver, "--key-file", self.key_file(OLD)))

    def test_a_file_that_others_can_read_is_refused(self):
        open_file = self.key_file(OLD, mode=0o644)
        receiver = self.start(lab.RECEIVER, "--bind", "127.0.0.1", "--key-file", open_file)
        self.assertEqual(receiver.finish(), lab.EXIT_SETUP, receiver.log())
        self.assertIn(f"chmod 600 {open_file}", receiver.stderr)

    def test_a_file_that_makes_no_sense_is_a_usage_error_with_its_line(self):
        receiver = self.start(lab.RECEIVER, "--bind", "127.0.0.1", "--key-file", self.key_file(OLD, "short 0011"))
        self.assertEqual(receiver.finish(), lab.EXIT_USAGE, receiver.log())
        self.assertIn("keys:2", receiver.stderr)
        self.assertNotIn("0011", receiver.stderr)

    @lab.needs_namespaces
    def test_through_a_nodeport_and_the_receiver_without_keys_warns(self):
        self.make_topology()
        advertise = ("--advertise", "udp=30899,tcp=30899")
        receiver = self.start_receiver(*advertise)
        self.assertIn("warning: no keys", receiver.stderr)
        receiver.stop()
        keys = self.key_file(OLD)
        receiver = self.start_receiver(*advertise, "--key-file", keys)
        self.assertNotIn("warning: no keys", receiver.stderr)
        for family in (4, 6):
            self.assert_serves(lab.endpoint(lab.NODE[family], 30900), "--key-file", keys)

    def test_a_loopback_receiver_without_keys_is_not_warned_of(self):
        self.assertNotIn("no keys", self.start_loopback_receiver().stderr)


if __name__ == "__main__":
    lab.main()
