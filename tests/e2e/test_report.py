# SPDX-License-Identifier: MIT
"""HTML reports in a real browser: they draw, complain of nothing, load nothing, and say what the JSON says."""

import json
import pathlib
import shutil
import unittest

import lab

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ImportError:
    webdriver = None

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
HOSTILE = "</script><img src=x onerror=document.title='owned'><!-- \u2028 \""
FLOWS = """
[defaults]
duration = "1s"
interval = "100ms"

[[flow]]
name = {name}
rate = "2k"

[[flow]]
kind = "throughput"
name = "bulk"
streams = 2
bitrate = "100M"

[[flow]]
kind = "connections"
name = "load"
rate = "100"
"""
CAMPAIGN = """
receiver = "127.0.0.1:{port}"

[campaign]
repetitions = 4

[axes]
size = [64, 256, 1024]
side = ["a", "b"]

[hooks]
before_scenario = ["true"]

[defaults]
duration = "100ms"

[[flow]]
rate = "1k"
"""

# Each quantile that the results give, taken from the distribution that the page draws.
QUANTILES = """
const wrong = [];
let seen = 0;
const walk = (json, place) => {
  if (json === null || typeof json !== "object") return;
  const values = distribution(json);
  if (values) {
    for (const [name, q] of [["p50", 0.5], ["p90", 0.9], ["p99", 0.99], ["p999", 0.999]]) {
      const rank = Math.max(1, Math.ceil(q * values.count));
      let below = 0;
      const bucket = values.buckets.find(one => (below += one.count) >= rank);
      const far = bucket.far;
      if (far !== json[name]) wrong.push(`${place} ${name}: ${far}, not ${json[name]}`);
      ++seen;
    }
  }
  for (const [name, part] of Object.entries(json)) walk(part, `${place}/${name}`);
};
walk(data.run, "");
return {wrong, seen};
"""

# How many colours each chart's pixels have.
COLOURS = """
return [...document.querySelectorAll("canvas")].map(canvas => {
  const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return [canvas.getAttribute("aria-label"), new Set(pixels).size];
});
"""


def without_histograms(json_value):
    if isinstance(json_value, dict):
        return {name: without_histograms(part) for name, part in json_value.items() if name != "histogram"}
    if isinstance(json_value, list):
        return [without_histograms(part) for part in json_value]
    return json_value


@unittest.skipUnless(webdriver and BROWSER and DRIVER, "needs chromium, chromium-driver and python3-selenium")
class Report(lab.E2eTest):
    def setUp(self):
        self.folder = self.scratch()
        self.page = self.folder / "report.html"
        options = webdriver.ChromeOptions()
        options.binary_location = BROWSER
        for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.browser = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.addCleanup(self.browser.quit)
        self.browser.set_page_load_timeout(lab.GRACE)

    def script(self, text, *arguments):
        return self.browser.execute_script(text, *arguments)

    def open(self, *, theme="light", width=1400):
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                     {"features": [{"name": "prefers-color-scheme", "value": theme}]})
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                     {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500})
        self.browser.get(self.page.as_uri())
        self.assertEqual(self.script("return document.documentElement.dataset.drawn"), "yes")
        self.assert_sound()

    def assert_sound(self):
        self.assertEqual(self.browser.get_log("browser"), [], "the browser complains")
        self.assertEqual(self.script("return performance.getEntriesByType('resource').map(one => one.name)"), [],
                         "something was loaded")
        charts = self.script(COLOURS)
        self.assertGreater(len(charts), 0)
        for name, colours in charts:
            self.assertGreater(colours, 3, f"nothing is drawn: {name}")


    def background(self):
        text = self.script("return getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in text[4:-1].split(","))

    def text(self):
        return self.script("return document.body.innerText")

    def test_a_run(self):
        receiver = self.start_loopback_receiver()
        flows, result = self.folder / "flows.toml", self.folder / "run.json"
        flows.write_text(FLOWS.format(name=json.dumps(HOSTILE)))
        sender = self.start(lab.SENDER, "run", flows, f"127.0.0.1:{receiver.port}", "--json", "--output", result,
                            "--report", self.page, "--require", "p50 < 10s")
        self.assertEqual(sender.finish(), lab.EXIT_COMPLETE, sender.log())
        run = json.loads(result.read_text())

        self.open()
        self.assertNotIn("owned", self.browser.title)
        self.assertEqual(self.script("return document.querySelectorAll('img').length"), 0)
        self.assertIn("</script><img src=x", self.text())
        self.assertEqual(without_histograms(self.script("return data.run")), run)
        quantiles = self.script(QUANTILES)
        self.assertEqual(quantiles["wrong"], [])
        self.assertGreater(quantiles["seen"], 40)
        voice = run["flows"][0]
        self.assertEqual(self.script("return data.rows[0].rows.reduce((sum, row) => sum + "
                                     "row[data.rows[0].columns.indexOf('/received/packets')], 0)"),
                         voice["received"]["packets"])
        self.assertIn(self.script("return time(arguments[0])", voice["segments"][0]["delay_ns"]["p99"]), self.text())
        for flow in (1, 2):
            self.script("const choice = document.getElementById('choice'); choice.value = arguments[0];"
                        "choice.dispatchEvent(new Event('change'))", str(flow))
            self.assert_sound()
        self.assertIn(self.script("return time(arguments[0])", run["flows"][2]["connect_ns"]["p99"]), self.text())

        light = self.background()
        for theme, width in (("dark", 1400), ("dark", 390), ("light", 390)):
            self.open(theme=theme, width=width)
            self.assertLessEqual(self.script("return document.documentElement.scrollWidth"), width)
            if theme == "dark":
                self.assertLess(self.background(), light / 3)
        self.script("const choice = document.getElementById('theme'); choice.value = 'dark';"
                    "choice.dispatchEvent(new Event('change'))")
        self.assertLess(self.background(), light / 3)

    def test_a_record_file(self):
        receiver = self.start_loopback_receiver()
        record = self.folder / "flow.paceline"
        self.measure(f"127.0.0.1:{receiver.port}", "--rate", "1k", "--duration", "1s", "--record", record)
        for command in (["report", record, "--output", self.page],
                        ["replay", record, "--json", "--output", self.folder / "run.json"]):
            decoder = self.start(lab.DECODER, *command)
            self.assertEqual(decoder.finish(), 0, decoder.log())
        self.open()
        self.assertEqual(without_histograms(self.script("return data.run.flows")),
                         json.loads((self.folder / "run.json").read_text())["flows"])
        self.assertIn("flow.paceline", self.text())

    def test_a_comparison(self):
        receiver = self.start_loopback_receiver()
        campaign, runs = self.folder / "campaign.toml", self.folder / "runs.ndjson"
        campaign.write_text(CAMPAIGN.format(port=receiver.port))
        sender = self.start(lab.SENDER, "run", campaign, "--output", runs, "--quiet")
        self.assertEqual(sender.finish(2 * lab.GRACE), lab.EXIT_COMPLETE, sender.log())
        sides = ["--axis", "side", "--baseline", "a", "--candidate", "b", "--metric", "p50"]
        compared = self.start(lab.DECODER, "compare", runs, *sides, "--format", "json")
        self.assertEqual(compared.finish(), 0, compared.log())
        for options, heading in ((sides, "b against a"), (["--metric", "p50"], "each cell's runs")):
            decoder = self.start(lab.DECODER, "report", runs, *options, "--output", self.page)
            self.assertEqual(decoder.finish(), 0, decoder.log())
            self.open()
            self.assertIn(heading, self.text())
            if options is sides:
                self.assertEqual(self.script("return data.comparison"), json.loads(compared.stdout))
        mixed = self.start(lab.DECODER, "report", runs, pathlib.Path(__file__), "--output", self.page)
        self.assertEqual(mixed.finish(), 1)
        self.assertIn("this is no runs file", mixed.stderr)


if __name__ == "__main__":
    lab.main()
