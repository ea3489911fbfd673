# SPDX-License-Identifier: MIT
"""UDP runs of Paceline and of its peers, as loss_free.search() wants them: rate in, loss_free.Run out."""

import json
import os
import re
import tempfile

import lab
from loss_free import Run


def ours(path, size, seconds, batching):
    def measure(rate):
        bitrate = [] if rate is None else ["--bitrate", f"{rate * size * 8:.0f}"]
        document = lab.Ours(path).measure("throughput", "--udp", "--size", size, "--batching", batching, *bitrate,
                                          "--duration", f"{seconds}s")
        flow = document["flows"][0]
        sent, received = flow["sent"], flow["received"]
        return Run(sent["rate_pps"], received["rate_pps"], received["lost"] / max(sent["packets"], 1))
    return measure


def iperf3(path, size, seconds, *options):
    def measure(rate):
        bitrate = "0" if rate is None else f"{rate * size * 8:.0f}"
        with lab.serving(path.at_receiver(lab.IPERF3, "-s", "-1")):
            client = lab.run(path.at_sender(lab.IPERF3, "-c", path.host, "-u", "-l", size, "-b", bitrate, "-t", seconds,
                                            "-J", *options), seconds + 20)
        end = json.loads(client.text())["end"]["sum"]
        received = end["packets"] - end["lost_packets"]
        return Run(end["packets"] / end["seconds"], received / end["seconds"],
                   end["lost_packets"] / max(end["packets"], 1))
    return measure


def decoded(log):
    """ITGDec's total packets and time of one log."""
    text = lab.run([lab.ITGDEC, log], 60).text()
    total = text[text.rindex("TOTAL RESULTS"):]
    packets = int(re.search(r"Total packets\s*=\s*(\d+)", total)[1])
    seconds = float(re.search(r"Total time\s*=\s*([\d.]+)", total)[1])
    return packets, seconds


def ditg(path, size, seconds):
    def measure(rate):
        # Asked for a rate it sends far less than that unless it polls.
        asked = ["-C", 10_000_000] if rate is None else ["-C", round(rate), "-poll"]
        with tempfile.TemporaryDirectory() as scratch:
            sent_log, received_log = os.path.join(scratch, "sent"), os.path.join(scratch, "received")
            with lab.serving(path.at_receiver(lab.ITGRECV, "-a", path.own_address, "-l", received_log)):
                lab.run(path.at_sender(lab.ITGSEND, "-a", path.host, "-rp", 8999, "-T", "UDP", "-c", size, *asked, "-t",
                                       round(seconds * 1000), "-l", sent_log), seconds + 30)
            sent, sent_seconds = decoded(sent_log)
            received, received_seconds = decoded(received_log)
        return Run(sent / sent_seconds, received / received_seconds, 1 - received / sent)
    return measure


def udp_drops(path):
    """Datagrams that the receiving namespace dropped at its sockets, and the machine before them."""
    snmp = lab.run(path.at_receiver("cat", "/proc/net/snmp"), 5).text()
    names, values = [line.split()[1:] for line in snmp.splitlines() if line.startswith("Udp:")]
    udp = dict(zip(names, map(int, values)))
    with open("/proc/net/softnet_stat") as stat:
        backlog = sum(int(line.split()[1], 16) for line in stat)
    return udp["RcvbufErrors"] + udp["InErrors"] + backlog


def sockperf(path, size, seconds):
    # Its throughput mode does not tell what was lost: the kernel's counters do.
    def measure(rate):
        with lab.serving(path.at_receiver(lab.SOCKPERF, "sr", "-i", "0.0.0.0", "-p", 11111)):
            before = udp_drops(path)
            client = lab.run(path.at_sender(lab.SOCKPERF, "tp", "-i", path.host, "-p", 11111, "-m", size, "-t",
                                            round(seconds), "--mps", "max" if rate is None else round(rate)),
                             seconds + 20)
            dropped = udp_drops(path) - before
        sent, elapsed = re.search(r"Total of (\d+) messages sent in ([\d.]+) sec", client.text()).groups()
        sent, elapsed = int(sent), float(elapsed)
        return Run(sent / elapsed, (sent - dropped) / elapsed, dropped / sent)
    return measure
