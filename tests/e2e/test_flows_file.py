# SPDX-License-Identifier: MIT
"""Runs from files: flows, slices and several receivers in TOML, and D-ITG scripts."""

import json
import re

import lab
from lab import NODE, POD, endpoint

SIGNALLING, DATA = 30900, 30899
EXIT_OBJECTIVE_MISSED = 4
EXAMPLES = lab.REPOSITORY / "examples"

# Counts the flow packets that arrive, by their DSCP, until it is told to end.
COUNT_DSCP = """
import collections, json, signal, socket
seen = collections.Counter()
end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
end.bind(("eth0", 0))
signal.signal(signal.SIGTERM, lambda *_: (print(json.dumps(seen)), exit(0)))
print("counting", flush=True)
while True:
    packet = end.recv(65536)[14:]
    header = (packet[0] & 15) * 4
    if packet[9] == 17 and packet[header + 8:header + 10] == bytes([0xd1, 1]):
        seen[packet[1] >> 2] += 1
"""


class FileTest(lab.E2eTest):
    def write(self, text, name="flows.toml"):
        path = self.scratch() / name
        path.write_text(text)
        return path

    def start_run(self, path, *options, what="run"):
        return self.start(lab.SENDER, what, path, *options, where="client" if self.topology else None)

    def run_file(self, path, *options, code=lab.EXIT_COMPLETE, what="run", seconds=lab.GRACE):
        sender = self.start_run(path, *options, what=what)
        self.assertEqual(sender.finish(seconds), code, sender.log())
        return sender


@lab.needs_namespaces
class Slices(FileTest):
    def setUp(self):
        self.make_topology()
        self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")
        self.start_receiver("--port", "9100", "--data-port", "9099", "--tc", "off")

    def test_two_slices_three_flows_two_receivers(self):
        path = self.write(f"""
receiver = "{endpoint(NODE[4], SIGNALLING)}"
title = "two slices"

[defaults]
duration = "600ms"
interval = "200ms"

[[slice]]
name = "urllc"
dscp = "EF"
flows = ["robot", "far"]
objectives = ["max < 10s", "loss < 0"]

[[slice]]
name = "bulk"
dscp = "CS1"
objectives = ["throughput > 100G", "throughput > 1k", "round_trip p50 < 1s"]

[[flow]]
name = "robot"
rate = 500
size = 40

[[flow]]
name = "far"
receiver = "{endpoint(POD[4], 9100)}"
idt = "exponential:mean=2ms"
size = "uniform:min=40,max=80"
seed = 7
packets = 100

[[flow]]
name = "file"
kind = "throughput"
slice = "bulk"
bitrate = "10M"
delay = "100ms"
""")
        counter = self.start("python3", "-c", COUNT_DSCP, where="pod")
        counter.wait_for("counting", "stdout")
        sender = self.run_file(path, "--json")
        counter.stop()

        result = sender.json()
        self.assertEqual(result["title"], "two slices")
        robot, far, file = result["flows"]
        self.assertEqual([flow["flow"]["name"] for flow in result["flows"]], ["robot", "far", "file"])
        self.assert_unharmed(robot, 300)
        self.assert_unharmed(far, 100)
        self.assertEqual(robot["path"]["arrived_at"], endpoint(POD[4], 8999))
        self.assertEqual(far["path"]["arrived_at"], endpoint(POD[4], 9099))
        self.assertEqual(far["flow"]["seed"], 7)
        self.assertTrue(file["complete"])
        self.assertGreater(file["received"]["bytes"], 0)
        self.assertEqual(json.loads(counter.stdout.splitlines()[-1]), {"46": 400}, "both flows' packets are EF")

        urllc, bulk = result["slices"]
        self.assertEqual((urllc["name"], urllc["met"]), ("urllc", True))
        self.assertEqual((bulk["name"], bulk["met"]), ("bulk", False))
        self.assertEqual([objective["met"] for objective in bulk["objectives"]], [False, True, False])

    def test_a_missed_objective_is_a_result(self):
        path = self.write(f"""
receiver = "{endpoint(NODE[4], SIGNALLING)}"
[[slice]]
name = "hasty"
objectives = ["min < 1ns"]
[[flow]]
slice = "hasty"
rate = 100
duration = "200ms"
""")
        self.run_file(path)
        missed = self.run_file(path, "--require-objectives", code=EXIT_OBJECTIVE_MISSED)
        self.assertIn("hasty", missed.stdout)

    def test_the_command_lines_receiver_and_duration(self):
        path = self.write("receiver = 'is.not.there.invalid'\n[[flow]]\nrate = 500\nduration = '1h'\n")
        sender = self.run_file(path, endpoint(NODE[6], SIGNALLING), "--duration", "200ms", "--json")
        self.assert_unharmed(sender.flow(), 100)

    def test_the_same_seed_gives_the_same_packets_whatever_else_runs(self):
        drawn = "[[flow]]\nname = 'drawn'\nidt = 'exponential:mean=1ms'\nsize = 'uniform:min=20,max=1000'\nseed = 3\n" \
                "packets = 300\nduration = '5s'\n"
        beside = "[[flow]]\nrate = 1000\npackets = 300\n[[flow]]\nidt = 'exponential:mean=1ms'\npackets = 300\nseed = 4\n"
        bytes_sent = []
        for text in (drawn, beside + drawn):
            flows = self.run_file(self.write(text), endpoint(NODE[4], SIGNALLING), "--json").json()["flows"]
            bytes_sent.append(flows[-1]["sent"]["bytes"])
        self.assertEqual(*bytes_sent)

    def test_a_ditg_script(self):
        script = self.write(f"-a {NODE[4]} -Sdp {SIGNALLING} -rp {DATA} -C 500 -c 100 -t 400\n"
                            f"-a {NODE[4]} -Sdp {SIGNALLING} -rp {DATA} -E 250 -c 200 -t 400 -s 0.5\n", "script_file")
        sender = self.run_file(script, "--json", what="ditg")
        first, second = sender.json()["flows"]
        self.assert_unharmed(first, 200)
        self.assertTrue(second["complete"])
        self.assertEqual(second["received"]["lost"], 0)


class BadFiles(FileTest):
    def test_refused_before_anything_is_sent_with_the_place(self):
        receiver = self.start_loopback_receiver()
        target = f"127.0.0.1:{receiver.port}"
        for what, text, told in (
                ("run", "[[flow]]\nrat = 5\n", r"2:1: .*'rate'"),
                ("run", "[[flow]]\n[[flow]]\nidt = 'cauchy:location=1,scale=1'\n", r"3:7: .*no mean"),
                ("run", "[[flow]]\nidt = 'exponential:mean=-1ms'\n", r"2:7: idt: .*mean"),
                ("run", "[[flow]]\nidt = 'discrete:0.5@1ms'\n", r"2:7: idt: "),
                ("run", "[[flow]]\nsize = 17\n", r"2:8: size is 17"),
                ("run", "[[flow]]\nsize = 'empirical:file=values.txt'\n", r"2:8: .*values\.txt"),
                ("run", "[[flow]\n", r"1:8: "),
                ("run", "", r"1:1: .*\[\[flow\]\]"),
                ("ditg", "-a 127.0.0.1 -C 100 -Z\n", r"1:\d+: .*-Z")):
            with self.subTest(what=what, text=text):
                path = self.write(text)
                (path.parent / "values.txt").write_text("")
                options = (target,) if what == "run" else ()
                sender = self.run_file(path, *options, what=what, code=lab.EXIT_USAGE)
                self.assertRegex(sender.stderr, re.escape(str(path)) + ":" + told)
                self.assertEqual(sender.stdout, "")
        self.run_file("/is/not/there.toml", target, code=lab.EXIT_USAGE)
        self.assertEqual(receiver.stop(), 0, receiver.log())
        self.assertNotRegex(receiver.log(), r"session \S+: opened|connected", "nobody called")


class Examples(FileTest):
    """Each example that comes with the project, shortened."""

    def run_example(self, name, change=lambda text: text):
        receiver = self.start_loopback_receiver()
        text = change((EXAMPLES / name).read_text())
        path = self.write(text, name)
        (path.parent / "sizes.txt").write_text((EXAMPLES / "sizes.txt").read_text())
        result = self.run_file(path, f"127.0.0.1:{receiver.port}", "--duration", "1s", "--json",
                               seconds=2 * lab.GRACE).json()
        self.assertTrue(result["complete"])
        return result

    def test_slices(self):
        result = self.run_example("slices.toml")
        self.assertEqual([one["name"] for one in result["slices"]], ["urllc", "embb", "mmtc"])

    def test_voip(self):
        result = self.run_example("voip.toml", lambda text: text.replace("count = 2000", "count = 40"))
        self.assertEqual(len(result["flows"]), 40)

    def test_models(self):
        result = self.run_example("models.toml")
        for flow in result["flows"]:
            self.assertEqual(flow["received"]["lost"], 0, flow["flow"]["name"])
            self.assertEqual(flow["received"]["packets"], flow["sent"]["packets"], flow["flow"]["name"])


if __name__ == "__main__":
    lab.main()
