# SPDX-License-Identifier: MIT
"""TCP and batched UDP flows through NodePorts, both directions, both families; what becomes of them when streams break."""

import signal
import time

import lab
from lab import NODE, endpoint

SIGNALLING, DATA = 30900, 30899
MTU_PAYLOAD = 1400


class ThroughputTest(lab.E2eTest):
    def throughput(self, target, *options, **how):
        return self.measure(target, *options, what="throughput", **how)

    def start_throughput(self, target, *options, **how):
        return self.start_sender(target, *options, "--json", what="throughput", **how)

    def assert_arrived_whole(self, flow, streams):
        """Every stream carried data, what was written arrived, and the parts add up."""
        self.assertTrue(flow["complete"], flow["incomplete_reason"])
        self.assertEqual(len(flow["streams"]), streams)
        for stream in flow["streams"]:
            self.assertGreater(stream["received"]["bytes"], 0)
            self.assertEqual(stream["received"]["bytes"], stream["sent"]["bytes"])
            self.assertIsNone(stream["ended"])
        self.assertEqual(flow["received"]["bytes"], sum(stream["received"]["bytes"] for stream in flow["streams"]))
        self.assertEqual(flow["sent"]["bytes"], flow["received"]["bytes"])
        self.assertGreater(flow["received"]["goodput_bps"], 1e6)
        for stream in flow["streams"]:
            self.assertGreater(stream["tcp_info"]["smoothed_rtt_ns"], 0)
            self.assertGreater(stream["tcp_info"]["congestion_window_segments"], 0)
        for end in ("sender", "receiver"):
            self.assertGreater(flow["cpu"][end]["elapsed_ns"], 0)


@lab.needs_namespaces
class TcpThroughNodePort(ThroughputTest):
    def setUp(self):
        self.make_topology()
        self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")

    def test_one_stream_over_its_own_data_connection(self):
        for family in (4, 6):
            with self.subTest(family=family):
                flow = self.throughput(endpoint(NODE[family], SIGNALLING), "--duration", "1s", "--interval",
                                       "250ms").flow()
                self.assert_arrived_whole(flow, 1)
                self.assertEqual(flow["path"]["dialled"], endpoint(NODE[family], DATA))
                self.assertTrue(flow["path"]["destination_translated"])
                self.assertEqual(flow["stamping"]["rx.tc"]["hook"], "tcx")
                # What arrived at the hook: everything, some of it perhaps twice.
                wire = flow["wire"]
                self.assertGreaterEqual(wire["bytes"], flow["received"]["bytes"])
                self.assertLess(wire["retransmitted_bytes"], wire["bytes"] / 10)
                self.assertGreater(wire["segments"], wire["skbs"])
                self.assertGreater(flow["host_delay_ns"]["count"], 0)
                self.assertGreater(flow["arrival_gap_ns"]["count"], 0)
                self.assertEqual(flow["goodput_bps"]["count"], 4)

    def test_many_streams_both_directions_at_once(self):
        for family in (4, 6):
            with self.subTest(family=family):
                document = self.throughput(endpoint(NODE[family], SIGNALLING), "--streams", "8", "--bidirectional",
                                           "--duration", "1s").json()
                forward, reverse = document["flows"]
                self.assertEqual((forward["flow"]["direction"], reverse["flow"]["direction"]), ("forward", "reverse"))
                for flow in (forward, reverse):
                    self.assert_arrived_whole(flow, 8)
                    self.assertGreater(flow["fairness"], 1 / 8)
                    self.assertLessEqual(flow["fairness"], 1)

    def test_reverse(self):
        for family in (4, 6):
            with self.subTest(family=family):
                flow = self.throughput(endpoint(NODE[family], SIGNALLING), "--reverse", "--streams", "2", "--duration",
                                       "500ms").flow()
                self.assert_arrived_whole(flow, 2)
                self.assertEqual(flow["flow"]["direction"], "reverse")

    def test_paced_and_by_bytes(self):
        target = endpoint(NODE[4], SIGNALLING)
        flow = self.throughput(target, "--bitrate", "80M", "--duration", "1s").flow()
        self.assert_arrived_whole(flow, 1)
        self.assertEqual(flow["sent"]["asked_bps"], 80e6)
        self.assertEqual(flow["sent"]["bytes"], 10_000_000)
        flow = self.throughput(target, "--bytes", "5M", "--streams", "3").flow()
        self.assert_arrived_whole(flow, 3)
        self.assertEqual(flow["sent"]["bytes"], 5_000_000)

    def test_what_is_asked_of_the_sockets(self):
        flow = self.throughput(endpoint(NODE[4], SIGNALLING), "--congestion", "reno", "--mss", "500", "--no-delay",
                               "--zero-copy", "--receive", "copy", "--socket-buffer", "256k", "--duration",
                               "500ms").flow()
        self.assert_arrived_whole(flow, 1)
        self.assertEqual(flow["sent"]["congestion"], "reno")
        self.assertLessEqual(flow["streams"][0]["tcp_info"]["mss_bytes"], 500)
        self.assertEqual((flow["flow"]["send"], flow["flow"]["receive"]), ("zero_copy", "copy"))

    def test_warm_up_is_left_out(self):
        lines = self.throughput(endpoint(NODE[4], SIGNALLING), "--omit", "400ms", "--duration", "600ms", "--interval",
                                "200ms", "--bitrate", "40M", "--ndjson").ndjson()
        rows, summary = [line for line in lines if line["type"] == "interval"], lines[-1]["flows"][0]
        self.assertEqual([row["omitted"] for row in rows if not row["last"]], [True, True, False, False, False])
        self.assertEqual(summary["goodput_bps"]["count"], 3)
        self.assertEqual(summary["received"]["bytes"],
                         sum(row["received"]["bytes"] for row in rows if not row["omitted"]))
        self.assertEqual(summary["received"]["omitted_bytes"],
                         sum(row["received"]["bytes"] for row in rows if row["omitted"]))

    def test_latency_under_load(self):
        document = self.throughput(endpoint(NODE[4], SIGNALLING), "--streams", "2", "--with-latency", "500",
                                   "--duration", "1s").json()
        kinds = sorted(flow["flow"]["kind"] for flow in document["flows"])
        self.assertEqual(kinds, ["tcp", "udp"])
        for flow in document["flows"]:
            if flow["flow"]["kind"] == "udp":
                self.assert_unharmed(flow, 500)
            else:
                self.assert_arrived_whole(flow, 2)

    def test_udp_in_batches(self):
        for family in (4, 6):
            for batching in ("single", "several", "offload"):
                with self.subTest(family=family, batching=batching):
                    flow = self.throughput(endpoint(NODE[family], SIGNALLING), "--udp", "--size", str(MTU_PAYLOAD),
                                           "--bitrate", "100M", "--batching", batching, "--duration", "1s").flow()
                    packets = flow["sent"]["packets"]
                    self.assertAlmostEqual(packets, 100e6 / 8 / MTU_PAYLOAD, delta=2)
                    self.assert_unharmed(flow, packets)
                    self.assertEqual(flow["sent"]["batching"], batching)
                    self.assertEqual(flow["stamping"]["rx.tc"]["stamped"], packets)
                    self.assertEqual(flow["offloaded"], batching == "offload")
                    if batching == "offload":
                        self.assertLess(flow["arrivals"]["skbs"], packets / 2)
                        self.assertEqual(flow["arrivals"]["at_hook"], packets)


@lab.needs_namespaces
class TcpThroughTheSignallingNodePort(ThroughputTest):
    def test_only_the_signalling_port_is_exposed(self):
        self.make_topology("--node-ports", f"{SIGNALLING}:")
        self.start_receiver()
        for family in (4, 6):
            with self.subTest(family=family):
                flow = self.throughput(endpoint(NODE[family], SIGNALLING), "--streams", "4", "--duration",
                                       "500ms").flow()
                self.assert_arrived_whole(flow, 4)
                self.assertEqual(flow["path"]["dialled"], endpoint(NODE[family], SIGNALLING))

    def test_every_stream_finds_the_pod_of_its_session(self):
        self.make_topology("--pods", "3")
        for pod in ("pod", "pod2", "pod3"):
            self.start_receiver("--advertise", f"tcp={DATA},udp={DATA}", where=pod)
        flow = self.throughput(endpoint(NODE[4], SIGNALLING), "--streams", "6", "--duration", "500ms").flow()
        self.assert_arrived_whole(flow, 6)
        self.assertGreater(flow["path"]["attempts"], 0)


@lab.needs_namespaces
class BrokenStreams(ThroughputTest):
    def setUp(self):
        self.make_topology()
        self.receiver = self.start_receiver("--advertise", f"udp={DATA},tcp={DATA}")
        self.target = endpoint(NODE[4], SIGNALLING)

    def forward_rule(self, *rule):
        for flavour in ("iptables", "iptables-nft", "iptables-legacy"):
            try:
                return self.topology.run("node", flavour, "-I", "FORWARD", *rule)
            except AssertionError as error:
                failure = error
        raise failure

    def data_connections(self):
        """Source ports of the client's established data connections."""
        lines = self.topology.run("client", "ss", "-Htn", "state", "established", "dst", f"{NODE[4]}:{DATA}").splitlines()
        return [line.split()[2].rsplit(":", 1)[1] for line in lines]

    def await_data(self, streams):
        deadline = time.monotonic() + lab.GRACE
        while len(self.data_connections()) < streams:
            self.assertLess(time.monotonic(), deadline, "the streams were not made")
            time.sleep(0.05)
        time.sleep(0.5)  # data flows

    def test_one_of_many_is_reset(self):
        sender = self.start_throughput(self.target, "--streams", "4", "--bitrate", "50M", "--duration", "3s")
        self.await_data(4)
        self.forward_rule("-p", "tcp", "--sport", self.data_connections()[0], "-j", "REJECT", "--reject-with",
                          "tcp-reset")
        self.assertEqual(sender.finish(), lab.EXIT_PARTIAL, sender.log())
        flow = sender.flow()
        self.assertFalse(flow["complete"])
        self.assertEqual(sum(stream["ended"] is not None for stream in flow["streams"]), 1)
        self.assertIn("reset", next(stream["ended"] for stream in flow["streams"] if stream["ended"]))
        whole = [stream for stream in flow["streams"] if stream["ended"] is None]
        for stream in whole:
            self.assertEqual(stream["received"]["bytes"], stream["sent"]["bytes"])

    def test_data_is_dropped_but_signalling_is_not(self):
        for direction in ([], ["--reverse"]):
            with self.subTest(direction=direction):
                sender = self.start_throughput(self.target, "--duration", "2s", *direction)
                self.await_data(1)
                self.forward_rule("-p", "tcp", "--dport", "8999", "-j", "DROP")
                self.forward_rule("-p", "tcp", "--sport", "8999", "-j", "DROP")
                self.assertEqual(sender.finish(60), lab.EXIT_PARTIAL, sender.log())
                flow = sender.flow()
                self.assertGreater(flow["received"]["bytes"], 0)
                self.assertTrue(flow["incomplete_reason"])
                self.topology.run("node", "sh", "-c", "iptables -F FORWARD || iptables-legacy -F FORWARD")

    def test_the_receiver_stops_reading(self):
        sender = self.start_throughput(self.target, "--duration", "2s")
        self.await_data(1)
        self.receiver.send_signal(signal.SIGSTOP)
        try:
            self.assertEqual(sender.finish(60), lab.EXIT_PARTIAL, sender.log())
        finally:
            self.receiver.send_signal(signal.SIGCONT)
        self.assertTrue(sender.flow()["incomplete_reason"])
        self.assert_serves(self.target)

    def test_the_sender_is_killed(self):
        sender = self.start_throughput(self.target, "--streams", "3", "--duration", "30s")
        self.await_data(3)
        sender.stop(signal.SIGKILL)
        self.assert_serves(self.target)

    def test_ctrl_c_gives_what_was_measured(self):
        for direction in ([], ["--reverse"]):
            with self.subTest(direction=direction):
                sender = self.start_throughput(self.target, "--duration", "30s", *direction)
                self.await_data(1)
                self.assertEqual(sender.stop(signal.SIGINT), lab.EXIT_PARTIAL, sender.log())
                self.assertGreater(sender.flow()["received"]["bytes"], 0)

    def test_no_way_for_data(self):
        self.forward_rule("-p", "tcp", "--dport", "8999", "-j", "DROP")
        # The signalling port carries it then.
        flow = self.throughput(self.target, "--duration", "300ms").flow()
        self.assertEqual(flow["path"]["dialled"], endpoint(NODE[4], SIGNALLING))
        sender = self.start_throughput(self.target, "--duration", "300ms", "--data-port", str(DATA))
        self.assertEqual(sender.finish(), lab.EXIT_SETUP, sender.log())
        self.assertIn(endpoint(NODE[4], DATA), sender.stderr)


class BadThroughputInput(ThroughputTest):
    def setUp(self):
        receiver = self.start_loopback_receiver()
        self.target = endpoint("127.0.0.1", receiver.port)

    def assert_usage(self, *options, says):
        sender = self.start_sender(self.target, *options, what="throughput")
        self.assertEqual(sender.finish(), lab.EXIT_USAGE, sender.log())
        self.assertIn(says, sender.stderr)

    def test_streams(self):
        self.assert_usage("--streams", "0", says="streams")
        self.assert_usage("--streams", "10000", says="1024")

    def test_a_congestion_control_that_the_kernel_lacks(self):
        for direction in ([], ["--reverse"]):
            with self.subTest(direction=direction):
                sender = self.start_throughput(self.target, "--congestion", "nonesuch", *direction)
                self.assertEqual(sender.finish(), lab.EXIT_SETUP, sender.log())
                self.assertIn("nonesuch", sender.stderr)
                self.assertIn("cubic", sender.stderr)

    def test_a_bitrate_above_what_the_path_carries(self):
        flow = self.throughput(self.target, "--bitrate", "5000G", "--duration", "500ms").flow()
        self.assertTrue(flow["complete"])
        self.assertLess(flow["received"]["goodput_bps"], flow["sent"]["asked_bps"])

    def test_a_receiver_with_limits(self):
        receiver = self.start_loopback_receiver("--max-streams", "2", "--max-bitrate", "100M")
        target = endpoint("127.0.0.1", receiver.port)
        for options, says in ((("--streams", "3", "--bitrate", "1M"), "streams"), (("--bitrate", "200M"), "bitrate"),
                              ((), "bitrate")):
            with self.subTest(options=options):
                sender = self.start_throughput(target, *options)
                self.assertEqual(sender.finish(), lab.EXIT_SETUP, sender.log())
                self.assertIn(says, sender.stderr)
        self.assertTrue(self.throughput(target, "--bitrate", "50M", "--duration", "300ms").flow()["complete"])


if __name__ == "__main__":
    lab.main()
