# SPDX-License-Identifier: MIT
"""Campaigns: the shortened paper's through real Services, killed in the middle and resumed; hooks, trouble, full disks."""

import csv
import json
import os
import re
import pathlib
import shutil
import signal
import subprocess

import lab

EXAMPLES = lab.REPOSITORY / "examples"

LOOPBACK = """
receiver = "127.0.0.1:{port}"
[campaign]
{campaign}
[axes]
size = {sizes}
[hooks]
{hooks}
[[flow]]
rate = 500
duration = "{duration}"
"""


class CampaignTest(lab.E2eTest):
    def setUp(self):
        self.folder = self.scratch()
        self.runs = self.folder / "runs.ndjson"

    def campaign(self, port, *, campaign="", hooks="", sizes="[64, 512]", duration="100ms", name="campaign.toml"):
        path = self.folder / name
        path.write_text(LOOPBACK.format(port=port, campaign=campaign, hooks=hooks, sizes=sizes, duration=duration))
        return path

    def start_campaign(self, path, *options, **how):
        return self.start(lab.SENDER, "run", path, "--output", self.runs, *options, **how)

    def run_campaign(self, path, *options, code=lab.EXIT_COMPLETE, seconds=2 * lab.GRACE, **how):
        sender = self.start_campaign(path, *options, **how)
        self.assertEqual(sender.finish(seconds), code, sender.log())
        return sender

    def lines(self):
        return [json.loads(line) for line in self.runs.read_text().splitlines()]

    def assert_each_run_once(self, count):
        head, *runs = self.lines()
        self.assertEqual(head["type"], "campaign")
        complete = [(tuple(run["scenario"].values()), run["repetition"]) for run in runs if run["outcome"] == "complete"]
        self.assertEqual(len(complete), len(set(complete)), "no run is there twice")
        self.assertEqual(len(complete), count)


@lab.needs_namespaces
class Paper(CampaignTest):
    """examples/paper-short.toml as it is, but for the runs' length and number."""

    RUNS = 2 * 2 * 2 * 2 * 4

    def test_a_kill_a_resume_a_table_and_a_report(self):
        topology = self.make_topology()
        self.start_receiver()
        shutil.copy(EXAMPLES / "paper-short-services", self.folder)
        path = self.folder / "paper-short.toml"
        text = (EXAMPLES / "paper-short.toml").read_text()
        short = text.replace('duration = "1s"', 'duration = "200ms"').replace("repetitions = 5", "repetitions = 4")
        self.assertNotEqual(short, text)
        path.write_text(short)
        inside = {"where": "client", "env": os.environ | {"TOPOLOGY": topology.prefix}}

        killed = self.start_campaign(path, **inside)
        killed.wait_for(rf"^20/{self.RUNS}: ", seconds=2 * lab.GRACE)
        killed.stop(signal.SIGKILL)
        done = len(self.lines()) - 1
        self.assertGreaterEqual(done, 20, "what was measured is there")
        self.assertLess(done, self.RUNS)

        resumed = self.run_campaign(path, "--resume", seconds=4 * lab.GRACE, **inside)
        self.assertIn(f"{done} of them done before", resumed.stderr)
        self.assert_each_run_once(self.RUNS)
        self.assert_paths_are_what_they_are_called(topology)
        self.assert_table()
        self.assert_report()

    def assert_paths_are_what_they_are_called(self, topology):
        """The last scenario's data path is the map, and the chains are gone."""
        self.assertEqual(self.lines()[-1]["scenario"]["datapath"], "nftables")
        self.assertIn("tcp . 31049", topology.run("node", "nft", "list", "map", "ip", "services", "ports"))
        for run in self.lines()[1:]:
            (flow,) = run["run"]["flows"]
            self.assertTrue(flow["path"]["destination_translated"])
            family = run["scenario"]["family"]
            self.assertEqual(flow["path"]["dialled"], lab.endpoint(lab.NODE[family], 30899))

    def assert_table(self):
        table = self.start(lab.DECODER, "compare", self.runs, "--axis", "datapath", "--baseline", "iptables",
                           "--candidate", "nftables", "--by", "services,family", "--where", "measurement=throughput",
                           "--metric", "throughput", "--format", "csv")
        self.assertEqual(table.finish(), 0, table.log())
        rows = list(csv.DictReader(table.stdout.splitlines()))
        self.assertEqual({(row["services"], row["family"]) for row in rows},
                         {(services, family) for services in ("1", "50") for family in ("4", "6")})

    def assert_report(self):
        """The browser's part of it is e2e.report's."""
        page = self.folder / "report.html"
        report = self.start(lab.DECODER, "report", self.runs, "--axis", "datapath", "--baseline", "iptables",
                            "--candidate", "nftables", "--by", "family,services", "--where", "measurement=throughput",
                            "--output", page)
        self.assertEqual(report.finish(), 0, report.log())
        data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
        (metric,) = json.loads(data[1])["comparison"]["metrics"]
        self.assertEqual(metric["name"], "throughput")
        self.assertEqual(len(metric["cells"]), 4)
        for cell in metric["cells"]:
            self.assertGreater(cell["ratios"]["median"]["ratio"], 0)


class Trouble(CampaignTest):
    def test_hooks_have_the_axes_and_what_fails_is_recorded(self):
        receiver = self.start_loopback_receiver()
        path = self.campaign(receiver.port, campaign='repetitions = 2\norder = "sequential"', hooks="""
before_scenario = "echo begin $PACELINE_AXIS_SIZE >> log; test $PACELINE_AXIS_SIZE != 512 || { echo no room; exit 3; }"
after_run = ["sh", "-c", "echo $PACELINE_SCENARIO/$PACELINE_SCENARIOS $PACELINE_REPETITION $PACELINE_OUTCOME >> log"]
after_scenario = "echo end $PACELINE_AXIS_SIZE >> log"
""", sizes="[64, 512, 1000]")
        sender = self.run_campaign(path, code=lab.EXIT_PARTIAL)
        self.assertEqual((self.folder / "log").read_text().split("\n"), [
            "begin 64", "1/3 1 complete", "1/3 2 complete", "end 64", "begin 512", "end 512", "begin 512", "end 512",
            "begin 1000", "3/3 1 complete", "3/3 2 complete", "end 1000", ""])
        failed = [run for run in self.lines()[1:] if run["outcome"] == "failed"]
        self.assertEqual(len(failed), 2)
        for run in failed:
            self.assertRegex(run["reason"], r"before_scenario: .* ended with exit code 3: no room")
        self.assertIn("no room", sender.stderr)

        # What failed can be made again once its reason is gone; what is complete is not.
        path.write_text(path.read_text().replace("exit 3", "true"))
        self.run_campaign(path, "--resume", code=lab.EXIT_USAGE)
        path.write_text(path.read_text().replace("; true", "; exit 3"))
        self.run_campaign(path, "--resume", code=lab.EXIT_PARTIAL)
        self.assertEqual(len(self.lines()), 7, "given up stays given up")
        self.run_campaign(path, "--resume", "--retry-failed", code=lab.EXIT_PARTIAL)
        self.assertEqual([run["attempt"] for run in self.lines()[7:]], [2, 2])

    def test_a_hook_that_hangs_is_ended_with_its_children(self):
        receiver = self.start_loopback_receiver()
        path = self.campaign(receiver.port, sizes="[64]",
                             hooks='before_run = "sleep 1000 & echo $! > child; echo waiting; wait"\nlimit = "300ms"')
        self.run_campaign(path, code=lab.EXIT_SETUP)
        self.assertRegex(self.lines()[1]["reason"], "it took longer than 300 ms: waiting")
        child = int((self.folder / "child").read_text())
        stat = pathlib.Path(f"/proc/{child}/stat")
        self.assertTrue(not stat.exists() or stat.read_text().split()[2] == "Z", "its child is gone")

    def test_a_receiver_that_is_away_is_waited_for(self):
        gone = self.start_loopback_receiver()
        gone.stop()
        path = self.campaign(gone.port, campaign='retries = 100\nretry_pause = "100ms"', sizes="[64]")
        sender = self.start_campaign(path)
        sender.wait_for("again in 100 ms")
        self.start_receiver("--bind", "127.0.0.1", "--port", str(gone.port), "--data-port", "0", "--tc", "off")
        self.assertEqual(sender.finish(), 0, sender.log())
        runs = self.lines()[1:]
        self.assertEqual([run["outcome"] for run in runs], ["failed"] * (len(runs) - 1) + ["complete"])
        self.assertEqual([run["attempt"] for run in runs], list(range(1, len(runs) + 1)))

    def test_a_receiver_is_killed_under_a_run_and_comes_back(self):
        """What was under way is recorded as broken and made again; nothing that was measured is lost."""
        receiver = self.start_loopback_receiver()
        path = self.campaign(receiver.port, campaign='retries = 100\nretry_pause = "100ms"\nrepetitions = 4',
                             duration="500ms")
        sender = self.start_campaign(path)
        sender.wait_for(r"^3/8: ")
        receiver.stop(signal.SIGKILL)
        sender.wait_for("again in 100 ms")
        self.start_receiver("--bind", "127.0.0.1", "--port", str(receiver.port), "--data-port", "0", "--tc", "off")
        self.assertEqual(sender.finish(2 * lab.GRACE), 0, sender.log())
        self.assert_each_run_once(8)
        broken = [run for run in self.lines()[1:] if run["outcome"] != "complete"]
        self.assertGreater(len(broken), 0)
        for run in broken:
            self.assertRegex(run["reason"], "closed the connection|Connection re(fused|set)")

    def test_ctrl_c_keeps_the_run_under_way_and_resume_makes_it_again(self):
        receiver = self.start_loopback_receiver()
        path = self.campaign(receiver.port, sizes="[64]", duration="2s")
        sender = self.start_campaign(path)
        receiver.wait_for("flow .*start|started|session")
        self.assertIsNotNone(sender.wait_for("1 runs"))
        sender.send_signal(signal.SIGINT)
        self.assertEqual(sender.finish(), lab.EXIT_PARTIAL, sender.log())
        self.assertIn("--resume goes on", sender.stderr)
        for run in self.lines()[1:]:
            self.assertEqual((run["outcome"], run["reason"]), ("partial", "the campaign was stopped"))
        self.run_campaign(path, "--resume")
        self.assertEqual(self.lines()[-1]["outcome"], "complete")

    def test_a_torn_last_line_is_cut_off_and_told(self):
        receiver = self.start_loopback_receiver()
        path = self.campaign(receiver.port, campaign="repetitions = 2")
        self.run_campaign(path)
        whole = self.runs.read_bytes()
        self.runs.write_bytes(whole[:-100])
        sender = self.run_campaign(path, "--resume")
        self.assertRegex(sender.stderr, r"the last line is torn: \d+ bytes are cut off")
        self.assert_each_run_once(4)

    def test_a_file_is_not_written_over_and_not_shared(self):
        receiver = self.start_loopback_receiver()
        path = self.campaign(receiver.port, campaign="repetitions = 1", sizes="[64]", duration="5s")
        first = self.start_campaign(path)
        first.wait_for("1 runs")
        second = self.run_campaign(path, code=lab.EXIT_USAGE)
        self.assertIn("--resume goes on with it", second.stderr)
        third = self.run_campaign(path, "--resume", code=lab.EXIT_SETUP)
        self.assertIn("another campaign is writing to it", third.stderr)
        first.stop(signal.SIGINT)
        other = self.campaign(receiver.port, sizes="[65]")
        self.assertRegex(self.run_campaign(other, "--resume", code=lab.EXIT_USAGE).stderr, "its axes")

    @lab.needs_namespaces
    def test_a_full_disk_stops_it_and_resume_goes_on(self):
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        self.runs = disk / "runs.ndjson"
        receiver = self.start_loopback_receiver()
        path = self.campaign(receiver.port, campaign="repetitions = 100", sizes="[64]")
        full = self.run_campaign(path, code=lab.EXIT_PARTIAL)
        self.assertRegex(full.stderr, "No space left on device.*--resume goes on")
        measured = len(self.lines()) - 1
        self.assertGreater(measured, 0)
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        self.run_campaign(path, "--resume")
        self.assert_each_run_once(100)


class Refused(CampaignTest):
    def test_before_anything_runs_with_the_place(self):
        path = self.campaign(9)
        text = path.read_text()
        for change, told in ((("size =", "sise ="), r":6:1: the axis 'sise' changes nothing"),
                             (("[64, 512]", "[]"), r":6:1: the axis 'size' is empty"),
                             (("[64, 512]", "[64, 64]"), r":6:13: .* twice"),
                             (("rate = 500", 'rate = "{rat}"'), r":10:8: there is no axis 'rat'"),
                             (("[hooks]", "[hook]"), r":7:2: the key 'hook' .* did you mean 'hooks'"),
                             (("[64, 512]", "[64, 5]"), r"size is 5")):
            with self.subTest(change=change):
                changed = text.replace(*change)
                self.assertNotEqual(changed, text)
                path.write_text(changed)
                self.assertRegex(self.run_campaign(path, code=lab.EXIT_USAGE).stderr, told)
                self.assertFalse(self.runs.exists())

    def test_options_of_campaigns_are_for_campaigns(self):
        path = self.folder / "flows.toml"
        path.write_text("receiver = '127.0.0.1'\n[[flow]]\n")
        self.assertRegex(self.run_campaign(path, "--resume", code=lab.EXIT_USAGE).stderr, "are for campaigns")
        self.assertRegex(self.run_campaign(self.campaign(9), "--json", code=lab.EXIT_USAGE).stderr, "leave --json")

    def test_what_is_required_of_every_run(self):
        receiver = self.start_loopback_receiver()
        missed = self.run_campaign(self.campaign(receiver.port), "--require", "min < 1ns", code=4)
        self.assertIn("2 of the runs made now missed", missed.stderr)
        self.assert_each_run_once(2)

    def test_the_papers_campaign_makes_sense(self):
        done = self.start(lab.SENDER, "run", EXAMPLES / "paper.toml", "--dry-run")
        self.assertEqual(done.finish(), 0, done.log())
        self.assertEqual(len(done.stdout.splitlines()), 11 * 2 * 2 * 2 * 100 + 1)


if __name__ == "__main__":
    lab.main()
