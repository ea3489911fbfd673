# SPDX-License-Identifier: MIT
"""The path breaks under a running flow: an interface down, a NodePort's rule gone, connection tracking flushed, the
pod's address gone. What was measured until then is kept, what happened is said, and the next run works or says why."""

import re
import shutil
import time
import unittest

import lab
from lab import NODE, POD, endpoint

TARGET = endpoint(NODE[4], 30900)
DATA = ("--data-port", "30899")
FLOW = ("--rate", "500", "--interval", "200ms", "--ndjson", *DATA)


@lab.needs_namespaces
class Path(lab.E2eTest):
    def setUp(self):
        self.make_topology()
        self.receiver = self.start_receiver()

    def start_flow(self, *options):
        sender = self.start_sender(TARGET, *FLOW, *options)
        sender.wait_for('"interval"', "stdout")
        return sender

    def last_flow(self, sender):
        (flow,) = sender.ndjson()[-1]["flows"]
        return flow

    def on_node(self, *argv):
        return self.topology.run("node", *argv)

    def node_port_rule(self, protocol, port):
        """A NodePort's rule for IPv4, as arguments to iptables. One at least must stay: with the last one gone the
        kernel may end translation altogether."""
        (rule,) = [line.split()[1:] for line in self.on_node("iptables", "-t", "nat", "-S", "PREROUTING").splitlines()
                   if f"-p {protocol} " in line and f"--dport {port} " in line]
        return rule

    def test_the_interface_goes_down_and_up(self):
        """What was sent meanwhile is lost and counted; the flow itself goes on to its end."""
        sender = self.start_flow("--duration", "5s")
        self.on_node("ip", "link", "set", "pod", "down")
        time.sleep(1)  # how long it is down
        self.on_node("ip", "link", "set", "pod", "up")
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        flow = self.last_flow(sender)
        self.assertTrue(flow["complete"])
        self.assertGreater(flow["received"]["lost"], 100)
        self.assertEqual(flow["sent"]["packets"], 2500)
        self.assertEqual(flow["received"]["packets"] + flow["received"]["lost"], 2500)
        self.assert_serves(TARGET, *DATA)

    def test_the_node_ports_rule_is_removed(self):
        """Who is tracked goes on, whole; who comes now is told what was tried and what to check."""
        signalling, data = self.node_port_rule("tcp", 30900), self.node_port_rule("udp", 30899)
        sender = self.start_flow("--duration", "3s")
        self.on_node("iptables", "-t", "nat", "-D", *data)
        no_data = self.measure(TARGET, "--duration", "1s", *DATA, code=lab.EXIT_SETUP)
        self.on_node("iptables", "-t", "nat", "-D", *signalling)
        no_signalling = self.measure(TARGET, "--duration", "1s", *DATA, code=lab.EXIT_SETUP)
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        self.assert_unharmed(self.last_flow(sender), 1500)
        self.assertRegex(no_data.stderr, rf"(?s){re.escape(endpoint(NODE[4], 30899))} \(user\).*(unreachable|refused)"
                                         r".*Behind a NodePort, tell the number that maps to the data port")
        self.assertRegex(no_signalling.stderr,
                         rf"no signalling connection to {TARGET}:\n  {TARGET}: Connection refused\n"
                         r"Is the receiver running, and is this the port of its signalling channel")

    @unittest.skipUnless(shutil.which("conntrack"), "conntrack (Debian: conntrack) is not installed")
    def test_connection_tracking_is_flushed(self):
        """Data find their way again by themselves; the signalling connection does not survive it when the pod speaks
        first. What was measured until then comes with the reason, and the next run finds all as before."""
        sender = self.start_flow("--duration", "20s")
        deadline = lab.Deadline()
        while sender.code is None and deadline.goes_on():
            self.on_node("conntrack", "-F")
        self.assertEqual(sender.finish(), lab.EXIT_PARTIAL, sender.log())
        flow = self.last_flow(sender)
        self.assertRegex(flow["incomplete_reason"], "the signalling connection ended: the peer closed the connection")
        self.assertGreater(flow["received"]["packets"], 0)
        self.receiver.wait_for("partial: the sender is gone: the peer closed the connection")
        self.assert_serves(TARGET, *DATA)

    def test_the_pods_address_is_gone(self):
        """Nothing answers any more: what was measured comes with the reason, in bounded time."""
        sender = self.start_flow("--duration", "2s")
        self.topology.run("pod", "ip", "address", "del", f"{POD[4]}/24", "dev", "eth0")
        self.assertEqual(sender.finish(60), lab.EXIT_PARTIAL, sender.log())
        flow = self.last_flow(sender)
        self.assertRegex(flow["incomplete_reason"], r"the receiver sent no summary in \d+ s")
        self.assertGreater(flow["received"]["packets"], 0)
        self.topology.run("pod", "ip", "address", "add", f"{POD[4]}/24", "dev", "eth0")
        self.topology.run("pod", "ip", "route", "replace", "default", "via", "10.244.1.1")
        self.assert_serves(TARGET, *DATA)


if __name__ == "__main__":
    lab.main()
