# SPDX-License-Identifier: MIT
"""Remote control: a controller on the node makes the sender in the client's namespace measure the way into the pod."""

import signal

import lab
from lab import CLIENT, NODE, endpoint

KEY = "lab 000102030405060708090a0b0c0d0e0f"
OTHER = "lab 00000000000000000000000000000000"
FLOW = ("--rate", "500", "--duration", "600ms", "--interval", "200ms")
LONG = ("--rate", "500", "--duration", "20s", "--interval", "200ms")


@lab.needs_namespaces
class Remote(lab.E2eTest):
    def setUp(self):
        self.make_topology()
        self.keys = self.key_file(KEY)
        self.start_receiver("--advertise", "udp=30899,tcp=30899")

    def key_file(self, line):
        path = self.scratch() / "keys"
        path.write_text(line + "\n")
        path.chmod(0o600)
        return path

    def serve(self, *options):
        server = self.start(lab.SENDER, "serve", "--key-file", self.keys, *options, where="client")
        server.wait_for(r"listening: port 8998/tcp")
        return server

    def control(self, *command, family=4, keys=None):
        """A controller whose run goes from the client into the pod."""
        return self.start(lab.SENDER, "remote", endpoint(CLIENT[family], 8998), "--key-file", keys or self.keys, "--",
                          *command, where="node")

    def latency(self, *options, family=4, **how):
        return self.control("latency", endpoint(NODE[family], 30900), *options, family=family, **how)

    def finished(self, controller, code=lab.EXIT_COMPLETE):
        self.assertEqual(controller.finish(), code, controller.log())
        return controller

    def test_shows_rows_and_result_as_if_it_had_run_here(self):
        server = self.serve()
        for family in (4, 6):
            with self.subTest(family=family):
                lines = self.finished(self.latency(*FLOW, "--ndjson", family=family)).ndjson()
                rows = [line for line in lines if line["type"] == "interval"]
                (flow,) = lines[-1]["flows"]
                self.assert_unharmed(flow, 300)
                self.assertEqual(sum(row["received"]["packets"] for row in rows), 300)
                self.assertTrue(flow["path"]["seen_from"].startswith(endpoint(CLIENT[family], "")))
                self.assertEqual(flow["path"]["dialled"], endpoint(NODE[family], 30899))
        self.assertRegex(server.stderr, r"run of .* \(key lab\): 1 flow to 10\.0\.0\.7:30900")
        server.wait_for(r"run of .*: complete")
        self.assertEqual(server.stop(), 0)

    def test_every_kind_of_flow_and_output(self):
        self.serve()
        target = endpoint(NODE[4], 30900)
        text = self.finished(self.latency(*FLOW)).stdout
        self.assertIn("300", text)
        for command in (("throughput", target, "--duration", "300ms"), ("connections", target, "--rate", "100",
                                                                       "--duration", "300ms")):
            (flow,) = self.finished(self.control(*command, "--json")).json()["flows"]
            self.assertTrue(flow["complete"])

    def test_keys_are_rotated_while_it_waits(self):
        server = self.serve()
        theirs = self.key_file("second 00112233445566778899aabbccddeeff")
        self.finished(self.latency(*FLOW, keys=theirs), lab.EXIT_SETUP)
        self.keys.write_text(KEY + "\n" + theirs.read_text())
        server.wait_for("the key file changed and was read again: lab, second$")
        self.finished(self.latency(*FLOW, keys=theirs))
        self.assertEqual(server.stop(), 0)

    def test_rows_come_while_the_run_goes_on_and_an_interrupt_ends_it_there(self):
        server = self.serve()
        controller = self.latency(*LONG, "--ndjson")
        controller.wait_for('"interval"', "stdout")
        self.assertIsNone(controller.code)
        self.assertIn(controller.stop(signal.SIGINT), (lab.EXIT_COMPLETE, lab.EXIT_PARTIAL), controller.log())
        (flow,) = controller.ndjson()[-1]["flows"]
        self.assertGreater(flow["received"]["packets"], 50)
        self.assertLess(flow["received"]["packets"], 10000)
        self.assertEqual(flow["received"]["packets"], flow["sent"]["packets"])
        server.wait_for(r"run of [^ ]*: ")

    def test_a_controller_that_is_killed_ends_its_run(self):
        server = self.serve()
        controller = self.latency(*LONG, "--ndjson")
        controller.wait_for('"interval"', "stdout")
        controller.stop(signal.SIGKILL)
        server.wait_for(r"run of .*: the controller is gone", seconds=10)
        self.finished(self.latency(*FLOW, "--json"))

    def test_a_sender_that_is_killed_is_told_of(self):
        server = self.serve()
        controller = self.latency(*LONG, "--ndjson")
        controller.wait_for('"interval"', "stdout")
        server.stop(signal.SIGKILL)
        self.finished(controller, lab.EXIT_SETUP)
        self.assertIn("ended, and the run there with it", controller.stderr)

    def test_a_sender_that_is_stopped_sends_partial_results_first(self):
        server = self.serve()
        controller = self.latency(*LONG, "--ndjson")
        controller.wait_for('"interval"', "stdout")
        self.assertEqual(server.stop(), 0, server.log())
        self.assertIn(controller.finish(), (lab.EXIT_COMPLETE, lab.EXIT_PARTIAL), controller.log())
        self.assertGreater(controller.ndjson()[-1]["flows"][0]["received"]["packets"], 50)

    def test_a_wrong_key_is_told_nothing(self):
        server = self.serve()
        controller = self.finished(self.latency(*FLOW, keys=self.key_file(OTHER)), lab.EXIT_SETUP)
        self.assertIn("authentication failed", controller.stderr)
        server.wait_for("warning: session .* authentication failed")

    def test_two_controllers_at_once_and_a_third_is_too_many(self):
        self.serve("--max-runs", "2")
        both = [self.latency(*LONG, "--ndjson") for _ in range(2)]
        for controller in both:
            controller.wait_for('"interval"', "stdout")
        third = self.finished(self.latency(*FLOW), lab.EXIT_SETUP)
        self.assertIn("--max-runs", third.stderr)
        for controller in both:
            controller.send_signal(signal.SIGINT)
        for controller in both:
            self.assertIn(controller.finish(), (lab.EXIT_COMPLETE, lab.EXIT_PARTIAL), controller.log())

    def test_what_is_not_granted_is_refused_by_name(self):
        folder = self.scratch()
        (folder / "in").mkdir()
        (folder / "in" / "gaps").write_text("0.001\n0.002\n")
        (folder / "secret").write_text("0.001\n")
        (folder / "in" / "out").symlink_to(folder / "secret")
        self.serve("--max-duration", "1s", "--allow-receiver", "10.0.0.0/24", "--files", folder / "in")
        refusals = {
            "--max-duration": ("latency", endpoint(NODE[4], 30900), "--duration", "2s"),
            "--allow-receiver": ("latency", endpoint(NODE[6], 30900), *FLOW),
            "secret' is none below": ("latency", endpoint(NODE[4], 30900), *FLOW, "--payload", folder / "secret"),
            "out' is none below": ("latency", endpoint(NODE[4], 30900), *FLOW, "--payload", folder / "in" / "out"),
        }
        for name, command in refusals.items():
            with self.subTest(name):
                self.assertIn(name, self.finished(self.control(*command), lab.EXIT_SETUP).stderr)
        self.finished(self.latency(*FLOW, "--payload", folder / "in" / "gaps"))

    def test_mistakes_are_found_here(self):
        controller = self.finished(self.latency("--rate", "nonsense"), lab.EXIT_USAGE)
        self.assertNotIn("connected", controller.stderr)
        alone = self.start(lab.SENDER, "remote", endpoint(CLIENT[4], 8998), "--key-file", self.keys, where="node")
        self.assertEqual(alone.finish(), lab.EXIT_USAGE)
        self.assertIn("behind --", alone.stderr)
        self.finished(self.latency(*FLOW), lab.EXIT_SETUP)  # nobody waits there

    def test_no_key_no_service(self):
        server = self.start(lab.SENDER, "serve", where="client")
        self.assertEqual(server.finish(), lab.EXIT_USAGE)
        self.assertIn("--key-file", server.stderr)

    def test_the_other_kind_of_end_is_recognized(self):
        self.serve()
        sender = self.start(lab.SENDER, "latency", endpoint(CLIENT[4], 8998), *FLOW, where="node")
        self.assertEqual(sender.finish(), lab.EXIT_SETUP)
        self.assertIn("paceline-send remote talks to it", sender.stderr)
        controller = self.start(lab.SENDER, "remote", endpoint(NODE[4], 30900), "--key-file", self.keys, "--", "latency",
                                endpoint(NODE[4], 30900), *FLOW, where="client")
        self.assertEqual(controller.finish(), lab.EXIT_SETUP)
        self.assertIn("this is a receiver", controller.stderr)


if __name__ == "__main__":
    lab.main()
