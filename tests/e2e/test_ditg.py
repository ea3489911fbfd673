# SPDX-License-Identifier: MIT
"""D-ITG's scripts run as they are, and its decoder's layout and time series come out of record files."""

import csv
import io
import re
import shutil
import subprocess
import unittest

import lab

needs_ditg = unittest.skipUnless(shutil.which("ITGSend") and shutil.which("ITGRecv") and shutil.which("ITGDec"),
                                 "needs D-ITG (apt-get install d-itg)")


def layout(summary):
    """What a script that parses ITGDec's summary relies on: of each line its words, unit, decimals and columns."""
    lines = []
    for line in summary.splitlines():
        value = re.fullmatch(r"(.{25})= (.{13})( s| Kbit/s| pkt/s| pkt| \(\d+\.\d\d %\)|)", line)
        if value:
            number = value[2].strip()
            unit = re.sub(r"\d+\.\d\d", "N", value[3])
            lines.append((value[1].strip(), unit, len(number.partition(".")[2])))
        else:
            lines.append(re.sub(r"(From|To   ) .*:\d+", r"\1 ADDRESS", line))
    return lines


def figures(summary):
    """The numbers of a summary's sections, by their labels."""
    sections = [{}]
    for line in summary.splitlines():
        if line.startswith(("Flow number", "*****")):
            sections.append({})
        value = re.match(r"(.{25})= +(-?[\d.]+)", line)
        if value:
            sections[-1][value[1].strip()] = float(value[2])
    return sections[1:]


class Script(lab.E2eTest):
    def run_script(self, *lines, code=lab.EXIT_COMPLETE):
        script = self.scratch() / "script_file"
        script.write_text("\n".join(lines) + "\n")
        sender = self.start(lab.SENDER, "ditg", script, "--json")
        self.assertEqual(sender.finish(), code, sender.log())
        return sender

    def test_each_line_is_a_flow(self):
        first, second = self.start_loopback_receiver(), self.start_loopback_receiver()
        sender = self.run_script(
            f"-a 127.0.0.1 -Sdp {first.port} -C 200 -c 100 -t 500 -rp 9501",
            "",
            f"-a 127.0.0.1 -Sdp {first.port} -E 500 -u 100 200 -t 500 -s 0.5",
            f"-a 127.0.0.1 -Sdp {second.port} -t 500 VoIP -x G.711.2 -h RTP")
        constant, drawn, voice = sender.json()["flows"]
        self.assert_unharmed(constant, 100)
        self.assertEqual(constant["received"]["bytes"], 100 * 100)
        self.assertTrue(drawn["complete"])
        self.assertEqual(drawn["received"]["lost"], 0)
        self.assertEqual(drawn["flow"]["seed"], 2 ** 52)
        size = drawn["received"]["bytes"] / drawn["received"]["packets"]
        self.assertTrue(120 < size < 180, size)
        self.assert_unharmed(voice, 25)
        self.assertEqual(voice["received"]["bytes"], 25 * 172)
        self.assertTrue(voice["path"]["dialled"].endswith(f":{second.data_port}"), voice["path"])
        self.assertRegex(sender.stderr, r"note: .*script_file: line 1: -rp: flows share")

    def test_the_seed_settles_the_packets(self):
        receiver = self.start_loopback_receiver()
        line = f"-a 127.0.0.1 -Sdp {receiver.port} -C 1000 -e 300 -z 200 -t 5000 -s 0.125"
        once, again = (self.run_script(line).flow() for _ in range(2))
        self.assertEqual(once["received"]["packets"], 200)
        self.assertEqual(once["received"]["bytes"], again["received"]["bytes"])

    def test_what_has_no_meaning_here_is_refused_before_anything_is_sent(self):
        for line, said in (("-C 10 -L 10.0.0.1 UDP", r"script_file:2:7: -L: .*--record"),
                           ("-T DCCP", r"script_file:2:4: DCCP: Linux has none"),
                           ("-C 10 -c 8", r"script_file:2:1: size is 8 bytes"),
                           ("-C ten", r"script_file:2:4: 'ten', of -C, is no number"),
                           ("-Y 10 1", r"(?i)no mean")):
            with self.subTest(line):
                sender = self.run_script("-a 127.0.0.1 -C 10 -t 100", line, code=lab.EXIT_USAGE)
                self.assertRegex(sender.stderr, said)
                self.assertEqual(sender.stdout, "")


class Records(lab.E2eTest):
    def record(self, *options):
        directory = self.scratch()
        receiver = self.start_loopback_receiver("--record", directory, where="client")
        sender = self.measure(f"127.0.0.1:{receiver.port}", *options)
        self.assertEqual(receiver.stop(), 0)
        return sorted(directory.iterdir()), sender.json()["flows"]

    def decode(self, *arguments):
        done = subprocess.run([lab.DECODER, "replay", *map(str, arguments)], capture_output=True, text=True,
                              timeout=lab.GRACE)
        self.assertEqual(done.returncode, lab.EXIT_COMPLETE, done.stdout + done.stderr)
        return done.stdout

    def test_itg_summary_has_the_results_numbers(self):
        files, flows = self.record("--rate", "500", "--size", "100", "--duration", "1s", "--flows", "2")
        *sections, total = figures(self.decode("--format", "itg", *files))
        self.assertEqual(len(sections), 2)
        for section in sections:
            self.assertEqual((section["Total packets"], section["Bytes received"]), (500, 50000))
            self.assertAlmostEqual(section["Total time"], 0.998, delta=0.1)
            self.assertEqual(section["Packets dropped"], 0)
        one_way = [lab.segment(flow, "tx.user", "rx.user") for flow in flows]
        self.assertAlmostEqual(total["Minimum delay"], min(delay["min"] for delay in one_way) / 1e9, delta=1e-6)
        self.assertAlmostEqual(total["Maximum delay"], max(delay["max"] for delay in one_way) / 1e9, delta=1e-6)
        self.assertAlmostEqual(total["Average delay"], sum(delay["mean"] for delay in one_way) / 2e9, delta=1e-6)
        self.assertEqual((total["Number of flows"], total["Total packets"], total["Error lines"]), (2, 1000, 0))

    @needs_ditg
    @lab.needs_namespaces
    def test_itg_summary_is_laid_out_as_itgdecs(self):
        self.make_topology()
        directory = self.scratch()
        script = directory / "script"
        script.write_text("".join(f"-a {lab.CLIENT[4]} -rp {port} -C 100 -c 100 -t 500\n" for port in (9501, 9502)))
        ditg = self.start("ITGRecv", where="client")
        ditg.wait_for("Press Ctrl-C", "stdout")
        sender = self.start("ITGSend", script, "-x", directory / "ditg.log", where="client")
        self.assertEqual(sender.finish(), 0, sender.log())
        ditg.stop()
        # The first two lines name the program.
        theirs = subprocess.run(["ITGDec", directory / "ditg.log"], capture_output=True, text=True,
                                timeout=lab.GRACE).stdout.split("\n", 2)[2]
        files, _ = self.record("--rate", "100", "--size", "100", "--duration", "500ms", "--flows", "2")
        ours = self.decode("--format", "itg", *files)
        self.assertEqual(sorted(re.findall(r"Flow number: \d", theirs)), re.findall(r"Flow number: \d", ours))
        unnumbered = [re.sub(r"Flow number: \d", "Flow number", text) for text in (ours, theirs)]
        self.assertEqual(*map(layout, unnumbered))

    def test_series_has_any_step(self):
        files, (flow,) = self.record("--rate", "1k", "--duration", "1s")
        for step, least in (("1ms", 1000), ("100ms", 10), ("10s", 1)):
            with self.subTest(step):
                rows = list(csv.DictReader(io.StringIO(self.decode("--series", step, *files))))
                self.assertGreaterEqual(len(rows), least)
                self.assertEqual(sum(int(row["packets"]) for row in rows), flow["received"]["packets"])
                self.assertEqual(sum(int(row["bytes"]) for row in rows), flow["received"]["bytes"])
                self.assertEqual(sum(int(row["lost"]) for row in rows), 0)
                delay = lab.segment(flow, "tx.user", "rx.user")
                told = [row for row in rows if row["delay_max_ns"]]
                self.assertEqual(max(int(row["delay_max_ns"]) for row in told), delay["max"])
                self.assertEqual(min(int(row["delay_min_ns"]) for row in told), delay["min"])
                self.assertEqual({row["end_ns"] for row in rows if row["last"] == "0"} >= {"100000000"}, step != "10s")

    def test_the_flows_own_rows_as_csv(self):
        files, _ = self.record("--rate", "1k", "--duration", "1s", "--interval", "200ms")
        rows = list(csv.DictReader(io.StringIO(self.decode("--format", "csv", *files))))
        self.assertEqual([int(row["start_ns"]) for row in rows[:5]], [i * 200_000_000 for i in range(5)])

    def test_options_that_do_not_go_together_are_usage_errors(self):
        for options in (("--series", "100us"), ("--series", "soon"), ("--format", "xml"),
                        ("--format", "itg", "--series", "1s"), ("--json", "--format", "csv"),
                        ("--intervals", "--format", "csv")):
            with self.subTest(options):
                done = subprocess.run([lab.DECODER, "replay", "none", *options], capture_output=True, text=True,
                                      timeout=lab.GRACE)
                self.assertEqual(done.returncode, lab.EXIT_USAGE, done.stderr)


if __name__ == "__main__":
    lab.main()
