// What every page needs: elements, units, charts in the page's colours, tables.

const data = JSON.parse(document.getElementById("data").textContent);

// make("p", {class: "note"}, "text", child): text never becomes markup.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
  return element;
}

// ---- numbers as people write them

const known = value => typeof value === "number" && Number.isFinite(value);

function digits(value, most = 4) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(most)));
}

function scaled(value, steps) {
  const step = steps.find(([factor]) => Math.abs(value) >= factor) || steps[steps.length - 1];
  return `${digits(value / step[0])} ${step[1]}`.trimEnd();
}

const unknown = "not known";
const time = ns => known(ns) ? scaled(ns, [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]]) : unknown;
const bitrate = bps => known(bps) ? scaled(bps, [[1e9, "Gbit/s"], [1e6, "Mbit/s"], [1e3, "kbit/s"], [1, "bit/s"]]) : unknown;
const rate = (value, what) => known(value) ? scaled(value, [[1e6, `M${what}/s`], [1e3, `k${what}/s`], [1, `${what}/s`]]) : unknown;
const size = bytes => known(bytes) ? scaled(bytes, [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]]) : unknown;
const count = value => known(value) ? value.toLocaleString("en") : unknown;
const share = (part, whole) => whole > 0 ? `${digits(100 * part / whole, 3)} %` : unknown;
const plain = value => known(value) ? digits(value) : unknown;
const written = unit => ({"ns": time, "bit/s": bitrate}[unit] || (value => known(value) ? `${digits(value)} ${unit}`.trimEnd() : unknown));

// ---- colours

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const themeChoice = document.getElementById("theme");
function applyTheme() {
  const theme = themeChoice.value === "auto" ? (dark.matches ? "dark" : "light") : themeChoice.value;
  document.documentElement.dataset.theme = theme;
}
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const seriesColour = i => colour(`c${i % 6 + 1}`);
const seeThrough = (hex, share) => hex + Math.round(share * 255).toString(16).padStart(2, "0");

// ---- charts

const kMostPoints = 1200;  // drawn of a line; tables and data have all

// The least and the greatest of each stretch of points, so that no peak disappears.
function thin(points) {
  if (points.length <= kMostPoints) return points;
  const stretch = Math.ceil(points.length / (kMostPoints / 2));
  const kept = [];
  for (let from = 0; from < points.length; from += stretch) {
    let low = null, high = null;
    for (const point of points.slice(from, from + stretch)) {
      if (!known(point.y)) continue;
      if (low === null || point.y < low.y) low = point;
      if (high === null || point.y > high.y) high = point;
    }
    if (low === null) kept.push(points[from]);
    else if (low === high) kept.push(low);
    else kept.push(...(low.x < high.x ? [low, high] : [high, low]));
  }
  return kept;
}

const live = [];  // charts, and how to make them anew in other colours
let chartNumber = 0;

function axis(title, format, options = {}) {
  return {
    ...options,
    title: {display: true, text: title, color: colour("faint")},
    grid: {color: colour("grid"), borderColor: colour("line"), drawOnChartArea: options.drawGrid !== false},
    ticks: {color: colour("faint"), callback: options.ticks || format, maxRotation: 0, autoSkipPadding: 14, ...options.tickOptions},
  };
}

// Powers of ten alone, so that labels do not collide.
const decades = format => value => {
  const power = Math.log10(value);
  return Math.abs(power - Math.round(power)) < 1e-9 ? format(value) : "";
};

function valueAxis(title, format, log = false, options = {}) {
  return log ? axis(title, format, {type: "logarithmic", ticks: decades(format), ...options})
             : axis(title, format, {type: "linear", ...options});
}

// A card: what a chart shows, the chart, and its numbers. `config()` gives Chart.js's configuration in the colours of
// the moment; `table` {head, rows}.
function card({title, note, config, table, wide = false, empty}) {
  const element = make("section", {class: wide ? "card wide" : "card"}, make("h3", {}, title));
  if (note) element.append(make("p", {class: "note"}, note));
  if (empty) {
    element.append(make("p", {class: "note"}, empty));
    return element;
  }
  if (config) {
    const canvas = make("canvas", {role: "img", "aria-label": `${title}. The numbers are in the table below it.`,
                                   id: `chart-${chartNumber++}`});
    element.append(make("div", {class: "chart"}, canvas));
    live.push({canvas, config, chart: null});
  }
  if (table) {
    const details = make("details", {}, make("summary", {}, "Numbers"));
    details.addEventListener("toggle", () => {
      if (details.childElementCount === 1) details.append(tableOf({...table, tall: true}));
    }, {once: true});
    element.append(details);
  }
  return element;
}

const kMostRows = 500;

function tableOf({head, rows, text = false, tall = false, label}) {
  const body = make("tbody");
  for (const row of rows.slice(0, kMostRows)) {
    body.append(make("tr", {}, row.map(cell =>
      cell !== null && typeof cell === "object" && !(cell instanceof Node)
        ? make("td", {class: cell.class}, cell.text) : make("td", {}, cell))));
  }
  const table = make("table", {class: text ? "text" : null, "aria-label": label},
                     head ? make("thead", {}, make("tr", {}, head.map(name => make("th", {scope: "col"}, name)))) : null, body);
  const scroll = make("div", {class: tall ? "scroll tall" : "scroll", tabindex: "0"}, table);
  if (rows.length <= kMostRows) return scroll;
  return make("div", {}, make("p", {class: "note"},
    `The first ${count(kMostRows)} of ${count(rows.length)} rows; all are in this file's data block.`), scroll);
}

// series: {label, points: [{x, y}], colour: number, fill, dash, axis, width, marks}
function lines(series, {x, y, y2, stacked = false, bars = false, tip}) {
  const datasets = series.map((one, i) => {
    const tone = seriesColour(one.colour ?? i);
    return {
      type: one.bars ? "bar" : "line",
      label: one.label,
      data: thin(one.points),
      borderColor: tone,
      backgroundColor: one.bars ? tone : seeThrough(tone, one.shade ?? 0.25),
      borderDash: one.dash,
      borderWidth: one.marks ? 0 : one.width ?? 1.6,
      showLine: !one.marks,
      pointRadius: one.marks ? 5 : one.points.length === 1 ? 3 : one.dots ?? 0,
      pointStyle: one.marks ? "triangle" : "circle",
      pointBackgroundColor: tone,
      pointHitRadius: 6,
      fill: one.fill ?? false,
      stack: stacked ? one.stack ?? "one" : undefined,
      stepped: one.stepped ?? false,
      yAxisID: one.axis ?? "y",
      parsing: false,
      spanGaps: false,
      barPercentage: 1,
      categoryPercentage: 1,
      maxBarThickness: 14,
      minBarLength: one.bars ? 2 : undefined,
      order: one.marks ? -1 : i,
    };
  });
  const scales = {x, y: {...y, stacked}};
  if (y2) scales.y2 = {...y2, position: "right"};
  return {
    type: bars ? "bar" : "line",
    data: {datasets},
    options: {
      animation: false, normalized: true, maintainAspectRatio: false, responsive: true,
      interaction: {mode: "nearest", axis: "x", intersect: false},
      scales,
      plugins: {
        legend: {display: series.length > 1, labels: {color: colour("text"), boxWidth: 14, boxHeight: 2, filter: item => !series[item.datasetIndex]?.hidden}},
        tooltip: {callbacks: tip},
      },
    },
  };
}

function drawAll() {
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  for (const one of live) {
    if (one.chart) one.chart.destroy();
    one.chart = new Chart(one.canvas, one.config());
  }
}

function forget(element) {
  for (let i = live.length - 1; i >= 0; --i) {
    if (!element.contains(live[i].canvas)) continue;
    if (live[i].chart) live[i].chart.destroy();
    live.splice(i, 1);
  }
}

// Another flow was chosen: the new charts alone.
function drawNew() {
  for (const one of live) if (!one.chart) one.chart = new Chart(one.canvas, one.config());
}
