# SPDX-License-Identifier: MIT
"""paceline-decode follow: what followers see of a receiver's flows, and that nobody waits for one."""

import signal

import lab
from lab import NODE, endpoint

KEY = "lab 000102030405060708090a0b0c0d0e0f"


def of_type(lines, name):
    return [line for line in lines if line["type"] == name]


class Follow(lab.E2eTest):
    def setUp(self):
        self.receiver = None

    def receive(self, *options):
        self.receiver = self.start_loopback_receiver(*options)
        self.target = f"127.0.0.1:{self.receiver.port}"
        return self.receiver

    def follow(self, *options, target=None, **where):
        """A follower that has subscribed."""
        follower = self.start(lab.DECODER, "follow", target or self.target, *options, **where)
        follower.wait_for("following; ")
        return follower

    def finish(self, process, code=lab.EXIT_COMPLETE):
        self.assertEqual(process.finish(), code, process.log())
        return process

    def start_flow(self, *options, **how):
        """A flow that runs; its id."""
        sender = self.start_sender(self.target, *options, "--ndjson", **how)
        sender.wait_for("path: ")
        self.receiver.wait_for(r"flow [0-9a-f]{8}: (UDP|TCP|connections)")
        return sender

    def refused(self, *options, code=lab.EXIT_SETUP):
        follower = self.start(lab.DECODER, "follow", *options)
        return self.finish(follower, code).stderr

    def test_followers_see_the_rows_and_the_result_that_the_sender_sees(self):
        self.receive()
        followers = [self.follow("--ndjson", "--flows", "1") for _ in range(3)]
        sender = self.measure(self.target, "--rate", "1k", "--duration", "1s", "--interval", "100ms", "--ndjson")
        for follower in followers:
            lines = self.finish(follower).ndjson()
            self.assertEqual(lines[0]["type"], "started")
            self.assertEqual(of_type(lines, "interval"), of_type(sender.ndjson(), "interval"))
            (finished,) = of_type(lines, "finished")
            self.assertEqual(finished["result"], sender.ndjson()[-1]["flows"][0])

    def test_a_flow_that_runs_already_is_followed_from_there_to_its_whole_result(self):
        self.receive()
        sender = self.start_flow("--rate", "500", "--duration", "3s", "--interval", "100ms")
        sender.wait_for('"type":"interval"', stream="stdout")
        flow_id = self.receiver.wait_for(r"flow ([0-9a-f]{8}): UDP")[1]
        follower = self.finish(self.follow("--flow", flow_id, "--ndjson"))
        self.finish(sender)
        rows, all_rows = (of_type(lines.ndjson(), "interval") for lines in (follower, sender))
        self.assertLess(len(rows), len(all_rows))
        self.assertEqual(rows, all_rows[-len(rows):])
        self.assertEqual(follower.ndjson()[0]["flow_id"], flow_id)
        self.assertEqual(follower.ndjson()[-1]["result"], sender.ndjson()[-1]["flows"][0])

    def test_text_shows_rows_and_the_summary(self):
        self.receive()
        follower = self.follow("--until-idle")
        self.measure(self.target, "--rate", "500", "--duration", "500ms", "--interval", "100ms")
        text = self.finish(follower).stdout
        self.assertRegex(text, r"(?m)^packets +interval .*lost")
        self.assertRegex(text, r"(?m)^#1 ")
        self.assertRegex(text, r"(?m)^Flow 1 \([0-9a-f]{8}\)")

    def test_a_terminal_gets_a_picture_of_what_runs_and_the_summaries(self):
        self.receive()
        senders = [self.start_flow("--rate", "500", "--duration", duration, "--interval", "100ms")
                   for duration in ("2s", "4s")]
        code, text = self.on_terminal(lab.DECODER, "follow", self.target, "--until-idle")
        self.assertEqual(code, lab.EXIT_COMPLETE, text)
        for sender in senders:
            self.finish(sender)
        self.assertIn("2 flows run, 0 ended", text)
        self.assertIn("1 flow runs, 1 ended", text)
        self.assertRegex(text, r"\x1b\[\d+A\r")
        pictures, last = text.split("Flow 1 (", 1)[1].split("\x1b[J\r\n")[:-1], text[text.rindex("\x1b[J"):]
        self.assertIn("max so far", "".join(pictures))  # of the one that went on
        self.assertIn("lateness", last)

        self.start_flow("--rate", "500", "--duration", "1s", "--interval", "100ms")
        _, plain = self.on_terminal(lab.DECODER, "follow", self.target, "--until-idle", "--plain")
        self.assertNotRegex(plain, r"\x1b\[\d*[AJK]")
        self.assertRegex(plain, r"(?m)^#1 ")

    def test_one_json_document_has_the_flows_of_all_kinds(self):
        self.receive()
        follower = self.follow("--flows", "3", "--json")
        self.measure(self.target, "--rate", "500", "--duration", "200ms")
        self.measure(self.target, "--bitrate", "50M", "--duration", "300ms", "--interval", "100ms", what="throughput")
        self.measure(self.target, "--rate", "100", "--duration", "200ms", what="connections")
        document = self.finish(follower).json()
        packets, tcp, connections = document["flows"]
        self.assertTrue(document["complete"])
        self.assertEqual(packets["received"]["packets"], 100)
        self.assertGreater(tcp["received"]["bytes"], 0)
        self.assertEqual(connections["exchanges"]["answered"], 20)

    def test_interrupted_it_shows_what_there_is(self):
        self.receive()
        sender = self.start_flow("--rate", "500", "--duration", "60s", "--interval", "100ms")
        follower = self.follow("--json")
        rows = self.follow("--ndjson")
        rows.wait_for('"type":"interval"', stream="stdout")
        self.assertEqual(follower.stop(signal.SIGINT), lab.EXIT_PARTIAL, follower.log())
        self.assertFalse(follower.flow()["complete"])
        self.assertEqual(rows.stop(signal.SIGINT), lab.EXIT_PARTIAL, rows.log())
        self.assertEqual(sender.stop(signal.SIGINT), lab.EXIT_PARTIAL, sender.log())

    def test_a_receiver_that_is_stopped_tells_its_followers_the_partial_result(self):
        self.receive()
        sender = self.start_flow("--rate", "500", "--duration", "60s", "--interval", "100ms")
        follower = self.follow("--ndjson")
        follower.wait_for('"type":"interval"', stream="stdout")
        self.assertEqual(self.receiver.stop(signal.SIGINT), 0)
        self.finish(sender, lab.EXIT_PARTIAL)
        self.finish(follower, lab.EXIT_PARTIAL)
        self.assertIn("the receiver was stopped", follower.stderr)
        self.assertEqual(follower.ndjson()[-1]["result"]["received"], sender.ndjson()[-1]["flows"][0]["received"])

    def test_a_receiver_that_is_killed_leaves_a_partial_result(self):
        self.receive()
        self.start_flow("--rate", "500", "--duration", "60s", "--interval", "100ms")
        follower = self.follow("--ndjson")
        follower.wait_for('"type":"interval"', stream="stdout")
        self.receiver.stop(signal.SIGKILL)
        self.finish(follower, lab.EXIT_PARTIAL)
        (finished,) = of_type(follower.ndjson(), "finished")
        self.assertIn("the receiver is gone", finished["result"]["incomplete_reason"])
        self.assertGreater(finished["result"]["received"]["packets"], 0)

    def test_followers_that_are_killed_or_stand_still_harm_nobody(self):
        self.receive()
        killed, still = self.follow(), self.follow()
        well = self.follow("--ndjson", "--flows", "1")
        sender = self.start_flow("--rate", "2k", "--duration", "13s", "--interval", "10ms")
        killed.stop(signal.SIGKILL)
        still.send_signal(signal.SIGSTOP)
        self.receiver.wait_for("follower .*: closed: ")
        still.send_signal(signal.SIGCONT)
        self.finish(still, lab.EXIT_PARTIAL)
        self.finish(sender)
        lines = self.finish(well).ndjson()
        self.assert_unharmed(of_type(lines, "finished")[0]["result"], 26000)
        self.assertEqual(of_type(lines, "interval"), of_type(sender.ndjson(), "interval"))

    def test_nobody_follows_without_the_key(self):
        keys = {}
        for name, line in (("right", KEY), ("wrong", "lab ffffffffffffffffffffffffffffffff")):
            keys[name] = self.scratch() / "keys"
            keys[name].write_text(line + "\n")
            keys[name].chmod(0o600)
        self.receive("--key-file", keys["right"])
        self.assertIn("--key-file", self.refused(self.target))
        self.assertIn("authentication failed", self.refused(self.target, "--key-file", keys["wrong"]))
        follower = self.follow("--flows", "1", "--ndjson", "--key-file", keys["right"])
        self.measure(self.target, "--rate", "500", "--duration", "200ms", "--key-file", keys["right"])
        self.assertEqual(len(of_type(self.finish(follower).ndjson(), "finished")), 1)

    def test_limits_and_mistakes_are_named(self):
        self.receive("--max-followers", "1")
        self.assertIn("no such flow runs here", self.refused(self.target, "--flow", "7c0ffee1"))
        self.follow()
        self.assertIn("its limit (followers)", self.refused(self.target))
        for options in (("--flow", "xyz"), ("--flows", "0"), ("--json", "--ndjson"), ("-4", "-6"), ("--key", "lab")):
            self.refused(self.target, *options, code=lab.EXIT_USAGE)
        self.assertIn("Is the receiver running", self.refused("127.0.0.1:1"))
        self.assert_serves(self.target)

    def test_a_follower_is_no_session_that_a_receiver_ends_with(self):
        self.receive("--one-off")
        follower = self.follow("--ndjson")
        gone = self.follow()
        gone.stop(signal.SIGINT)
        self.measure(self.target, "--rate", "500", "--duration", "200ms")
        self.assertEqual(self.receiver.finish(), 0)
        self.assertEqual(len(of_type(self.finish(follower).ndjson(), "finished")), 1)

    @lab.needs_namespaces
    def test_through_a_nodeport_on_both_families(self):
        self.make_topology()
        self.start_receiver("--advertise", "udp=30899")
        for family in (4, 6):
            with self.subTest(family=family):
                node = endpoint(NODE[family], 30900)
                follower = self.follow("--flows", "1", "--json", target=node, where="client")
                flow = self.measure(node, "--rate", "500", "--duration", "300ms").flow()
                self.assertEqual(self.finish(follower).flow(), flow)


if __name__ == "__main__":
    lab.main()
