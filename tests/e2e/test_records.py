# SPDX-License-Identifier: MIT
"""One truth: what streamed live, what the summary says and what a replay of the record file says agree exactly."""

import json
import subprocess

import lab

# Counts of `received` that intervals add up to. (Rates are the summary's own.)
COUNTS = ("packets", "bytes", "lost", "duplicated", "reordered", "lost_in_socket", "unbound", "invalid",
          "beyond_window")


class Records(lab.E2eTest):
    """Over loopback: no privilege is needed for a record."""

    def setUp(self):
        self.directory = self.scratch()

    def record_of_one_flow(self):
        (record,) = self.directory.iterdir()
        return record

    def decode(self, *arguments, code=0):
        done = subprocess.run([lab.DECODER, "replay", *arguments], capture_output=True, text=True, timeout=lab.GRACE)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def replay(self, record):
        process = lab.Process([lab.DECODER, "replay", record, "--ndjson"])
        self.assertEqual(process.finish(), 0, process.log())
        return split(process.ndjson())

    def replay_of_a_part(self, record):
        (flow,) = json.loads(self.decode(record, "--json", code=lab.EXIT_PARTIAL).stdout)["flows"]
        return flow

    def assert_adds_up(self, intervals, flow):
        for what in COUNTS:
            self.assertEqual(sum(row["received"][what] for row in intervals), flow["received"][what], what)
        for number, ends in enumerate(flow["segments"]):
            counts = [row["segments"][number]["delay_ns"]["count"] for row in intervals]
            self.assertEqual(sum(counts), ends["delay_ns"]["count"])

    def measure_with_record(self, *options, **more):
        receiver = self.start_loopback_receiver("--record", self.directory, *more.pop("receiver", ()))
        target = f"127.0.0.1:{receiver.port}"
        sender = self.measure(target, "--ndjson", *options, **more)
        self.assertEqual(receiver.stop(), 0)
        return split(sender.ndjson())

    def test_live_summary_and_replay_agree_to_the_digit(self):
        intervals, summary = self.measure_with_record("--rate", "2k", "--duration", "3s", "--interval", "250ms")
        (flow,) = summary["flows"]
        self.assert_unharmed(flow, 6000)
        self.assertGreaterEqual(len(intervals), 12)
        self.assert_adds_up(intervals, flow)

        replayed_intervals, replayed = self.replay(self.record_of_one_flow())
        self.assertEqual(replayed_intervals, intervals)
        self.assertEqual(replayed["flows"], [flow])

    @lab.needs_namespaces
    def test_stamped_and_lossy_flows_agree_too(self):
        """Through a NodePort with TC stamps, while the node drops every tenth packet."""
        self.make_topology()
        receiver = self.start_receiver("--advertise", "udp=30899", "--record", self.directory)
        self.topology.run("node", "iptables", "-A", "FORWARD", "-i", "client", "-p", "udp", "-m", "length",
                          "--length", "500:600", "-m", "statistic", "--mode", "nth", "--every", "10", "--packet", "0",
                          "-j", "DROP")
        sender = self.measure(lab.endpoint(lab.NODE[4], 30900), "--ndjson", "--rate", "1k", "--duration", "2s",
                              "--interval", "100ms")
        self.assertEqual(receiver.stop(), 0)
        intervals, summary = split(sender.ndjson())
        (flow,) = summary["flows"]
        self.assertEqual((flow["received"]["packets"], flow["received"]["lost"]), (1800, 200))
        stamps = flow["stamping"]["rx.tc"]
        self.assertEqual((stamps["hook"], stamps["stamped"], stamps["missed"]), ("tcx", 1800, 0))
        self.assert_adds_up(intervals, flow)
        replayed_intervals, replayed = self.replay(self.record_of_one_flow())
        self.assertEqual(replayed_intervals, intervals)
        self.assertEqual(replayed["flows"], [flow])

    def test_json_text_and_ndjson_of_a_replay_agree(self):
        _, summary = self.measure_with_record("--rate", "1k", "--duration", "1s")
        record = self.record_of_one_flow()
        process = lab.Process([lab.DECODER, "replay", record, "--json"])
        self.assertEqual(process.finish(), 0, process.log())
        self.assertEqual(process.flow(), summary["flows"][0])
        self.assertRegex(self.decode(record).stdout, r"1000")

    def test_intervals_arrive_while_the_flow_runs(self):
        receiver = self.start_loopback_receiver()
        sender = self.start_sender(f"127.0.0.1:{receiver.port}", "--rate", "1k", "--duration", "4s", "--interval",
                                   "200ms", "--ndjson")
        sender.wait_for('"interval"', "stdout", seconds=3.5)
        self.assertIsNone(sender.code)
        self.assertEqual(sender.finish(), 0)

    def test_text_is_the_default_and_shows_rows_and_the_summary(self):
        receiver = self.start_loopback_receiver()
        sender = self.start_sender(f"127.0.0.1:{receiver.port}", "--rate", "1k", "--duration", "2s", "--interval",
                                   "500ms")
        self.assertEqual(sender.finish(), 0, sender.log())
        self.assertGreaterEqual(len(sender.stdout.splitlines()) + len(sender.stderr.splitlines()), 8)
        self.assertIn("2000", sender.stdout)

    def test_output_goes_to_the_file(self):
        receiver = self.start_loopback_receiver()
        path = self.directory / "result.json"
        sender = self.measure(f"127.0.0.1:{receiver.port}", "--rate", "500", "--duration", "200ms", "--json",
                              "--output", str(path))
        self.assertEqual(sender.stdout, "")
        process = lab.Process(["cat", path])
        process.finish()
        self.assert_unharmed(process.flow(), 100)

    def test_record_of_a_killed_receiver_can_be_read_up_to_there(self):
        receiver = self.start_loopback_receiver("--record", self.directory)
        sender = self.start_sender(f"127.0.0.1:{receiver.port}", "--rate", "2k", "--duration", "20s", "--interval",
                                   "200ms", "--ndjson")
        sender.wait_for('"index": ?5|"start_ns": ?1000000000', "stdout")
        receiver.popen.kill()
        self.assertEqual(sender.finish(), lab.EXIT_PARTIAL, sender.log())
        process = lab.Process([lab.DECODER, "replay", self.record_of_one_flow(), "--json"])
        self.assertEqual(process.finish(), lab.EXIT_PARTIAL, process.log())
        self.assertFalse(process.flow()["complete"])
        self.assertGreater(process.flow()["received"]["packets"], 0)
        self.assertNotEqual(process.stderr, "")

    def test_damaged_record_is_reported_and_the_rest_read(self):
        self.measure_with_record("--rate", "20k", "--duration", "2s")
        record = self.record_of_one_flow()
        data = bytearray(record.read_bytes())
        middle = len(data) // 2
        data[middle:middle + 16] = b"\xff" * 16
        damaged = self.directory / "damaged"
        damaged.write_bytes(data)
        process = lab.Process([lab.DECODER, "replay", damaged, "--json"])
        self.assertEqual(process.finish(), lab.EXIT_PARTIAL, process.log())
        self.assertRegex(process.stderr, r"(?i)damage|checksum|block")
        self.assertFalse(process.flow()["complete"])
        self.assertGreater(process.flow()["received"]["packets"], 0)

    def test_what_is_no_record_is_refused(self):
        for name, content in (("empty", b""), ("text", b"hello\n" * 100), ("noise", bytes(range(256)) * 64)):
            path = self.directory / name
            path.write_bytes(content)
            self.assertIn(name, self.decode(path, code=lab.EXIT_SETUP).stderr)
        self.assertIn("none", self.decode(self.directory / "none", code=lab.EXIT_SETUP).stderr)

    def test_unwritable_directory_is_said_and_costs_no_measurement(self):
        missing = self.directory / "missing"
        receiver = self.start(lab.RECEIVER, "--bind", "127.0.0.1", "--port", "0", "--data-port", "0", "--tc", "off",
                              "--record", missing)
        try:
            ready = receiver.wait_for(r"listening: signalling port (\d+)")
        except AssertionError:
            self.assertEqual(receiver.finish(), lab.EXIT_SETUP)
            self.assertIn("missing", receiver.stderr)
            return
        self.assert_serves(f"127.0.0.1:{ready[1]}")
        if not missing.exists():
            self.assertIn("missing", receiver.stderr)

    def test_full_disk_is_said_and_costs_no_measurement(self):
        if not lab.namespaces_work():
            self.skipTest("needs root for a small file system")
        small = self.directory / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small], check=True)
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        receiver = self.start_loopback_receiver("--record", small)
        flow = self.measure(f"127.0.0.1:{receiver.port}", "--rate", "10k", "--size", "64", "--duration", "2s").flow()
        self.assert_unharmed(flow, 20000)
        self.assertEqual(receiver.stop(), 0)
        self.assertRegex(receiver.stderr, r"No space left on device")

    def test_room_in_the_directory_is_what_is_left_of_it(self):
        """A record is cut at the limit, the next has no room, and both flows are whole; space that was made is used."""
        receiver = self.start_loopback_receiver("--record", self.directory, "--max-record-bytes", "60k",
                                                "--max-client-record-bytes", "60k")
        target = f"127.0.0.1:{receiver.port}"
        limit = r"the receiver has room for 0\.06 MB of records, its limit \(record bytes\)"

        flow = self.measure(target, "--rate", "50k", "--duration", "2s", "--batching", "several").flow()
        self.assertTrue(flow["complete"])
        receiver.wait_for(rf"refused 127\.0\.0\.1:\d+: record file: \d+ records are missing: {limit}")
        record = self.record_of_one_flow()
        self.assertLess(record.stat().st_size, 80_000)  # its head and tail beyond the limit
        cut = self.replay_of_a_part(record)
        self.assertGreater(cut["received"]["packets"], 0)
        self.assertLess(cut["received"]["packets"], flow["received"]["packets"])

        sender = self.measure(target, "--rate", "1k", "--duration", "200ms", "--record", self.directory / "fetched",
                              code=lab.EXIT_COMPLETE)
        self.assert_unharmed(sender.flow(), 200)
        self.assertRegex(sender.stderr, rf"no record of this flow: {limit}")
        self.assertEqual(self.record_of_one_flow(), record)

        record.unlink()
        self.assert_serves(target)
        self.assertEqual(self.decode(self.record_of_one_flow(), "--json").returncode, 0)


def split(lines):
    """NDJSON as (interval lines, the summary), which comes last and once."""
    *intervals, summary = lines
    assert all(line["type"] == "interval" for line in intervals), lines
    assert summary["type"] == "summary", summary
    return intervals, summary


if __name__ == "__main__":
    lab.main()
