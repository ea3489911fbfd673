# SPDX-License-Identifier: MIT
"""What the e2e tests share: the topology, processes with deadlines, and the programs under test.

The build directory is PACELINE_BUILD (CTest sets it; by default build/release). Each test makes namespaces of its
own, with a prefix that no other run has, so tests may run side by side.
"""

import fcntl
import functools
import itertools
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PACELINE_BUILD", REPOSITORY / "build" / "release"))
HERE = pathlib.Path(__file__).resolve().parent
TOPOLOGY = REPOSITORY / "scripts" / "topology"
RECEIVER = BUILD / "bin" / "paceline-recv"
SENDER = BUILD / "bin" / "paceline-send"
DECODER = BUILD / "bin" / "paceline-decode"
RELAY = BUILD / "tests" / "relay" / "paceline-relay"

# How the topology's ends are reached; see scripts/topology.
NODE = {4: "10.0.0.7", 6: "fd00::7"}
CLIENT = {4: "10.0.0.4", 6: "fd00::4"}
POD = {4: "10.244.1.5", 6: "fd00:244:1::5"}

# Time that a program may take beyond its flow; generous, since sanitizers and a loaded machine are slow.
GRACE = 30
EXIT_COMPLETE, EXIT_SETUP, EXIT_USAGE, EXIT_PARTIAL = 0, 1, 2, 3
ALL_SKIPPED = 77  # CTest's SKIP_RETURN_CODE

_numbers = itertools.count(1)


def configured_with(entry):
    """Whether the build's CMake cache has this line."""
    cache = BUILD / "CMakeCache.txt"
    return cache.exists() and entry in cache.read_text().splitlines()


def endpoint(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@functools.cache
def namespaces_work():
    if os.geteuid() != 0:
        return False
    name = f"e2e{os.getpid()}probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True)
    return made.returncode == 0


needs_namespaces = unittest.skipUnless(namespaces_work(), "needs root and network namespaces")
long_test = unittest.skipUnless(os.environ.get("PACELINE_LONG_TESTS"), "long: run it with scripts/test --long")


class Process:
    """A program whose output is collected while it runs, and which ends within a deadline or fails the test."""

    def __init__(self, argv, **options):
        self.argv = [str(part) for part in argv]
        options.setdefault("stdin", subprocess.DEVNULL)
        self.popen = subprocess.Popen(self.argv, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, errors="replace", **options)
        self._lines = {"stdout": [], "stderr": []}
        self._news = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in self._lines]
        for reader in self._readers:
            reader.start()

    def _read(self, name):
        with getattr(self.popen, name) as stream:
            for line in stream:
                with self._news:
                    self._lines[name].append(line)
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def stdout(self):
        return "".join(self._lines["stdout"])

    @property
    def stderr(self):
        return "".join(self._lines["stderr"])

    @property
    def pid(self):
        return self.popen.pid

    @property
    def code(self):
        return self.popen.poll()

    def wait_for(self, pattern, stream="stderr", seconds=GRACE):
        """Waits for a line of output that matches, from the beginning on, and returns the match."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + seconds
        with self._news:
            while True:
                for line in self._lines[stream]:
                    if match := expression.search(line):
                        return match
                left = deadline - time.monotonic()
                ended = not any(reader.is_alive() for reader in self._readers)
                if left <= 0 or ended:
                    why = "ended without" if ended else f"in {seconds} s did not print"
                    raise AssertionError(f"{self.argv} {why} '{pattern}' on its {stream}\n{self.log()}")
                self._news.wait(min(left, 0.1))

    def finish(self, seconds=GRACE):
        """Waits for the end and returns the exit code (negative: the signal that ended it)."""
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.argv} still runs after {seconds} s\n{self.log()}") from None
        for reader in self._readers:
            reader.join(GRACE)
        return self.popen.returncode

    def send_signal(self, number):
        self.popen.send_signal(number)

    def stop(self, number=signal.SIGTERM, seconds=GRACE):
        """Sends a signal and waits for the end; the exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        return self.finish(seconds)

    def discard(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.finish()

    def json(self):
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.stdout)

    def flow(self):
        """The only flow of a JSON result."""
        (flow,) = self.json()["flows"]
        return flow

    def ndjson(self):
        return [json.loads(line) for line in self.stdout.splitlines()]

    def log(self):
        return (f"--- {' '.join(self.argv)}: exit code {self.popen.poll()}\n--- standard output\n{self.stdout}"
                f"--- standard error\n{self.stderr}---")


class Deadline:
    """For what is looked at again and again until it is so: `while not so and deadline.goes_on()`."""

    def __init__(self, seconds=GRACE):
        self._end = time.monotonic() + seconds

    def goes_on(self, pause=0.02):
        """Waits a little; false when the time is up."""
        time.sleep(pause)
        return time.monotonic() < self._end


def new_prefix():
    """A name for namespaces that no other test and no other run has."""
    return f"e2e{os.getpid()}x{next(_numbers)}"


class Topology:
    """scripts/topology, up until the test ends."""

    def __init__(self, *options):
        self.prefix = new_prefix()
        subprocess.run([TOPOLOGY, "up", self.prefix, *options], check=True)

    def down(self):
        subprocess.run([TOPOLOGY, "down", self.prefix], check=True)

    def within(self, name, argv):
        return ["ip", "netns", "exec", f"{self.prefix}-{name}", *argv]

    def run(self, name, *argv):
        """Runs a short command in a namespace and returns its standard output."""
        done = subprocess.run(self.within(name, argv), capture_output=True, text=True, timeout=GRACE)
        if done.returncode != 0:
            raise AssertionError(f"{argv} in {name} failed:\n{done.stdout}{done.stderr}")
        return done.stdout


class E2eTest(unittest.TestCase):
    """A test with processes that end, and show what they said when it fails."""

    maxDiff = None
    topology = None

    def run(self, result=None):
        self._processes = []
        before = len(result.failures) + len(result.errors) if result else 0
        outcome = super().run(result)
        if result and len(result.failures) + len(result.errors) > before:
            for process in self._processes:
                print(process.log(), file=sys.stderr)
        return outcome

    def make_topology(self, *options):
        self.topology = Topology(*options)
        self.addCleanup(self.topology.down)
        return self.topology

    def scratch(self):
        path = pathlib.Path(tempfile.mkdtemp(prefix="paceline-e2e-"))
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def start(self, *argv, where=None, **options):
        """Starts a program, in a namespace of the topology if `where` names one."""
        process = Process(self.topology.within(where, argv) if where else argv, **options)
        self._processes.append(process)
        self.addCleanup(process.discard)
        return process

    def start_receiver(self, *options, where="pod", launcher=(), **popen):
        """A receiver that is ready; its ports are .port and .data_port."""
        receiver = self.start(*launcher, RECEIVER, *options, where=where if self.topology else None, **popen)
        ready = receiver.wait_for(r"listening: signalling port (\d+)/tcp, data port (\d+)/")
        receiver.port, receiver.data_port = int(ready[1]), int(ready[2])
        return receiver

    def start_loopback_receiver(self, *options, **popen):
        """A receiver in the machine's own namespace: it keeps off the machine's interfaces."""
        return self.start_receiver("--bind", "127.0.0.1", "--port", "0", "--data-port", "0", "--tc", "off", *options,
                                   **popen)

    def start_sender(self, target, *options, what="latency", where="client", launcher=()):
        return self.start(*launcher, SENDER, what, target, *options, where=where if self.topology else None)

    def measure(self, target, *options, code=EXIT_COMPLETE, seconds=GRACE, **how):
        """Runs a sender to its end, with JSON unless said otherwise; it must exit with `code`."""
        if not {"--ndjson", "--json"} & set(options):
            options += ("--json",)
        sender = self.start_sender(target, *options, **how)
        self.assertEqual(sender.finish(seconds), code, sender.log())
        return sender

    def on_terminal(self, *command, environment=(), interrupt_at=None):
        """Exit code of a program, and all that it writes to a terminal of 130 columns; with `interrupt_at`, Ctrl-C when
        it has written that."""
        ours, its = pty.openpty()
        self.addCleanup(os.close, ours)
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 130, 0, 0))
        program = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, start_new_session=True,
                                   env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **dict(environment)})
        os.close(its)
        too_long = threading.Timer(GRACE, program.kill)
        too_long.start()
        text = b""
        try:
            while read := os.read(ours, 65536):
                text += read
                if interrupt_at is not None and interrupt_at in text:
                    interrupt_at = None
                    program.send_signal(signal.SIGINT)
                    program.send_signal(signal.SIGINT)  # as timeout(1) does: one wish, told twice
        except OSError:
            pass  # the terminal's other end is closed
        code = program.wait()
        too_long.cancel()
        return code, text.decode()

    def assert_unharmed(self, flow, packets):
        """Everything that was asked for was sent, and arrived once and in order."""
        self.assertTrue(flow["complete"])
        self.assertEqual(flow["sent"]["packets"], packets)
        self.assertEqual(flow["sent"]["missed_slots"], 0)
        self.assertEqual(flow["received"]["packets"], packets)
        for what in ("lost", "duplicated", "reordered", "lost_in_socket"):
            self.assertEqual(flow["received"][what], 0, what)
        self.assertEqual(segment(flow, "tx.user", "rx.user")["count"], packets)

    def assert_serves(self, target, *options, **where):
        """The receiver is well: a short flow works."""
        flow = self.measure(target, "--rate", "500", "--duration", "200ms", *options, **where).flow()
        self.assert_unharmed(flow, 100)


def segment(flow, start, end):
    """The delay distribution between two measurement points; None when the result has none."""
    for row in flow["segments"]:
        if (row["from"], row["to"]) == (start, end):
            return row["delay_ns"]
    return None


def main():
    """As unittest.main(); exits ALL_SKIPPED when there was nothing but skipped tests."""
    program = unittest.main(module="__main__", verbosity=2, exit=False)
    result = program.result
    if result.wasSuccessful() and result.testsRun and len(result.skipped) == result.testsRun:
        sys.exit(ALL_SKIPPED)
    sys.exit(not result.wasSuccessful())
