# SPDX-License-Identifier: MIT
"""What nobody should send: command lines, bytes on the signalling port, datagrams on the data port. Each gets a clear
error or is counted and ignored, and the receiver serves the next sender."""

import json
import random
import resource
import signal
import socket
import struct
import sys
import time

import lab
from lab import NODE, endpoint

PREAMBLE = b"PACELINE"


class CommandLines(lab.E2eTest):
    def refused(self, code, *arguments, program=lab.SENDER):
        process = self.start(program, *arguments)
        self.assertEqual(process.finish(), code, process.log())
        self.assertEqual(process.stdout, "")
        self.assertLessEqual(len(process.stderr.strip().splitlines()), 3, process.log())
        return process.stderr

    def test_values_out_of_range_name_the_option_and_what_is_allowed(self):
        for option, value, told in (
                ("--rate", "0", r"rate.*above 0"), ("--rate", "-5", r"rate"), ("--rate", "fast", r"fast"),
                ("--rate", "nan", r"nan"), ("--rate", "1e300", r"rate"), ("--size", "17", r"size.*18"),
                ("--size", "0", r"size.*18"), ("--size", "65508", r"size.*65507"), ("--size", "1.5", r"size"),
                ("--size", "-1", r"size"), ("--size", "99999999999999999999", r"size"),
                ("--duration", "0", r"duration.*above 0"), ("--duration", "-1s", r"duration"),
                ("--duration", "1year", r"1year"), ("--duration", "1000h", r"duration"),
                ("--interval", "0", r"interval"), ("--interval", "1ms", r"interval"),
                ("--data-port", "0", r"(?i)port|0"), ("--data-port", "65536", r"65536"), ("--data-port", "x", r"x"),
                ("--pacing", "lazy", r"lazy"), ("--late", "never", r"never"), ("--clock", "sundial", r"sundial")):
            with self.subTest(option=option, value=value):
                self.assertRegex(self.refused(lab.EXIT_USAGE, "latency", "127.0.0.1", f"{option}={value}"),
                                 rf"(?is){told}")

    def test_targets_that_make_no_sense(self):
        for target in ("127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:x", ":9000", "[::1", "[::1]9000", "[]:9000", ""):
            with self.subTest(target=target):
                self.refused(lab.EXIT_USAGE, "latency", target)

    def test_commands_that_make_no_sense(self):
        for arguments in ((), ("latency",), ("teleport", "127.0.0.1"), ("latency", "127.0.0.1", "--json", "--ndjson"),
                          ("latency", "127.0.0.1", "-4", "-6"), ("latency", "127.0.0.1", "--unheard-of")):
            with self.subTest(arguments=arguments):
                process = self.start(lab.SENDER, *arguments)
                self.assertEqual(process.finish(), lab.EXIT_USAGE, process.log())

    def test_what_was_probably_meant_is_said(self):
        for program, typo, meant in ((lab.SENDER, ("latncy", "127.0.0.1"), "latency"),
                                     (lab.SENDER, ("latency", "127.0.0.1", "--rat", "3"), "--rate"),
                                     (lab.RECEIVER, ("--prot", "9000"), "--port"),
                                     (lab.DECODER, ("follow", "127.0.0.1", "--jsn"), "--json")):
            with self.subTest(typo=typo):
                process = self.start(program, *typo)
                self.assertEqual(process.finish(), lab.EXIT_USAGE, process.log())
                self.assertIn(f"did you mean '{meant}'?", process.stderr)

    def test_receivers_options_that_make_no_sense(self):
        for arguments in (("--port", "65536"), ("--data-port", "-1"), ("--advertise", "udp"),
                          ("--advertise", "udp=0"), ("--advertise", "sctp=5"), ("--tc", "maybe"), ("--hooks", "xdp"), ("--bind", "nonsense"),
                          ("--workers", "0"), ("--idle-timeout", "0"), ("--idle-timeout", "never"),
                          ("--max-streams", "0"), ("--max-rate", "0"), ("--max-bitrate", "fast")):
            with self.subTest(arguments=arguments):
                process = self.start(lab.RECEIVER, *arguments)
                self.assertIn(process.finish(), (lab.EXIT_USAGE, lab.EXIT_SETUP), process.log())
                self.assertIn(arguments[1].split("=")[-1], process.stderr)

    def test_a_host_that_does_not_resolve(self):
        told = self.refused(lab.EXIT_SETUP, "latency", "no-such-host.invalid", "--duration", "1s")
        self.assertIn("no-such-host.invalid", told)

    def test_nobody_listens(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            target = f"127.0.0.1:{free.getsockname()[1]}"  # it does not listen
            told = self.refused(lab.EXIT_SETUP, "latency", target, "--duration", "1s")
        self.assertIn(target, told)
        self.assertRegex(told, r"(?i)refused")

    def test_somebody_else_listens(self):
        """An HTTP server, a mute one: told apart from a receiver in bounded time."""
        for greeting in (b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10, b""):
            with self.subTest(greeting=greeting), socket.create_server(("127.0.0.1", 0)) as server:
                sender = self.start_sender(f"127.0.0.1:{server.getsockname()[1]}", "--duration", "1s")
                connection, _ = server.accept()
                connection.sendall(greeting)
                self.assertEqual(sender.finish(20), lab.EXIT_SETUP, sender.log())
                self.assertEqual(sender.stdout, "")
                connection.close()

    def test_family_that_the_target_does_not_have(self):
        receiver = self.start_loopback_receiver()
        self.refused(lab.EXIT_SETUP, "latency", f"127.0.0.1:{receiver.port}", "-6", "--duration", "1s")

    def test_forms_of_a_target_that_do_make_sense(self):
        receiver = self.start_receiver("--port", "0", "--data-port", "0", "--tc", "off")
        for target, options in ((f"localhost:{receiver.port}", ("-4",)), (f"localhost:{receiver.port}", ()),
                                (f"[::1]:{receiver.port}", ()), (f"[::1]:{receiver.port}", ("-6",)),
                                (f"127.0.0.1:{receiver.port}", ("-4",))):
            with self.subTest(target=target, options=options):
                self.assert_serves(target, *options)

    def test_an_output_file_that_cannot_be_written_is_said_before_anything_is_measured(self):
        receiver = self.start_loopback_receiver()
        started = time.monotonic()
        told = self.refused(lab.EXIT_SETUP, "latency", f"127.0.0.1:{receiver.port}", "--duration", "10s", "--json",
                            "--output", "/nonexistent/result.json")
        self.assertIn("/nonexistent/result.json", told)
        self.assertLess(time.monotonic() - started, 5)


class Signalling(lab.E2eTest):
    def setUp(self):
        self.receiver = self.start_loopback_receiver()
        self.address = ("127.0.0.1", self.receiver.port)
        self.target = endpoint(*self.address)

    def tearDown(self):
        """Whatever came: the next sender is served, and the receiver ends well."""
        self.assert_serves(self.target)
        self.assertEqual(self.receiver.stop(), 0, self.receiver.log())

    def connect(self):
        connection = socket.create_connection(self.address, timeout=10)
        self.addCleanup(connection.close)
        return connection

    def assert_closed(self, data, seconds=10):
        """The receiver closes a connection that said `data`, within bounds."""
        with socket.create_connection(self.address, timeout=seconds) as connection:
            try:
                connection.sendall(data)
                while connection.recv(65536):
                    pass
            except (ConnectionResetError, BrokenPipeError):
                pass

    def test_garbage_and_foreign_protocols(self):
        for data in (random.Random(1).randbytes(4096), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00\x01",  # a TLS ClientHello
                     b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 65536, b"PACELIN3" + b"x" * 100):
            self.assert_closed(data)

    def test_data_connections_of_no_flow(self):
        """A probe's first byte leads past signalling to where data connections are taken: they end there."""
        probe = b"\xd1\x02" + random.Random(2).randbytes(62)
        for data in (probe, probe[:17], b"\xd1", b"\xd1" + random.Random(3).randbytes(100000), b"\xd1PACELINE"):
            self.assert_closed(data)

    def test_frames_that_cannot_be_right(self):
        for frame in (struct.pack("!IB", 0xFFFFFFFF, 0), struct.pack("!IB", 65537, 0), struct.pack("!IB", 10, 0xFF),
                      struct.pack("!IB", 10, 2) + b"x" * 10, struct.pack("!IB", 0, 1),
                      struct.pack("!IB", 100, 0) + b"\xff" * 100,  # no protobuf
                      struct.pack("!IB", 0, 0),  # a message without a body
                      (struct.pack("!IB", 65536, 1) + b"x" * 65536) * 8):  # a message that never ends
            self.assert_closed(PREAMBLE + frame)

    def test_a_thousand_connect_and_close(self):
        for _ in range(1000):
            socket.create_connection(self.address, timeout=10).close()

    def test_a_thousand_resets(self):
        for _ in range(1000):
            connection = socket.create_connection(self.address, timeout=10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    def test_half_open_connections_are_served_beside_and_closed_in_time(self):
        silent = [self.connect() for _ in range(200)]
        half = [self.connect() for _ in range(50)]
        for connection in half:
            connection.sendall(PREAMBLE[:4])
        self.assert_serves(self.target)  # while they are open
        deadline = time.monotonic() + 20
        for connection in silent + half:
            connection.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                self.assertEqual(connection.recv(1), b"")
            except ConnectionResetError:
                pass

    def test_sessions_that_are_held_without_a_flow_end(self):
        def field(number, value):  # protobuf: a varint or bytes
            if isinstance(value, int):
                return bytes([number << 3, value])
            return bytes([number << 3 | 2, len(value)]) + value

        def frame(message):
            return struct.pack("!IB", len(message), 0) + message

        hello = frame(field(1, field(1, 1) + field(2, 1) + field(4, bytes(16))))
        heartbeat = frame(bytes([14 << 3 | 2, 0]))
        held = [self.connect() for _ in range(40)]
        answers = b""
        for connection in held:
            connection.sendall(PREAMBLE + hello)
        for connection in held:
            connection.settimeout(10)
            answers += connection.recv(65536)
        self.assertIn(b"sessions per client", answers)  # one client cannot have them all
        deadline = time.monotonic() + 50
        while held and time.monotonic() < deadline:
            for connection in list(held):
                try:
                    connection.sendall(heartbeat)
                    connection.settimeout(0.01)
                    while connection.recv(65536):
                        pass
                    held.remove(connection)
                except TimeoutError:
                    pass
                except OSError:
                    held.remove(connection)
            time.sleep(1)
        self.assertEqual(len(held), 0)
        self.assert_serves(self.target)

    def test_bytes_that_trickle_in_do_not_hold_a_connection(self):
        connection = self.connect()
        message = PREAMBLE + struct.pack("!IB", 60000, 0) + b"\x0a" * 60000
        started = time.monotonic()
        with self.assertRaises((BrokenPipeError, ConnectionResetError)):
            for byte in message:
                connection.sendall(bytes([byte]))
                time.sleep(0.2)
                self.assertLess(time.monotonic() - started, 30)

    def test_a_peer_that_closes_half_its_connection(self):
        connection = self.connect()
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(connection.recv(1), b"")


class TcpDataPort(lab.E2eTest):
    """What strangers do at the TCP data port: closed without a byte, in bounded time, and others are served beside."""

    def setUp(self):
        self.receiver = self.start_loopback_receiver()
        self.address = ("127.0.0.1", self.receiver.data_port)
        self.target = f"127.0.0.1:{self.receiver.port}"

    def tearDown(self):
        self.assert_serves(self.target)
        self.assertEqual(self.receiver.stop(), 0, self.receiver.log())

    def connect(self):
        connection = socket.create_connection(self.address, timeout=20)
        self.addCleanup(connection.close)
        return connection

    def assert_closed_in_silence(self, connection):
        try:
            self.assertEqual(connection.recv(1), b"")
        except ConnectionResetError:
            pass

    def test_garbage_is_not_answered(self):
        dice = random.Random(4)
        for data in (dice.randbytes(4096), dice.randbytes(64), b"\xd1\x02" + dice.randbytes(62), PREAMBLE * 8,
                     b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"x" * 64, b"\0" * 65536):
            connection = self.connect()
            try:
                connection.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                continue
            self.assert_closed_in_silence(connection)

    def test_silent_and_trickling_connections_end(self):
        silent = [self.connect() for _ in range(200)]
        half = [self.connect() for _ in range(50)]
        for connection in half:
            connection.sendall(b"\xd1\x02" + bytes(20))
        self.assert_serves(self.target)  # while they are open
        for connection in silent + half:
            self.assert_closed_in_silence(connection)

    def test_a_thousand_connect_and_reset(self):
        for _ in range(1000):
            connection = socket.create_connection(self.address, timeout=10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    def test_more_strangers_than_there_is_room_for(self):
        strangers = [self.connect() for _ in range(1100)]
        self.assert_closed_in_silence(strangers[0])  # the oldest made room
        self.assert_serves(self.target)


class Endings(lab.E2eTest):
    """A receiver that is to end by itself."""

    def test_one_off_ends_after_the_first_sender_that_had_a_flow(self):
        receiver = self.start_loopback_receiver("--one-off")
        socket.create_connection(("127.0.0.1", receiver.port), timeout=10).close()  # looks in only
        self.assert_serves(f"127.0.0.1:{receiver.port}")
        self.assertEqual(receiver.finish(10), 0, receiver.log())

    def test_idle_timeout(self):
        receiver = self.start_loopback_receiver("--idle-timeout", "3s")
        self.assert_serves(f"127.0.0.1:{receiver.port}")
        self.assertEqual(receiver.finish(10), 0, receiver.log())


class Limits(lab.E2eTest):
    """What a receiver does not grant is refused by the limit's name, before anything is sent."""

    def test_refused_by_name(self):
        receiver = self.start_loopback_receiver("--max-streams", "4", "--max-bitrate", "10M", "--max-rate", "1k")
        target = f"127.0.0.1:{receiver.port}"
        for what, options, told in (
                ("latency", ("--rate", "2k"), r"1000.*rate"),
                ("latency", ("--rate", "1k", "--size", "2000"), r"bitrate"),
                ("throughput", (), r"as fast as can be.*bitrate"),
                ("throughput", ("--bitrate", "1M", "--streams", "5"), r"5 streams.*4"),
                ("throughput", ("--bitrate", "20M", "--reverse"), r"bitrate"),
                ("throughput", ("--bitrate", "1M", "--reverse", "--congestion", "nosuchcc"), r"nosuchcc")):
            with self.subTest(what=what, options=options):
                sender = self.start_sender(target, "--duration", "1s", *options, what=what)
                self.assertEqual(sender.finish(20), lab.EXIT_SETUP, sender.log())
                self.assertRegex(sender.stderr, told)
        self.assert_serves(target)

    def test_those_of_a_client_and_in_all_count_what_runs(self):
        for limit, name in (("--max-client-bitrate", "client bitrate"), ("--max-total-bitrate", "total bitrate")):
            with self.subTest(limit=limit):
                receiver = self.start_loopback_receiver(limit, "10M")
                target = f"127.0.0.1:{receiver.port}"
                runs = self.start_sender(target, "--bitrate", "6M", "--duration", "60s", what="throughput")
                runs.wait_for("1 s ", stream="stdout")
                more = self.start_sender(target, "--bitrate", "6M", "--duration", "1s", what="throughput")
                self.assertEqual(more.finish(), lab.EXIT_SETUP, more.log())
                self.assertRegex(more.stderr, rf"6000000 bit/s more, beside 6000000 .*10000000 bit/s \({name}\)")
                runs.stop(signal.SIGINT)
                self.assert_serves(target)

    def test_more_flows_than_a_client_may_have(self):
        receiver = self.start_loopback_receiver("--max-client-flows", "2", "--max-duration", "10s")
        target = f"127.0.0.1:{receiver.port}"
        for options, told in ((("--flows", "3", "--duration", "1s"), r"2 flows from your address.*\(flows per client\)"),
                              (("--duration", "11s"), r"11 s.*10 s \(duration\)")):
            sender = self.start_sender(target, *options)
            self.assertEqual(sender.finish(), lab.EXIT_SETUP, sender.log())
            self.assertRegex(sender.stderr, told)

    def test_exchanges_have_a_rate_too(self):
        receiver = self.start_loopback_receiver("--max-rate", "100")
        sender = self.start_sender(f"127.0.0.1:{receiver.port}", "--duration", "1s", what="connections")
        self.assertEqual(sender.finish(), lab.EXIT_SETUP, sender.log())
        self.assertRegex(sender.stderr, r"as fast as can be.*\(rate\)")


class Descriptors(lab.E2eTest):
    def test_running_out_of_descriptors_passes(self):
        few = 48
        receiver = self.start_loopback_receiver(
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (few, few)))
        flood = []
        for _ in range(2 * few):
            flood.append(socket.create_connection(("127.0.0.1", receiver.port), timeout=10))
        receiver.wait_for("warning.*could not be accepted, and waits: Too many open files.*ulimit -n")
        time.sleep(1)  # in which ten more attempts fail
        for connection in flood:
            connection.close()
        self.assert_serves(f"127.0.0.1:{receiver.port}")
        self.assertEqual(receiver.stop(), 0, receiver.log())
        self.assertEqual(receiver.stderr.count("Too many open files"), 1, receiver.log())


@lab.needs_namespaces
class DataPort(lab.E2eTest):
    TARGET = endpoint(NODE[4], 30900)

    def setUp(self):
        self.make_topology()
        self.receiver = self.start_receiver("--advertise", "udp=30899")

    def test_a_disturbed_flow_is_unharmed_and_tells_what_disturbed_it(self):
        count = 50
        attacker = self.start(sys.executable, lab.HERE / "attacker.py", "eth0", NODE[4], "30899", str(count),
                              where="client")
        flow = self.measure(self.TARGET, "--rate", "500", "--duration", "3s").flow()
        self.assertEqual(attacker.finish(), 0, attacker.log())
        self.assertEqual(json.loads(attacker.stdout), {"answers": 0})

        self.assertTrue(flow["complete"])
        received = flow["received"]
        self.assertEqual((flow["sent"]["packets"], received["packets"], received["lost"]), (1500, 1500, 0))
        self.assertEqual(received["bytes"], 1500 * 512)
        self.assertEqual(received["unbound"], count)     # copies from elsewhere
        self.assertEqual(received["duplicated"], count)  # copies from the sender's own address
        self.assertEqual(received["invalid"], count)     # of another size
        self.assertEqual(received["reordered"], 0)
        self.assert_serves(self.TARGET)

    def test_garbage_without_a_flow_gets_no_answer(self):
        sent = self.topology.run("client", sys.executable, "-c", """
import os, random, select, socket
dice = random.Random(1)
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.connect(("10.0.0.7", 30899))
for size in [0, 1, 17, 18, 63, 64, 65, 1472, 65507] + [dice.randrange(1400) for _ in range(2000)]:
    end.send(dice.randbytes(size))
    end.send((b"\\xd1" + bytes([dice.randrange(6)]) + dice.randbytes(1400))[:size])
print(len(select.select([end], [], [], 1)[0]))
""")
        self.assertEqual(sent.strip(), "0")
        self.assert_serves(self.TARGET)


if __name__ == "__main__":
    lab.main()
