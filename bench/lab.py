# SPDX-License-Identifier: MIT
"""What the comparisons share: the two paths, processes and what they cost, pairs of runs, the page with the results.

The build directory is PACELINE_BUILD (by default build/release). Peers come from PATH, or from the environment:
IPERF3, ITGSEND, ITGRECV, ITGDEC, SOCKPERF name other programs (a newer build, say).
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("PACELINE_BUILD", REPOSITORY / "build" / "release")).resolve()
TOPOLOGY = REPOSITORY / "scripts" / "topology"
RECEIVER = BUILD / "bin" / "paceline-recv"
SENDER = BUILD / "bin" / "paceline-send"
PEER_PORTS = (5201, 8080, 8999, 9000, 11111)  # iperf3, nginx, D-ITG (data, signalling), sockperf: to themselves


def peer(name, variable):
    """The peer's program; None where it is not installed."""
    return os.environ.get(variable) or shutil.which(name)


IPERF3 = peer("iperf3", "IPERF3")
ITGSEND, ITGRECV, ITGDEC = peer("ITGSend", "ITGSEND"), peer("ITGRecv", "ITGRECV"), peer("ITGDec", "ITGDEC")
SOCKPERF = peer("sockperf", "SOCKPERF")


def versions():
    """What was compared, a line each."""
    def output(*command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        return done.stdout + done.stderr

    def package(name):
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else "unknown version"

    lines = [f"Paceline {output(SENDER, '--version').strip()}"]
    if IPERF3:
        lines.append(output(IPERF3, "--version").splitlines()[0].replace("iperf", "iperf3", 1))
    if ITGSEND:
        lines.append(f"D-ITG {package('d-itg')}")
    if SOCKPERF:
        lines.append(f"sockperf {package('sockperf')}")
    lines.append(f"Linux {os.uname().release}, {os.cpu_count()} CPUs")
    return lines


class Path:
    """Two namespaces, a sender's and a receiver's, and how one reaches the other."""

    def __init__(self, name, prefix, sender, receiver, host, own_address, target):
        self.name, self.prefix = name, prefix
        self.own_address = own_address  # the receiver's
        self.sender, self.receiver = sender, receiver  # namespaces
        self.host = host  # address by which peers are reached, on the ports that they listen on
        self.target = target  # what paceline-send is given

    def at_sender(self, *command):
        return ["ip", "netns", "exec", self.sender, *map(str, command)]

    def at_receiver(self, *command):
        return ["ip", "netns", "exec", self.receiver, *map(str, command)]


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


@contextlib.contextmanager
def veth_path():
    """One veth pair between two namespaces."""
    prefix = f"plv{os.getpid()}"
    sender, receiver = f"{prefix}-sender", f"{prefix}-receiver"
    try:
        for namespace in (sender, receiver):
            ip("netns", "add", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
        ip("link", "add", "eth0", "netns", sender, "type", "veth", "peer", "name", "eth0", "netns", receiver)
        for namespace, address in ((sender, "192.0.2.1/24"), (receiver, "192.0.2.2/24")):
            ip("-n", namespace, "address", "add", address, "dev", "eth0")
            ip("-n", namespace, "link", "set", "eth0", "up")
        time.sleep(0.5)
        yield Path("veth pair", prefix, sender, receiver, "192.0.2.2", "192.0.2.2", "192.0.2.2")
    finally:
        for namespace in (sender, receiver):
            subprocess.run(["ip", "netns", "delete", namespace], stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def nodeport_path():
    """Client, node and pod of scripts/topology; the node also maps the peers' ports, to the same numbers."""
    prefix = f"pln{os.getpid()}"
    subprocess.run([TOPOLOGY, "up", prefix], check=True)
    try:
        node = ["ip", "netns", "exec", f"{prefix}-node"]
        flavour = next(name for name in ("iptables", "iptables-nft", "iptables-legacy")
                       if subprocess.run([*node, name, "-t", "nat", "-S"], capture_output=True).returncode == 0)
        for port in PEER_PORTS:
            for protocol in ("udp", "tcp"):
                subprocess.run([*node, flavour, "-t", "nat", "-A", "PREROUTING", "-i", "client", "-p", protocol,
                                "--dport", str(port), "-j", "DNAT", "--to-destination", f"10.244.1.5:{port}"],
                               check=True)
        time.sleep(0.5)
        yield Path("NodePort", prefix, f"{prefix}-client", f"{prefix}-pod", "10.0.0.7", "10.244.1.5",
                   "10.0.0.7:30900")
    finally:
        subprocess.run([TOPOLOGY, "down", prefix], check=True)


PATHS = {"veth": veth_path, "nodeport": nodeport_path}


class Process:
    """A program in a namespace, whose CPU time is known when it has ended."""

    def __init__(self, command):
        self.command = [str(part) for part in command]
        self.output = tempfile.TemporaryFile(mode="w+")
        # What a shell starts in the background ignores SIGINT, and so would all below it.
        self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.output,
                                      stderr=subprocess.STDOUT, cwd=tempfile.gettempdir(),
                                      preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.cpu_seconds = 0.0

    def wait(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid, status, usage = os.wait4(self.popen.pid, os.WNOHANG)
            if pid:
                self.popen.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_seconds = usage.ru_utime + usage.ru_stime
                return self.popen.returncode
            time.sleep(0.01)
        self.popen.kill()
        raise TimeoutError(f"{' '.join(self.command)} still runs after {seconds} s:\n{self.text()}")

    def stop(self, number=signal.SIGINT):
        # Not through Popen, which would take the exit status and with it the CPU time.
        if self.popen.returncode is None:
            os.kill(self.popen.pid, number)
            self.wait(10)

    def text(self):
        self.output.seek(0)
        return self.output.read()

    def wait_for(self, pattern, seconds=10):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if re.search(pattern, self.text()):
                return
            time.sleep(0.02)
        raise TimeoutError(f"{' '.join(self.command)} did not print '{pattern}':\n{self.text()}")


@contextlib.contextmanager
def serving(command, ready=None, pause=0.3):
    process = Process(command)
    try:
        if ready:
            process.wait_for(ready)
        else:
            time.sleep(pause)
        yield process
    finally:
        process.stop()


def run(command, seconds):
    """Runs a program to its end, which must be a success; the process."""
    process = Process(command)
    if process.wait(seconds) != 0:
        raise RuntimeError(f"{' '.join(process.command)} failed:\n{process.text()}")
    return process


class Ours:
    """A receiver and one run of the sender against it."""

    def __init__(self, path, *receiver_options):
        self.path, self.receiver_options = path, receiver_options

    def measure(self, subcommand, *options, seconds=120):
        """The run's JSON document, with the processes' CPU time as "cpu_seconds"."""
        advertise = ["--advertise", "udp=30899,tcp=30899"] if self.path.name == "NodePort" else []
        with serving(self.path.at_receiver(RECEIVER, *advertise, *self.receiver_options), "listening") as receiver:
            with tempfile.NamedTemporaryFile("r", suffix=".json") as result:
                sender = Process(self.path.at_sender(SENDER, subcommand, self.path.target, *options, "--json",
                                                     "--output", result.name))
                code = sender.wait(seconds)
                if code not in (0, 3):
                    raise RuntimeError(f"{' '.join(sender.command)} failed:\n{sender.text()}")
                document = json.load(result)
            receiver.stop()
            document["cpu_seconds"] = sender.cpu_seconds + receiver.cpu_seconds
            return document


class Spread:
    """Some pairs' figures: the median, and the range that says how far to trust it."""

    def __init__(self, values):
        self.values = sorted(values)
        self.median = statistics.median(values)

    def __str__(self):
        return f"{number(self.median)} ({number(self.values[0])} to {number(self.values[-1])})"


def number(value):
    """Four significant digits, with k, M, G."""
    for factor, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.4g}{letter}"
    return f"{value:.4g}"


def in_turn(pairs, sides):
    """Measures every side once a pair, each pair in another order; {name: [figure of each pair]}."""
    figures = {name: [] for name in sides}
    names = list(sides)
    for i in range(pairs):
        for name in names[i % len(names):] + names[:i % len(names)]:
            figures[name].append(sides[name]())
            print(f"    pair {i + 1}: {name}: {describe(figures[name][-1])}", file=sys.stderr, flush=True)
    return figures


def describe(figure):
    if isinstance(figure, dict):
        return ", ".join(f"{key} {number(value)}" for key, value in figure.items())
    return number(figure)


class Page:
    """What a benchmark prints, kept for the page of results too."""

    def __init__(self, title, arguments):
        self.lines = []
        self.arguments = arguments
        self.say(f"# {title}")
        self.say()
        for line in versions():
            self.say(f"- {line}")
        self.say()

    def say(self, text=""):
        self.lines.append(text)
        print(text, flush=True)

    def table(self, head, rows):
        self.say("| " + " | ".join(head) + " |")
        self.say("|" + "---|" * len(head))
        for row in rows:
            self.say("| " + " | ".join(map(str, row)) + " |")
        self.say()

    def write(self):
        if self.arguments.page:
            pathlib.Path(self.arguments.page).write_text("\n".join(self.lines).rstrip() + "\n")


def arguments(description, *, pairs=5, seconds=3.0, paths=("veth", "nodeport")):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--pairs", type=int, default=pairs, help=f"measurements of each side (default {pairs})")
    parser.add_argument("--seconds", type=float, default=seconds, help=f"length of each (default {seconds:g})")
    parser.add_argument("--path", choices=PATHS, action="append", help="only this path (may be repeated)")
    parser.add_argument("--row", action="append", help="only rows whose name contains this (may be repeated)")
    parser.add_argument("--page", help="write the tables there, too")
    parsed = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("network namespaces need root")
    if not SENDER.exists():
        sys.exit(f"{SENDER} is not there: build it (scripts/build), or name the build directory in PACELINE_BUILD")
    parsed.path = parsed.path or list(paths)
    return parsed


def wanted(parsed, row):
    return not parsed.row or any(part in row for part in parsed.row)
