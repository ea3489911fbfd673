// A comparison's page: the ratios over the last of the cells' axes, a line a figure, their intervals shaded.

const figures = ["min", "mean", "median", "max", "stddev"];
const numeric = text => text !== "" && Number.isFinite(Number(text));

// Cells that differ in the last axis of `by` alone make one chart.
function groupsOf(cells, by) {
  const last = by[by.length - 1], groups = new Map();
  for (const cell of cells) {
    const rest = by.slice(0, -1).map(name => `${name} ${cell.by[name]}`).join(", ");
    if (!groups.has(rest)) groups.set(rest, []);
    groups.get(rest).push(cell);
  }
  for (const group of groups.values())
    if (last && group.every(cell => numeric(cell.by[last]))) group.sort((a, b) => a.by[last] - b.by[last]);
  return groups;
}

// The axis below: numbers at their true places (logarithmic when they span decades), words at equal distances.
function placeOf(cells, name) {
  const values = cells.map(cell => name ? cell.by[name] : "all runs");
  if (values.length > 1 && values.every(numeric)) {
    const numbers = values.map(Number), least = Math.min(...numbers), most = Math.max(...numbers);
    const log = least > 0 && most / least > 20;
    return {xs: numbers, scale: () => valueAxis(name, plain, log, log ? {ticks: decades(plain)} : {})};
  }
  return {xs: values.map((_, i) => i), scale: () => axis(name || "", at => values[at] ?? "", {type: "linear", min: -0.5, max: values.length - 0.5, tickOptions: {stepSize: 1}})};
}

function ratioCard(metric, cells, rest) {
  const last = data.comparison.by[data.comparison.by.length - 1];
  const {xs, scale} = placeOf(cells, last);
  const pick = (figure, part) => cells.map((cell, i) => ({x: xs[i], y: cell.ratios?.[figure]?.[part] ?? null}));
  const shown = figures.filter(figure => pick(figure, "ratio").some(point => known(point.y)));
  const published = cells.some(cell => cell.published);
  const config = () => {
    const series = [], hiddenInLegend = [];
    for (const [i, figure] of figures.entries()) {
      if (!shown.includes(figure)) continue;
      series.push({label: figure, points: pick(figure, "ratio"), colour: i, width: 2, dots: 3});
      series.push({label: `${figure}, low`, points: pick(figure, "low"), colour: i, width: 0, hidden: true});
      series.push({label: `${figure}, high`, points: pick(figure, "high"), colour: i, width: 0, hidden: true, fill: "-1", shade: 0.13});
      if (published) series.push({label: `${figure}, published`, colour: i, width: 1.4, dash: [5, 4], dots: 2,
                                  points: cells.map((cell, at) => ({x: xs[at], y: cell.published?.[figure] ?? null}))});
    }
    series.push({label: "no difference", colour: 5, width: 1, dash: [2, 3], hidden: true,
                 points: [{x: Math.min(...xs), y: 1}, {x: Math.max(...xs), y: 1}]});
    return lines(series, {x: scale(), y: valueAxis(`${data.comparison.candidate} / ${data.comparison.baseline}`, plain),
      tip: {title: items => items.length ? `${last || ""} ${cells[items[0].dataIndex]?.by[last] ?? ""}` : "",
            label: item => series[item.datasetIndex].hidden ? null : `${item.dataset.label}: ${plain(item.parsed.y)}`}});
  };
  const ratio = (cell, figure) => {
    const one = cell.ratios?.[figure];
    return one && known(one.ratio) ? `${digits(one.ratio, 4)}${known(one.low) ? ` (${digits(one.low, 3)} to ${digits(one.high, 3)})` : ""}` : unknown;
  };
  return card({
    title: `${metric.name}${rest ? `: ${rest}` : ""}`, wide: cells.length > 6,
    note: `${data.comparison.candidate} by ${data.comparison.baseline}; above 1 the first is larger` +
          (data.comparison.resamples > 0 ? `; shaded: bootstrap intervals at ${digits(100 * data.comparison.confidence)} %` : "") +
          (published ? "; dashed: published" : "") + ".",
    empty: shown.length ? null : "No cell has both sides.", config,
    table: {head: [last || "cell", "runs", ...figures], rows: cells.map(cell => [cell.by[last] ?? "all runs",
      `${count(cell.candidate.runs)} and ${count(cell.baseline.runs)}`, ...figures.map(figure => ratio(cell, figure))])},
  });
}

// Without two sides: what the runs of each cell spread over.
function spreadCard(metric, cells, rest) {
  const last = data.comparison.by[data.comparison.by.length - 1], format = written(metric.unit);
  const {xs, scale} = placeOf(cells, last);
  const pick = figure => cells.map((cell, i) => ({x: xs[i], y: cell.candidate[figure]}));
  return card({
    title: `${metric.name}${rest ? `: ${rest}` : ""}`, wide: cells.length > 6, note: "Over the runs of each cell; shaded from the least to the greatest.",
    config: () => lines([{label: "least", points: pick("min"), colour: 0, width: 1, dots: 2}, {label: "greatest", points: pick("max"), colour: 1, width: 1, dots: 2, fill: "-1", shade: 0.12},
                         {label: "median", points: pick("median"), colour: 2, width: 2, dots: 3}, {label: "mean", points: pick("mean"), colour: 3, dots: 2}],
                        {x: scale(), y: valueAxis("", format),
                         tip: {title: items => items.length ? `${last || ""} ${cells[items[0].dataIndex]?.by[last] ?? ""}` : "", label: item => `${item.dataset.label}: ${format(item.parsed.y)}`}}),
    table: {head: [last || "cell", "runs", ...figures], rows: cells.map(cell => [cell.by[last] ?? "all runs", count(cell.candidate.runs), ...figures.map(figure => format(cell.candidate[figure]))])},
  });
}

function cellTable(metric, by) {
  const {axis: sides, candidate, baseline} = data.comparison, format = written(metric.unit);
  const p = test => !test ? {text: "too few", class: "warn"} : {text: `${digits(test.p_adjusted, 3)}`, class: test.p_adjusted < 1 - data.comparison.confidence ? "good" : ""};
  const head = [...by, ...(sides ? [`${candidate}: runs`, "median", "stddev", `${baseline}: runs`, "median", "stddev", "location, p", "spread, p"] : ["runs", ...figures])];
  const side = one => one ? [count(one.runs), format(one.median), format(one.stddev)] : ["0", unknown, unknown];
  const rows = metric.cells.map(cell => [...by.map(name => cell.by[name]),
    ...(sides ? [...side(cell.candidate), ...side(cell.baseline), p(cell.location), p(cell.spread)] : [count(cell.candidate.runs), ...figures.map(figure => format(cell.candidate[figure]))])]);
  return make("section", {class: "card wide"}, make("h3", {}, `${metric.name}: the cells`),
    sides ? make("p", {class: "note"}, "p of Mann-Whitney's test (location) and Brown-Forsythe's (spread), both adjusted by Holm's method over the cells.") : null,
    tableOf({head, rows, tall: rows.length > 12, label: `${metric.name}: the cells`}));
}

function comparisonPage() {
  const {comparison} = data, {by} = comparison;
  document.getElementById("title").textContent = comparison.campaign || "Campaign";
  document.getElementById("subtitle").textContent = [comparison.axis ? `${comparison.candidate} against ${comparison.baseline} (${comparison.axis})` : "each cell's runs",
    `${count(comparison.used)} of ${count(comparison.runs)} runs`].join(" · ");
  const main = document.getElementById("main");
  main.replaceChildren();
  const cells = new Map();  // by what is said of them
  for (const metric of comparison.metrics)
    for (const cell of metric.cells)
      for (const text of cell.warnings || []) {
        if (!cells.has(text)) cells.set(text, []);
        cells.get(text).push([metric.name, ...by.map(name => `${name} ${cell.by[name]}`)].join(", "));
      }
  const named = names => names.length > 3 ? `${names.slice(0, 3).join("; ")}; and ${count(names.length - 3)} more cells` : names.join("; ");
  const warnings = [...comparison.warnings, ...[...cells].map(([text, names]) => `${text} (${named(names)})`)];
  if (warnings.length) main.append(make("div", {class: "verdict bad", role: "status"}, make("strong", {}, "What to be careful with"),
    make("ul", {}, warnings.slice(0, 20).map(text => make("li", {}, text))), warnings.length > 20 ? `and ${count(warnings.length - 20)} more` : null));
  for (const metric of comparison.metrics) {
    const cards = [...groupsOf(metric.cells, by)].map(([rest, cells]) => comparison.axis ? ratioCard(metric, cells, rest) : spreadCard(metric, cells, rest));
    main.append(make("h2", {}, `${metric.name}${metric.unit ? `, ${metric.unit}` : ""}`), make("div", {class: "cards"}, cards, cellTable(metric, by)));
  }
}
