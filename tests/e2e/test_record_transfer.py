# SPDX-License-Identifier: MIT
"""Records that come over signalling: the receiver's own, bit for bit, whatever lies between; and what is left of them
when they are cut short."""

import os
import signal
import socket
import threading
import time
import unittest

import lab
from lab import CLIENT, NODE, endpoint

FLOW = ("--rate", "2k", "--duration", "500ms")
PACKETS = 1000
KEY = "lab 000102030405060708090a0b0c0d0e0f"


class Proxy:
    """Passes a TCP connection on, what comes back at 800 kB/s and until it is enough."""

    PIECE, PAUSE = 4096, 0.005

    def __init__(self, port, enough):
        self.enough = enough
        self.cut = threading.Event()  # it was enough: nothing passes any more
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.target = ("127.0.0.1", port)
        self.sockets = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        near, _ = self.listener.accept()
        far = socket.create_connection(self.target)
        self.sockets = [near, far]
        threading.Thread(target=self._pass, args=(near, far, lambda: False), daemon=True).start()
        self._pass(far, near, self._enough)

    def _pass(self, source, target, over):
        try:
            while data := source.recv(self.PIECE):
                target.sendall(data)
                if over():
                    return self.cut.set()
        except OSError:
            pass

    def _enough(self):
        time.sleep(self.PAUSE)
        return self.enough()

    def close(self):
        for end in (self.listener, *self.sockets):
            end.close()

    def hang_up(self):
        for end in self.sockets:
            end.shutdown(socket.SHUT_RDWR)


# A sender that was compiled without optimization does not make the records in time.
too_slow_for_sanitizers = unittest.skipIf(os.environ.get("PACELINE_SANITIZE"), "too slow under sanitizers")


class RecordTransfer(lab.E2eTest):
    def setUp(self):
        self.directory = self.scratch()
        self.file = self.directory / "flow.paceline"
        self.part = self.directory / "flow.paceline.part"

    def decode(self, file, code=lab.EXIT_COMPLETE):
        decoder = self.start(lab.DECODER, "replay", "--json", file)
        self.assertEqual(decoder.finish(), code, decoder.log())
        return decoder.flow()

    def assert_whole(self, file, flow):
        self.assertEqual(self.decode(file), flow)
        self.assertFalse(file.with_name(file.name + ".part").exists())

    def test_equals_the_receivers_own_bit_for_bit(self):
        own = self.scratch()
        receiver = self.start_loopback_receiver("--record", own)
        flow = self.measure(f"127.0.0.1:{receiver.port}", *FLOW, "--record", self.file).flow()
        self.assert_unharmed(flow, PACKETS)
        (record,) = own.iterdir()
        self.assertEqual(self.file.read_bytes(), record.read_bytes())
        self.assert_whole(self.file, flow)

    def test_comes_from_a_receiver_that_keeps_none(self):
        receiver = self.start_loopback_receiver()
        sender = self.measure(f"127.0.0.1:{receiver.port}", *FLOW, "--record", self.file)
        self.assertRegex(sender.stderr, r"record: \S+/flow.paceline \(")
        self.assert_whole(self.file, sender.flow())

    def test_comes_from_a_receiver_that_has_no_disk(self):
        receiver = self.start_loopback_receiver(env={**os.environ, "TMPDIR": "/proc"})
        flow = self.measure(f"127.0.0.1:{receiver.port}", *FLOW, "--record", self.file).flow()
        self.assert_whole(self.file, flow)

    def test_each_packet_flow_has_its_own(self):
        receiver = self.start_loopback_receiver()
        flows = self.directory / "flows.toml"
        flows.write_text(f"""
            receiver = "127.0.0.1:{receiver.port}"
            record = "{self.directory}/run.paceline"
            [[flow]]
            rate = "1k"
            duration = "300ms"
            [[flow]]
            kind = "throughput"
            bitrate = "10M"
            duration = "300ms"
            [[flow]]
            protocol = "tcp"
            rate = "500"
            duration = "300ms"
            [[flow]]
            meter = "round-trip"
            rate = "200"
            duration = "300ms"
            """)
        sender = self.start(lab.SENDER, "run", flows, "--json")
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        self.assertEqual(sorted(path.name for path in self.directory.iterdir()),
                         ["flows.toml", "run-1.paceline", "run-3.paceline", "run-4.paceline"])
        for number in (1, 3, 4):
            flow, decoded = sender.json()["flows"][number - 1], self.decode(self.directory / f"run-{number}.paceline")
            self.assertEqual(decoded["received"], flow["received"])
            self.assertEqual(decoded["segments"], flow["segments"])

    @lab.needs_namespaces
    def test_comes_through_a_nodeport_with_keys_on_both_families(self):
        self.make_topology()
        keys = self.directory / "keys"
        keys.write_text(KEY + "\n")
        keys.chmod(0o600)
        self.start_receiver("--advertise", "udp=30899", "--key-file", keys)
        for family in (4, 6):
            with self.subTest(family=family):
                file = self.directory / f"ipv{family}.paceline"
                flow = self.measure(endpoint(NODE[family], 30900), *FLOW, "--key-file", keys, "--record", file).flow()
                self.assertTrue(flow["path"]["destination_translated"])
                self.assert_whole(file, flow)

    @lab.needs_namespaces
    def test_comes_from_a_receiver_that_dialled(self):
        self.make_topology()
        self.start(lab.RECEIVER, "--dial", endpoint(CLIENT[4], 8997), "--one-off", where="pod")
        sender = self.start(lab.SENDER, "latency", "--listen", "8997", *FLOW, "--json", "--record", self.file,
                            where="client")
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        self.assert_whole(self.file, sender.flow())

    def test_a_record_beyond_the_limit_is_cut_there_and_says_so(self):
        receiver = self.start_loopback_receiver("--max-record-bytes", "100k")  # half of it for each client
        target = f"127.0.0.1:{receiver.port}"
        sender = self.measure(target, "--rate", "50k", "--duration", "4s", "--batching", "several", "--record",
                              self.file)
        self.assertTrue(sender.flow()["complete"])
        self.assertRegex(sender.stderr, r"the record of flow 1 is not whole: \d+ records are missing: "
                                        r"the receiver has room for 0\.05 MB of one client's records, its limit "
                                        r"\(client record bytes\)")
        self.assertLess(self.file.stat().st_size, 90_000)  # a block beyond the limit, and the tail
        decoded = self.decode(self.file, code=lab.EXIT_PARTIAL)
        self.assertLess(decoded["received"]["packets"], 200_000)
        self.assertGreater(decoded["received"]["packets"], 0)

        # What was fetched makes room again.
        flow = self.measure(target, "--rate", "200", "--duration", "500ms", "--record", self.directory / "next").flow()
        self.assert_whole(self.directory / "next", flow)

    def interrupted(self):
        """A sender that has got a block of its record, and no more; its receiver and their proxy."""
        receiver = self.start_loopback_receiver()
        proxy = Proxy(receiver.port, lambda: self.part.exists() and self.part.stat().st_size > 100_000)
        self.addCleanup(proxy.close)
        sender = self.start_sender(f"127.0.0.1:{proxy.port}", "--rate", "200k", "--batching", "several", "--duration",
                                   "3s", "--interval", "1s", "--json",
                                   "--data-port", receiver.data_port, "--record", self.file)
        self.assertTrue(proxy.cut.wait(lab.GRACE), sender.log())
        return receiver, proxy, sender

    def assert_kept(self, sender):
        self.assertTrue(sender.flow()["complete"])
        self.assertFalse(self.file.exists())
        self.assertIn(f"what came is in {self.part}", sender.stderr)
        kept = self.decode(self.part, code=lab.EXIT_PARTIAL)
        self.assertGreater(kept["received"]["packets"], 1000)

    @too_slow_for_sanitizers
    def test_what_came_before_the_connection_broke_is_kept_and_the_result_stands(self):
        receiver, proxy, sender = self.interrupted()
        proxy.hang_up()
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        self.assert_kept(sender)
        receiver.wait_for("session .*: closed")
        self.assert_serves(f"127.0.0.1:{receiver.port}")

    @too_slow_for_sanitizers
    def test_what_came_before_it_was_interrupted_is_kept(self):
        _, _, sender = self.interrupted()
        self.assertEqual(sender.stop(signal.SIGINT), lab.EXIT_COMPLETE, sender.log())
        self.assert_kept(sender)

    def test_a_receiver_that_is_stopped_still_hands_over_the_record_of_what_came(self):
        receiver = self.start_loopback_receiver()
        sender = self.start_sender(f"127.0.0.1:{receiver.port}", "--rate", "1k", "--duration", "60s", "--interval",
                                   "100ms", "--ndjson", "--record", self.file)
        sender.wait_for('"type":"interval"', stream="stdout")
        self.assertEqual(receiver.stop(), 0)
        self.assertEqual(sender.finish(), lab.EXIT_PARTIAL, sender.log())
        flow = sender.ndjson()[-1]["flows"][0]
        self.assertEqual(self.decode(self.file, code=lab.EXIT_PARTIAL)["received"], flow["received"])

    def test_what_makes_no_sense_is_said_before_anything_is_sent(self):
        receiver = self.start_loopback_receiver()
        target = f"127.0.0.1:{receiver.port}"
        self.file.write_text("mine")
        refused = self.measure(target, *FLOW, "--record", self.file, code=lab.EXIT_SETUP)
        self.assertIn("exists", refused.stderr)
        self.assertEqual(self.file.read_text(), "mine")
        refused = self.measure(target, *FLOW, "--record", self.directory / "no" / "such", code=lab.EXIT_SETUP)
        self.assertIn("No such file or directory", refused.stderr)
        refused = self.measure(target, "--record", self.directory / "new", what="throughput", code=lab.EXIT_USAGE)
        self.assertIn("nothing to record", refused.stderr)
        self.assertEqual(os.listdir(self.directory), [self.file.name])


if __name__ == "__main__":
    lab.main()
