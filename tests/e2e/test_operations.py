# SPDX-License-Identifier: MIT
"""Operations: options from three places, probes, metrics, the log as JSON, draining."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import unittest

import lab

MONITORING = lab.REPOSITORY / "deploy" / "monitoring"
needs_promtool = unittest.skipUnless(shutil.which("promtool"), "promtool (Debian: prometheus) is not installed")


def promtool(*words, text=None):
    return subprocess.run(["promtool", "check", *words], input=text, capture_output=True, text=True, timeout=lab.GRACE)


def metrics_of(text):
    """Samples by name and labels."""
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in text.splitlines() if line and not line.startswith("#")}


class Operations(lab.E2eTest):
    def start_watched(self, *options, **popen):
        receiver = self.start_loopback_receiver("--http-port", "0", *options, **popen)
        receiver.http = int(receiver.wait_for(r"probes and metrics: port (\d+)/tcp")[1])
        return receiver

    def ask(self, receiver, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", receiver.http, timeout=lab.GRACE)
        self.addCleanup(connection.close)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def metrics(self, receiver):
        status, text = self.ask(receiver, "/metrics")
        self.assertEqual(status, 200)
        return metrics_of(text)

    def start_flow(self, receiver, *options, duration="20s"):
        sender = self.start_sender(f"127.0.0.1:{receiver.port}", "--rate", "200", "--duration", duration,
                                   "--interval", "200ms", "--ndjson", *options)
        sender.wait_for('"interval"', "stdout")
        return sender


class Probes(Operations):
    def test_paths_and_methods(self):
        receiver = self.start_watched()
        for path in ("/livez", "/readyz", "/readyz?verbose=1"):
            self.assertEqual(self.ask(receiver, path), (200, "ok\n"))
        self.assertEqual(self.ask(receiver, "/livez", "HEAD"), (200, ""))
        self.assertEqual(self.ask(receiver, "/")[0], 404)
        self.assertEqual(self.ask(receiver, "/metrics/x")[0], 404)
        for method in ("POST", "DELETE", "OPTIONS"):
            self.assertEqual(self.ask(receiver, "/livez", method)[0], 405)

    def test_a_connection_is_kept_for_the_next_request(self):
        receiver = self.start_watched()
        connection = http.client.HTTPConnection("127.0.0.1", receiver.http, timeout=lab.GRACE)
        self.addCleanup(connection.close)
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("GET", "/livez")
            self.assertEqual(connection.getresponse().read(), b"ok\n")
            self.assertIs(connection.sock, first)

    def test_foreign_and_endless_requests_are_refused(self):
        receiver = self.start_watched()
        for request, status in ((b"\x00\x01\x02 nonsense\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\nA: " + b"x" * 20000, b"431"),
                                (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"4"),
                                (b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"200")):
            with socket.create_connection(("127.0.0.1", receiver.http), timeout=lab.GRACE) as peer:
                peer.sendall(request)
                self.assertTrue(peer.recv(4096).startswith(b"HTTP/1.1 " + status), request[:40])

    def test_a_request_that_trickles_is_cut_off_and_harms_nobody(self):
        receiver = self.start_watched()
        slow = [socket.create_connection(("127.0.0.1", receiver.http), timeout=lab.GRACE) for _ in range(100)]
        for peer in slow:
            self.addCleanup(peer.close)
            peer.sendall(b"GET /livez HT")
        self.assertEqual(self.ask(receiver, "/livez")[0], 200)
        self.assertEqual(slow[-1].recv(1), b"")
        self.assertEqual(self.ask(receiver, "/readyz")[0], 200)

    def test_it_answers_beside_as_many_sessions_as_there_may_be(self):
        most = 16 if os.environ.get("PACELINE_SANITIZE") else 64
        receiver = self.start_watched("--max-client-sessions", str(most))
        senders = [self.start_sender(f"127.0.0.1:{receiver.port}", "--rate", "50", "--duration", "10m", "--interval",
                                     "200ms", "--ndjson") for _ in range(most)]
        for sender in senders:
            sender.wait_for('"interval"', "stdout")
        for path in ("/livez", "/readyz"):
            self.assertEqual(self.ask(receiver, path), (200, "ok\n"))
        shown = self.metrics(receiver)
        self.assertEqual(shown["paceline_sessions"], most)
        self.assertEqual(shown['paceline_flows{kind="packets"}'], most)
        self.assertEqual(len([name for name in shown if name.startswith("paceline_flow_received_packets_total")]), most)

    def test_the_port_in_use_is_named(self):
        receiver = self.start_watched()
        other = self.start(lab.RECEIVER, "--bind", "127.0.0.1", "--port", "0", "--data-port", "0", "--tc", "off",
                           "--http-port", receiver.http)
        self.assertEqual(other.finish(), lab.EXIT_SETUP, other.log())
        self.assertIn(f"HTTP port 127.0.0.1:{receiver.http}/tcp: Address already in use", other.stderr)


class Metrics(Operations):
    def test_counters_equal_the_runs_results(self):
        receiver = self.start_watched("--max-streams", "2")
        target = f"127.0.0.1:{receiver.port}"
        packets = self.measure(target, "--rate", "500", "--duration", "1s", "--interval", "200ms").flow()
        tcp = self.measure(target, "--duration", "1s", "--bitrate", "20M", "--interval", "200ms", what="throughput").flow()
        reverse = self.measure(target, "--duration", "1s", "--bitrate", "20M", "--reverse", what="throughput").flow()
        exchanges = self.measure(target, "--duration", "1s", "--rate", "50", what="connections").flow()
        self.measure(target, "--streams", "3", "--duration", "1s", what="throughput", code=lab.EXIT_SETUP)
        receiver.wait_for("refused .*streams")
        shown = self.metrics(receiver)

        self.assertEqual(shown["paceline_received_packets_total"], packets["received"]["packets"])
        self.assertEqual(shown["paceline_expected_packets_total"],
                         packets["received"]["packets"] + packets["received"]["lost"])
        self.assertEqual(shown["paceline_lost_packets_total"], packets["received"]["lost"])
        self.assertEqual(shown['paceline_received_bytes_total{kind="packets"}'], packets["received"]["bytes"])
        self.assertEqual(shown['paceline_received_bytes_total{kind="tcp"}'], tcp["received"]["bytes"])
        self.assertGreaterEqual(shown["paceline_written_bytes_total"], reverse["received"]["bytes"])
        self.assertGreaterEqual(shown["paceline_exchanges_answered_total"], exchanges["exchanges"]["completed"])
        self.assertEqual(shown['paceline_refused_total{limit="streams"}'], 1)
        self.assertEqual(shown["paceline_sessions_opened_total"], 5)
        for kind, flows in (("packets", 1), ("tcp", 2), ("connections", 1)):
            self.assertEqual(shown[f'paceline_flows_ended_total{{kind="{kind}",end="complete"}}'], flows)
            self.assertEqual(shown[f'paceline_flows{{kind="{kind}"}}'], 0)
        delay = 'paceline_delay_seconds_{}{{kind="packets",from="tx.user",to="rx.user"{}}}'
        told = lab.segment(packets, "tx.user", "rx.user")
        self.assertEqual(shown[delay.format("count", "")], told["count"])
        self.assertAlmostEqual(shown[delay.format("sum", "")] / told["count"] * 1e9, told["mean"], delta=1)
        self.assertEqual(shown[delay.format("bucket", ',le="+Inf"')], told["count"])
        # The last scrape sees a flow that is over.
        self.assertEqual([value for name, value in shown.items() if name.startswith("paceline_flow_received_packets_total")],
                         [packets["received"]["packets"]])

    def test_sums_never_go_down_while_flows_come_and_go(self):
        receiver = self.start_watched()
        sender = self.start_flow(receiver, duration="2s")
        last = {}
        seen_running = False
        while sender.code is None:
            shown = self.metrics(receiver)
            seen_running = seen_running or shown['paceline_flows{kind="packets"}'] == 1
            for name, value in shown.items():
                if re.search(r"_(total|bucket|count)(\{|$)", name):
                    self.assertGreaterEqual(value, last.get(name, 0), name)
            last = shown
        self.assertTrue(seen_running)

    @needs_promtool
    def test_promtool_has_nothing_to_say(self):
        receiver = self.start_watched()
        sender = self.start_flow(receiver, duration="2s")
        checked = promtool("metrics", text=self.ask(receiver, "/metrics")[1])
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        self.assertEqual(sender.finish(), 0)

    @needs_promtool
    def test_the_examples_are_well_formed(self):
        for words in (("config", MONITORING / "prometheus.yml"), ("rules", MONITORING / "alerts.yml")):
            checked = promtool(*words)
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_the_examples_name_metrics_that_exist(self):
        receiver = self.start_watched()
        self.start_flow(receiver, duration="2s")
        shown = {re.sub(r"\{.*", "", name) for name in self.metrics(receiver)} | {"up"}
        dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
        expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        expressions += re.findall(r"expr: (.*)", (MONITORING / "alerts.yml").read_text())
        self.assertGreater(len(expressions), 20)
        for expression in expressions:
            names = re.findall(r"\b(?:paceline|process)_\w+|\bup\b", expression)
            self.assertTrue(names, expression)
            self.assertLessEqual(set(names), shown, expression)


class Options(Operations):
    def environment(self, **variables):
        return os.environ | variables

    def test_command_line_before_environment_before_file(self):
        file = self.scratch() / "recv.toml"
        file.write_text('max_sessions = 3\nmax_streams = 3\nlog_format = "json"\nhooks = ["netstamp"]\n')
        receiver = self.start(lab.RECEIVER, "--bind", "127.0.0.1", "--port", "0", "--tc", "off", "--config", file,
                              "--max-streams", "2", "--log-format", "text",
                              env=self.environment(PACELINE_DATA_PORT="0", PACELINE_MAX_STREAMS="4"))
        receiver.port = int(receiver.wait_for(r"listening: signalling port (\d+)/tcp")[1])
        sender = self.measure(f"127.0.0.1:{receiver.port}", "--streams", "9", what="throughput", code=lab.EXIT_SETUP)
        self.assertIn("limit of 2 (streams)", sender.stderr)

    def test_what_is_wrong_is_named_with_its_place(self):
        file = self.scratch() / "recv.toml"
        for text, complaint in (("\nmax_session = 3\n", ":2:1: max_session: there is no such option; is max_sessions meant?"),
                                ("port = 99999\n", ":1:1: port: --port: Value 99999 not in range"),
                                ("port = [1, 2]\n", ":1:1: port: it takes one value"),
                                ("port = 9000 9001\n", ":1:13: "), ('grace = "soon"\n', ":1:1: grace: --grace: "),
                                ("\nport\u00a0= 9000\n", ":2:5: Error while parsing key: expected space or tab"),
                                ("grace = 1979-05-27\n", ":1:1: grace: a text, a number, true or false"),
                                ("[limits]\nx = 1\n", ":1:2: limits: there is no such option")):
            file.write_text(text)
            receiver = self.start(lab.RECEIVER, "--config", file)
            self.assertEqual(receiver.finish(), lab.EXIT_USAGE, receiver.log())
            self.assertIn(f"{file}{complaint}", receiver.stderr)
        receiver = self.start(lab.RECEIVER, env=self.environment(PACELINE_MAX_SESSIONS="many"))
        self.assertEqual(receiver.finish(), lab.EXIT_USAGE)
        self.assertIn("PACELINE_MAX_SESSIONS: ", receiver.stderr)
        receiver = self.start(lab.RECEIVER, "--config", file.with_name("none.toml"))
        self.assertEqual(receiver.finish(), lab.EXIT_SETUP)
        self.assertIn("none.toml", receiver.stderr)

    def test_kubernetes_service_links_are_no_options(self):
        receiver = self.start_loopback_receiver(env=self.environment(PACELINE_MAX_FLOWS="tcp://10.96.0.7:9000",
                                                                     PACELINE_MAX_SESSION="7"))
        receiver.wait_for("warning: the environment's PACELINE_MAX_FLOWS=tcp://10.96.0.7:9000 is Kubernetes' link")
        receiver.wait_for("warning: the environment's PACELINE_MAX_SESSION .* is PACELINE_MAX_SESSIONS meant")


class JsonLog(Operations):
    def test_every_line_is_an_object_with_a_time(self):
        receiver = self.start(lab.RECEIVER, "--bind", "127.0.0.1", "--port", "0", "--data-port", "0", "--tc", "off",
                              "--log-format", "json", "--log-level", "debug")
        port = int(receiver.wait_for(r'"event":"listening".*"port":(\d+)')[1])
        flow = self.measure(f"127.0.0.1:{port}", "--rate", "500", "--duration", "400ms", "--interval", "100ms").flow()
        self.assertEqual(receiver.stop(), 0)
        lines = [json.loads(line) for line in receiver.stderr.splitlines()]
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("warning", "info", "debug"))
        events = {line["event"]: line for line in lines}
        self.assertLessEqual({"stamping", "listening", "session_opened", "flow_started", "interval", "flow_finished",
                              "session_closed", "draining"}, set(events))
        self.assertEqual(events["flow_finished"]["packets"], flow["received"]["packets"])
        self.assertTrue(events["flow_finished"]["complete"])

    def test_a_level_leaves_the_lesser_out(self):
        receiver = self.start(lab.RECEIVER, "--bind", "127.0.0.1", "--port", "70", "--data-port", "0", "--tc", "nowhere")
        self.assertEqual(receiver.finish(), lab.EXIT_USAGE)
        self.assertIn("'nowhere' is none of auto|required|off", receiver.stderr)
        watched = self.start_watched()
        quiet = self.start(lab.RECEIVER, "--bind", "127.0.0.1", "--port", watched.port, "--log-level", "error",
                           "--log-format", "json", "--tc", "off")
        self.assertEqual(quiet.finish(), lab.EXIT_SETUP)
        (line,) = [json.loads(text) for text in quiet.stderr.splitlines()]
        self.assertEqual((line["level"], line["event"]), ("error", "failed"))


class Draining(Operations):
    def test_a_flow_that_runs_ends_by_itself_and_nobody_new_is_served(self):
        receiver = self.start_watched()
        sender = self.start_flow(receiver, duration="2s")
        receiver.send_signal(signal.SIGTERM)
        receiver.wait_for("draining: 1 session and 1 flow may end")
        self.assertEqual(self.ask(receiver, "/readyz"), (503, "the receiver is being shut down (draining)\n"))
        self.assertEqual(self.ask(receiver, "/livez")[0], 200)
        late = self.measure(f"127.0.0.1:{receiver.port}", "--duration", "1s", code=lab.EXIT_SETUP)
        self.assertIn("serves nobody new (draining)", late.stderr)
        self.assertEqual(self.metrics(receiver)['paceline_refused_total{limit="draining"}'], 1)
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        self.assert_unharmed(sender.ndjson()[-1]["flows"][0], 400)
        self.assertEqual(receiver.finish(), 0)

    def test_what_outlasts_the_grace_ends_partial(self):
        receiver = self.start_loopback_receiver("--grace", "500ms")
        sender = self.start_flow(receiver)
        self.assertEqual(receiver.stop(), 0, receiver.log())
        self.assertEqual(sender.finish(), lab.EXIT_PARTIAL, sender.log())
        flow = sender.ndjson()[-1]["flows"][0]
        self.assertIn("its time of grace is over", flow["incomplete_reason"])
        self.assertGreater(flow["received"]["packets"], 0)

    def test_a_second_signal_ends_it_at_once(self):
        receiver = self.start_loopback_receiver("--grace", "1h")
        sender = self.start_flow(receiver)
        receiver.send_signal(signal.SIGTERM)
        receiver.wait_for("draining: ")
        self.assertEqual(receiver.stop(signal.SIGINT), 0, receiver.log())
        self.assertEqual(sender.finish(), lab.EXIT_PARTIAL, sender.log())

    def test_a_session_without_a_flow_is_not_waited_for(self):
        receiver = self.start_loopback_receiver("--grace", "1h")
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=lab.GRACE):
            self.assertEqual(receiver.stop(), 0, receiver.log())


if __name__ == "__main__":
    lab.main()
