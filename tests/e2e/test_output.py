# SPDX-License-Identifier: MIT
"""What a run prints: CSV, histogram logs, requirements, the picture on a terminal, readers that do not read."""

import base64
import csv
import fcntl
import io
import json
import os
import struct
import subprocess
import zlib

import lab

EXIT_MISSED = 4


def read_histogram(text):
    """HdrHistogram's V2 encoding, compressed: its largest trackable value and {index: count}."""
    packed = base64.b64decode(text)
    cookie, length = struct.unpack(">II", packed[:8])
    assert cookie == 0x1C849314 and length == len(packed) - 8
    plain = zlib.decompress(packed[8:])
    cookie, size, offset, digits, low, high, ratio = struct.unpack(">IIIIqqd", plain[:40])
    assert (cookie, offset, digits, low, ratio) == (0x1C849313, 0, 3, 1, 1.0) and size == len(plain) - 40
    counts, index, at = {}, 0, 40
    while at < len(plain):
        value = shift = 0
        for byte in range(9):
            bits = plain[at]
            at += 1
            value |= (bits if byte == 8 else bits & 0x7F) << shift
            shift += 7
            if byte == 8 or not bits & 0x80:
                break
        count = (value >> 1) ^ -(value & 1)
        if count < 0:
            index -= count
        else:
            counts[index] = count
            index += 1
    return high, counts


def highest(index):
    """The largest value of a bucket, with 2048 buckets of one unit each at the bottom."""
    shift = max(0, index // 1024 - 1)
    return ((index - shift * 1024 + 1) << shift) - 1


def quantile(counts, q):
    left = max(1, -(-int(q * 1000) * sum(counts.values()) // 1000))
    for index in sorted(counts):
        left -= counts[index]
        if left <= 0:
            return highest(index)
    raise AssertionError("no values")


class Output(lab.E2eTest):
    def setUp(self):
        self.receiver = self.start_loopback_receiver()
        self.target = f"127.0.0.1:{self.receiver.port}"

    def send(self, *options, what="latency", code=lab.EXIT_COMPLETE):
        sender = self.start(lab.SENDER, what, self.target, *options)
        self.assertEqual(sender.finish(), code, sender.log())
        return sender

    def test_csv_of_every_kind(self):
        for what, sums in (("latency", "packets"), ("throughput", "received_bytes"), ("connections", "completed")):
            options = ("--duration", "500ms", "--interval", "100ms")
            rows = list(csv.DictReader(io.StringIO(self.send(*options, "--csv", what=what).stdout)))
            self.assertGreaterEqual(len(rows), 5)
            self.assertGreater(sum(int(row[sums]) for row in rows), 0)
            (row,) = csv.DictReader(io.StringIO(self.send(*options, "--csv-summary", what=what).stdout))
            self.assertEqual((row["flow"], row["complete"]), ("0", "1"))
            self.assertNotIn(None, row)

    def test_a_histogram_log_holds_what_the_result_says(self):
        log = self.scratch() / "run.hlog"
        flow = self.send("--rate", "1k", "--duration", "1s", "--interval", "250ms", "--json", "--hlog", log).flow()
        merged, largest = {}, 0
        for line in log.read_text().splitlines():
            if not line.startswith("Tag=1.tx.user-rx.user,"):
                continue
            _, _, _, most, text = line.split(",")
            largest = max(largest, round(float(most) * 1e6))
            for index, count in read_histogram(text)[1].items():
                merged[index] = merged.get(index, 0) + count
        delays = lab.segment(flow, "tx.user", "rx.user")
        self.assertEqual(sum(merged.values()), delays["count"])
        self.assertEqual(largest, delays["max"])
        self.assertLessEqual(delays["min"], highest(min(merged)))
        for name, q in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
            self.assertEqual(min(quantile(merged, q), delays["max"]), delays[name], name)

    def test_requirements_decide_the_exit_code(self):
        short = ("--rate", "500", "--duration", "200ms")
        sender = self.send(*short, "--json", "--require", "loss < 1%", "--require", "p99 < 1ns", code=EXIT_MISSED)
        self.assertEqual([one["met"] for one in sender.json()["requirements"]], [True, False])
        self.assertIn("Required: missed", self.send(*short, "--require", "p50 < 1ns", code=EXIT_MISSED).stdout)
        self.send(*short, "--require", "lateness p50 < 1s")
        wrong = self.send(*short, "--require", "p99 <", code=lab.EXIT_USAGE)
        self.assertIn("column", wrong.stderr)

    def test_a_reader_that_does_not_read_leaves_the_run_alone(self):
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        sender = subprocess.Popen([lab.SENDER, "latency", self.target, "--rate", "1k", "--duration", "2s",
                                   "--interval", "10ms", "--ndjson"], stdout=writing, stderr=subprocess.DEVNULL)
        os.close(writing)
        # The receiver tells when the flow is over; until then not a byte is read.
        self.receiver.wait_for(r"session .*: closed")
        with os.fdopen(reading) as stream:
            lines = [json.loads(line) for line in stream]
        self.assertEqual(sender.wait(lab.GRACE), lab.EXIT_COMPLETE)
        self.assert_unharmed(lines[-1]["flows"][0], 2000)
        self.assertGreaterEqual(len(lines), 200)

    def send_on_terminal(self, *options, **how):
        return self.on_terminal(lab.SENDER, "latency", self.target, "--rate", "500", "--interval", "100ms", *options, **how)

    def test_a_terminal_gets_a_picture_and_then_the_summary(self):
        code, text = self.send_on_terminal("--duration", "1s")
        self.assertEqual(code, lab.EXIT_COMPLETE, text)
        self.assertIn("left", text)
        self.assertRegex(text, r"\x1b\[\d+A\r")
        self.assertNotIn("\x1b[?25l", text)  # the cursor is never hidden
        self.assertIn("Flow 1", text[text.rindex("\x1b[J"):])

    def test_ctrl_c_told_twice_at_once_ends_in_a_summary(self):
        code, text = self.send_on_terminal("--duration", "20s", interrupt_at=b"max so far")
        self.assertIn(code, (lab.EXIT_COMPLETE, lab.EXIT_PARTIAL), text)
        self.assertIn("Flow 1", text[text.rindex("\x1b[J"):])

    def test_plain_dumb_and_colourless_terminals(self):
        for options, environment in ((("--plain",), {}), ((), {"TERM": "dumb"})):
            code, text = self.send_on_terminal("--duration", "300ms", *options, environment=environment)
            self.assertEqual(code, lab.EXIT_COMPLETE, text)
            self.assertNotRegex(text, r"\x1b\[\d*[AJK]")
        _, text = self.send_on_terminal("--duration", "500ms", environment={"NO_COLOR": "1"})
        self.assertNotRegex(text, r"\x1b\[\d+m")


if __name__ == "__main__":
    lab.main()
