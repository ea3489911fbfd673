// A run's page.

const kinds = {udp: "packets", tcp: "TCP", connections: "connections", icmp: "packets"};

function flowName(i) {
  const {name, kind} = data.run.flows[i].flow;
  return name ? `${i + 1}. ${name}` : `${i + 1}. ${kind}`;
}

// A flow's rows over time: of(name) is a column, points(name) what a line needs.
function rowsOf(i) {
  const {columns = [], rows = []} = data.rows[i] || {};
  const delay = data.run.flows[i].flow.delay_ns || 0;
  const place = Object.fromEntries(columns.map((name, at) => [name, at]));
  const {duration_ns = Infinity, omit_ns = 0} = data.run.flows[i].flow;
  const at = (row, name) => (row[place[name]] + delay) / 1e9;
  const middle = row => (row[place["/start_ns"]] + row[place["/end_ns"]]) / 2e9 + delay / 1e9;
  return {
    rows, columns,
    has: name => name in place && rows.some(row => known(row[place[name]])),
    value: (row, name) => row[place[name]],
    points: (name, by = 1) => rows.map(row => ({x: middle(row), y: known(row[place[name]]) ? row[place[name]] * by : null})),
    // Of rates: when the flow was over, only stragglers came.
    during: points => points.filter((_, at) => rows[at][place["/start_ns"]] < duration_ns + omit_ns),
    begin: rows.length ? at(rows[0], "/start_ns") : 0,
    end: rows.length ? Math.max(at(rows[rows.length - 1], "/end_ns"), middle(rows[rows.length - 1])) : 1,
    seconds: row => (row[place["/end_ns"]] - row[place["/start_ns"]]) / 1e9,
    middle,
  };
}

const seconds = rows => axis("time since the run began, s", value => digits(value),
                             {type: "linear", min: rows.begin, max: rows.end});
const atTime = format => ({
  title: items => items.length ? `${digits(items[0].parsed.x, 5)} s` : "",
  label: item => `${item.dataset.label}: ${format(item.parsed.y, item.dataset)}`,
});
const noRows = "The intervals of this flow are not in this report.";

function tableOfRows(rows, columns) {
  return {
    head: ["from", "to", ...columns.map(([label]) => label)],
    rows: rows.rows.map(row => [time(rows.value(row, "/start_ns")), time(rows.value(row, "/end_ns")),
                                ...columns.map(([, name, format]) => format(rows.value(row, name)))]),
  };
}

const segmentName = segment => `${segment.from} to ${segment.to}`;
const segmentMeaning = {
  "tx.user to rx.user": "delay: from the sender's program to the receiver's",
  "tx.due to rx.user": "delay from when the packet was due",
  "tx.user to rx.tc": "network: to the TC hook of the receiver",
  "rx.tc to rx.user": "receiver's host: from the TC hook to the program",
};

// Worth a logarithmic axis: nothing at or below 0, and orders of magnitude between.
function spansDecades(points) {
  const values = points.map(point => point.y).filter(known);
  if (!values.length) return false;
  const least = values.reduce((a, b) => Math.min(a, b)), most = values.reduce((a, b) => Math.max(a, b));
  return least > 0 && most / least > 50;
}

// ---- cards of a packet flow

function delayOverTime(flow, rows) {
  const name = n => `/segments/0/delay_ns/${n}`;
  const [p50, p99, max] = ["p50", "p99", "max"].map(n => rows.points(name(n)));
  const lossy = rows.rows.filter(row => rows.value(row, "/received/lost") > 0);
  const log = spansDecades([...p50, ...max]);
  const top = max.reduce((most, point) => known(point.y) ? Math.max(most, point.y) : most, 0) || 1;
  const marks = lossy.map(row => ({x: rows.middle(row), y: rows.value(row, name("max")) ?? top, lost: rows.value(row, "/received/lost")}));
  return card({
    title: "Delay over time", wide: true,
    note: `${segmentName(flow.segments[0])}; each interval's median, 99th percentile and maximum` +
          (marks.length ? `; a triangle marks an interval with lost packets (${count(marks.length)})` : "") +
          (p50.length > kMostPoints ? `; of ${count(p50.length)} intervals the least and greatest of each stretch are drawn` : "") + ".",
    empty: rows.has(name("p50")) ? null : noRows,
    config: () => lines([
      {label: "median", points: p50, colour: 0}, {label: "99th percentile", points: p99, colour: 3},
      {label: "maximum", points: max, colour: 1, width: 1},
      ...(marks.length ? [{label: "lost packets", points: marks, colour: 5, marks: true}] : []),
    ], {x: seconds(rows), y: valueAxis("delay", time, log), tip: {...atTime(time), label: item => item.raw.lost
        ? `${count(item.raw.lost)} lost` : `${item.dataset.label}: ${time(item.parsed.y)}`}}),
    table: tableOfRows(rows, [["packets", "/received/packets", count], ["lost", "/received/lost", count],
      ["min", name("min"), time], ["mean", name("mean"), time], ["p50", name("p50"), time],
      ["p99", name("p99"), time], ["max", name("max"), time], ["jitter (RFC 3550)", "/smoothed_jitter_ns", time]]),
  });
}

function curvesCard(title, note, named, {wide = false} = {}) {
  const drawn = named.map(([label, json, tone]) => ({label, tone, values: distribution(json)})).filter(one => one.values);
  const quantiles = [["p50", "p50"], ["p90", "p90"], ["p99", "p99"], ["p999", "p99.9"]];
  const points = drawn.map(one => percentileCurve(one.values));
  const log = spansDecades(points.flat());
  const nines = value => value <= 1 ? "0 %" : Math.abs(Math.log10(value) % 1) < 1e-9 ? `${digits(100 - 100 / value, 8)} %` : "";
  return card({
    title, note, wide, empty: drawn.length ? null : "Nothing was measured.",
    config: () => lines(drawn.map((one, i) => ({label: one.label, points: points[i], colour: one.tone, stepped: "after"})), {
      x: axis("percentile", nines, {type: "logarithmic", min: 1}), y: valueAxis("", time, log),
      tip: {title: items => items.length ? `${digits(100 * (items[0].raw.q ?? 0), 7)} % are at or below` : "",
            label: item => `${item.dataset.label}: ${time(item.parsed.y)}`},
    }),
    table: {head: ["", "values", "min", "mean", "stddev", ...quantiles.map(([, label]) => label), "max"],
            rows: drawn.map(({label, values}) => [label, count(values.count), time(values.min), time(values.mean), time(values.stddev),
                                                  ...quantiles.map(([key]) => time(values[key])), time(values.max)])},
  });
}

function histogramCard(title, note, json) {
  const values = distribution(json);
  if (!values) return null;
  const {log, bars: found} = bars(values);
  const points = found.filter(bar => bar.count).map(bar => ({x: log ? Math.sqrt(bar.low * bar.high) : (bar.low + bar.high) / 2, y: bar.count, bar}));
  const logCounts = Math.max(...points.map(point => point.y)) > 100;
  return card({
    title, note: note + (log ? " Bars are of equal width on the logarithmic axis." : ""),
    config: () => lines([{label: "packets", points, colour: 0, bars: true}], {
      bars: true, x: valueAxis("delay", time, log, log ? {} : {offset: true}),
      y: valueAxis("values", plain, logCounts, logCounts ? {min: 0.5} : {min: 0}),
      tip: {title: items => items.length ? `${time(items[0].raw.bar.low)} to ${time(items[0].raw.bar.high)}` : "",
            label: item => `${count(item.parsed.y)} values`},
    }),
    table: {head: ["from", "to", "values"], rows: found.filter(bar => bar.count).map(bar => [time(bar.low), time(bar.high), count(bar.count)])},
  });
}

function segmentsOverTime(flow, rows) {
  const shown = [2, 3].filter(i => flow.segments[i] && rows.has(`/segments/${i}/delay_ns/mean`));
  if (!shown.length) {
    const why = Object.values(flow.stamping || {}).map(stamp => stamp.reason).filter(Boolean).join("; ");
    return card({title: "Where the delay is spent",
                 empty: `No stamps of a TC hook, so the network and the receiver's host cannot be told apart${why ? `: ${why}` : ""}.`});
  }
  return card({
    title: "Where the delay is spent",
    note: "Means of the intervals, on top of each other: " + shown.map(i => segmentMeaning[segmentName(flow.segments[i])] || segmentName(flow.segments[i])).join("; ") + ".",
    config: () => lines(shown.map((i, at) => ({label: segmentName(flow.segments[i]), points: rows.points(`/segments/${i}/delay_ns/mean`),
                                               colour: i === 2 ? 0 : 1, fill: at === 0 ? "origin" : "-1", shade: 0.5})),
                        {x: seconds(rows), y: valueAxis("mean delay", time), stacked: true, tip: atTime(time)}),
    table: tableOfRows(rows, shown.flatMap(i => ["mean", "p50", "p99"].map(n => [`${segmentName(flow.segments[i])}, ${n}`, `/segments/${i}/delay_ns/${n}`, time]))),
  });
}

function rateOverTime(flow, rows) {
  const asked = flow.sent.asked_bps;
  const points = rows.during(rows.points("/received/rate_bps"));
  return card({
    title: "Throughput over time", empty: points.length ? null : noRows,
    note: `Payload received${known(asked) ? `; dashed: what was asked, ${bitrate(asked)}` : ""}.`,
    config: () => lines([{label: "received", points, colour: 2, fill: "origin"},
                         ...(known(asked) && points.length ? [{label: "asked", colour: 1, dash: [6, 4],
                            points: [{x: points[0].x, y: asked}, {x: points[points.length - 1].x, y: asked}]}] : [])],
                        {x: seconds(rows), y: valueAxis("", bitrate, false, {beginAtZero: true}), tip: atTime(bitrate)}),
    table: tableOfRows(rows, [["packets", "/received/packets", count], ["rate", "/received/rate_pps", value => rate(value, "packets")],
                              ["bitrate", "/received/rate_bps", bitrate]]),
  });
}

function lossOverTime(rows) {
  const shown = [["lost", "/received/lost", 1], ["reordered", "/received/reordered", 4], ["duplicated", "/received/duplicated", 0],
                 ["without a TC stamp", "/received/missed", 3]].filter(([, name]) => rows.rows.some(row => rows.value(row, name)));
  if (!shown.length) return card({title: "Loss", empty: rows.rows.length ? "No packet was lost, reordered, or duplicated." : noRows});
  return card({
    title: "Loss, reordering, copies", note: "Packets an interval. Late packets correct the loss of the interval that had missed them.",
    config: () => lines(shown.map(([label, name, tone]) => ({label, points: rows.points(name), colour: tone, bars: true})),
                        {bars: true, x: seconds(rows), y: valueAxis("packets", plain, false, {beginAtZero: true}), tip: atTime(count)}),
    table: tableOfRows(rows, shown.map(([label, name]) => [label, name, count])),
  });
}

function packetCards(flow, rows) {
  const tones = [5, 3, 0, 1];
  return [
    delayOverTime(flow, rows),
    curvesCard("Delay by percentile", "How much of the packets was at or below a delay; each gridline is one nine more.",
               flow.segments.map((segment, i) => [segmentName(segment), segment.delay_ns, tones[i]])),
    histogramCard("Delay histogram", `${segmentName(flow.segments[0])}.`, flow.segments[0].delay_ns),
    segmentsOverTime(flow, rows),
    rateOverTime(flow, rows),
    lossOverTime(rows),
    curvesCard("Variation", "IPDV is the change of delay from a packet to the next (RFC 5481), jitter its size.",
               [["IPDV", flow.ipdv_ns, 0], ["jitter", flow.jitter_ns, 1]]),
    curvesCard("Pacing: how late packets were sent", "From when a packet was due to when the sender's program sent it.",
               [["lateness", flow.sent.lateness_ns, 3]]),
  ];
}

// ---- of a TCP flow

const kStreams = 8;

function tcpCards(flow, rows) {
  const streams = [...Array(Math.min(flow.streams.length, kStreams)).keys()];
  const of = (i, name) => `/streams/${i}/${name}`;
  const label = i => streams.length > 1 ? `stream ${i + 1}` : "";
  const more = flow.streams.length > kStreams ? ` The first ${kStreams} of ${count(flow.streams.length)} streams are drawn.` : "";
  const asked = flow.sent.asked_bps, goodput = rows.during(rows.points("/received/goodput_bps"));
  const rtt = of => streams.some(i => rows.has(of(i)));
  return [
    card({
      title: "Goodput over time", wide: true, empty: goodput.length ? null : noRows,
      note: `What the receiver's program read${known(asked) ? `; dashed: what was asked, ${bitrate(asked)}` : ""}.${more}`,
      config: () => lines([{label: streams.length > 1 ? "all streams" : "goodput", points: goodput, colour: 2, width: 2.2, fill: streams.length > 1 ? false : "origin"},
        ...(streams.length > 1 ? streams.map(i => ({label: label(i), points: rows.during(rows.points(of(i, "received/goodput_bps"))), colour: i, width: 1})) : []),
        ...(known(asked) && goodput.length ? [{label: "asked", colour: 1, dash: [6, 4],
           points: [{x: goodput[0].x, y: asked}, {x: goodput[goodput.length - 1].x, y: asked}]}] : [])],
        {x: seconds(rows), y: valueAxis("", bitrate, false, {beginAtZero: true}), tip: atTime(bitrate)}),
      table: tableOfRows(rows, [["goodput", "/received/goodput_bps", bitrate], ["sent", "/sent/bytes", size], ["retransmits", "/sent/retransmits", count],
        ...(streams.length > 1 ? streams.map(i => [label(i), of(i, "received/goodput_bps"), bitrate]) : [])]),
    }),
    rows.has("/sent/retransmits") && rows.rows.some(row => rows.value(row, "/sent/retransmits") > 0)
      ? card({title: "Retransmits over time", note: "Segments that the sender's kernel sent again.",
              config: () => lines([{label: "retransmits", points: rows.points("/sent/retransmits"), colour: 1, bars: true}],
                                  {bars: true, x: seconds(rows), y: valueAxis("segments", plain, false, {beginAtZero: true}), tip: atTime(count)}),
              table: tableOfRows(rows, [["retransmits", "/sent/retransmits", count]])})
      : card({title: "Retransmits", empty: "None."}),
    rtt(i => of(i, "tcp_info/smoothed_rtt_ns"))
      ? card({title: "Round-trip time and congestion window", note: `By the sender's kernel (TCP_INFO); the window's axis is on the right, dashed.${more}`,
              config: () => lines(streams.flatMap(i => [
                {label: `${label(i)} round trip`.trim(), points: rows.points(of(i, "tcp_info/smoothed_rtt_ns")), colour: i},
                {label: `${label(i)} window`.trim(), points: rows.points(of(i, "tcp_info/congestion_window_bytes")), colour: streams.length > 1 ? i : 1, dash: [4, 3], axis: "y2", width: 1.2}]),
                {x: seconds(rows), y: valueAxis("smoothed round trip", time, false, {beginAtZero: true}),
                 y2: valueAxis("congestion window", size, false, {beginAtZero: true, drawGrid: false}),
                 tip: atTime((value, dataset) => dataset.yAxisID === "y2" ? size(value) : time(value))}),
              table: tableOfRows(rows, streams.flatMap(i => [[`${label(i)} round trip`.trim(), of(i, "tcp_info/smoothed_rtt_ns"), time],
                                                            [`${label(i)} window`.trim(), of(i, "tcp_info/congestion_window_bytes"), size]]))})
      : null,
    curvesCard("Receiver's host: from the TC hook to the read", "How long bytes waited in the receiving host's stack and socket.", [["host delay", flow.host_delay_ns, 1]]),
    curvesCard("Gaps between arrivals", "Between what the TC hook saw of the flow.", [["gap", flow.arrival_gap_ns, 0]]),
  ];
}

// ---- of connections

function connectionCards(flow, rows) {
  const asked = flow.exchanges.asked_cps;
  const perSecond = name => rows.during(rows.rows.map(row => ({x: rows.middle(row), y: rows.seconds(row) > 0 ? rows.value(row, name) / rows.seconds(row) : null})));
  const failed = rows.rows.some(row => rows.value(row, "/exchanges/failed/total") > 0);
  const completed = perSecond("/exchanges/completed");
  const connections = value => rate(value, "connections");
  const times = (title, note, name, tone) => card({
    title, note, empty: rows.has(`/${name}/p50`) ? null : noRows,
    config: () => {
      const series = ["p50", "p99", "max"].map(n => rows.points(`/${name}/${n}`));
      return lines([{label: "median", points: series[0], colour: tone}, {label: "99th percentile", points: series[1], colour: 3},
                    {label: "maximum", points: series[2], colour: 1, width: 1}],
                   {x: seconds(rows), y: valueAxis("", time, spansDecades(series.flat())), tip: atTime(time)});
    },
    table: tableOfRows(rows, ["p50", "p99", "max"].map(n => [n, `/${name}/${n}`, time])),
  });
  return [
    card({
      title: "Connections over time", wide: true, empty: completed.length ? null : noRows,
      note: `Completed exchanges: connect, a request, its answer, close${known(asked) && asked > 0 ? `; dashed: what was asked, ${connections(asked)}` : ""}.`,
      config: () => lines([{label: "completed", points: completed, colour: 2, fill: "origin"},
        ...(failed ? [{label: "failed", points: perSecond("/exchanges/failed/total"), colour: 1}] : []),
        ...(known(asked) && asked > 0 && completed.length ? [{label: "asked", colour: 0, dash: [6, 4],
           points: [{x: completed[0].x, y: asked}, {x: completed[completed.length - 1].x, y: asked}]}] : [])],
        {x: seconds(rows), y: valueAxis("", connections, false, {beginAtZero: true}), tip: atTime(connections)}),
      table: tableOfRows(rows, [["started", "/exchanges/started", count], ["completed", "/exchanges/completed", count], ["failed", "/exchanges/failed/total", count]]),
    }),
    curvesCard("Times by percentile", "Connect is SYN to established; the first packet's time is the request to its answer; whole is all of it.",
               [["connect", flow.connect_ns, 0], ["first packet", flow.first_packet_ns, 1], ["whole", flow.whole_ns, 2]]),
    histogramCard("Connect times", "From the SYN to the established connection.", flow.connect_ns),
    times("Connect time over time", "The first packet of a connection is the one that walks kube-proxy's chains.", "connect_ns", 0),
    times("First answer over time", "From the request on the new connection to its answer.", "first_packet_ns", 2),
    curvesCard("Pacing: how late connections were started", "From when one was due to when it was started.", [["lateness", flow.lateness_ns, 3]]),
  ];
}

// ---- tiles, tables, the page

const flowClass = flow => flow.complete ? "good" : "bad";
const tile = (label, value, tone) => make("div", {class: "tile"}, make("span", {}, label), make("b", {class: tone}, value));

function tilesOf(flow) {
  const tiles = [];
  if (flow.flow.kind === "tcp") {
    tiles.push(tile("goodput", bitrate(flow.received.goodput_bps)),
               tile("asked", known(flow.sent.asked_bps) ? bitrate(flow.sent.asked_bps) : "as fast as can be"),
               tile("retransmits", count(flow.sent.retransmits)), tile("streams", count(flow.streams.length)),
               tile("congestion control", flow.sent.congestion || unknown));
  } else if (flow.flow.kind === "connections") {
    const failed = flow.exchanges.failed.total;
    tiles.push(tile("rate", rate(flow.exchanges.rate_cps, "")), tile("asked", flow.exchanges.asked_cps ? rate(flow.exchanges.asked_cps, "") : "as fast as can be"),
               tile("connect, median", time(flow.connect_ns.p50)), tile("connect, 99 %", time(flow.connect_ns.p99)),
               tile("failed", count(failed), failed ? "bad" : null));
  } else {
    const delay = flow.segments[0].delay_ns;
    tiles.push(tile("delay, median", time(delay.p50)), tile("delay, 99 %", time(delay.p99)), tile("delay, 99.9 %", time(delay.p999)),
               tile("lost", `${count(flow.received.lost)} (${share(flow.received.lost, flow.sent.packets)})`, flow.received.lost > 0 ? "bad" : null),
               tile("received", bitrate(flow.received.rate_bps)),
               tile("asked", known(flow.sent.asked_bps) ? bitrate(flow.sent.asked_bps) : "as fast as can be"));
  }
  return make("div", {class: "tiles"}, tiles);
}

function overviewRow(flow, i, choose) {
  const packets = flow.segments !== undefined && flow.segments !== null, delay = packets ? flow.segments[0].delay_ns : flow.connect_ns;
  const achieved = flow.flow.kind === "connections" ? rate(flow.exchanges.rate_cps, "connections")
    : bitrate(flow.flow.kind === "tcp" ? flow.received.goodput_bps : flow.received.rate_bps);
  const asked = flow.flow.kind === "connections" ? (flow.exchanges.asked_cps ? rate(flow.exchanges.asked_cps, "connections") : "as fast as can be")
    : (known(flow.sent.asked_bps) ? bitrate(flow.sent.asked_bps) : "as fast as can be");
  const lost = packets ? flow.received.lost : flow.flow.kind === "connections" ? flow.exchanges.failed.total : null;
  return [choose ? make("button", {type: "button", onclick: () => choose(i)}, flowName(i)) : flowName(i), flow.flow.kind, asked, achieved,
          delay ? time(delay.p50) : "", delay ? time(delay.p99) : "",
          lost === null ? "" : {text: count(lost), class: lost > 0 ? "bad" : ""},
          {text: flow.complete ? "complete" : `partial: ${flow.incomplete_reason || "it ended early"}`, class: flowClass(flow)}];
}

function verdict(run) {
  const said = [];
  if (!run.flows.length) said.push("nothing was measured");
  for (const [i, flow] of run.flows.entries()) if (!flow.complete) said.push(`${flowName(i)} is partial: ${flow.incomplete_reason || "it ended early"}`);
  for (const [where, one] of objectivesOf(run)) if (!one.met) said.push(`${where}: ${one.objective}: ${one.reason || `measured ${objectiveValue(one)}`}`);
  const negative = run.flows.filter(flow => (flow.segments || []).some(segment => segment.negative > 0)).length;
  if (negative) said.push(`${negative === 1 ? "a flow has" : `${negative} flows have`} delays below 0: the two clocks differ by more than was estimated`);
  const whole = run.complete && !said.length;
  return make("div", {class: whole ? "verdict" : "verdict bad", role: "status"},
              make("strong", {}, run.complete ? "Complete" : "Partial"),
              whole ? ": every flow ran to its end, and all that was asked was met." : `${run.complete ? ", but" : ":"}`,
              said.length ? make("ul", {}, said.slice(0, 50).map(text => make("li", {}, text))) : null);
}

function howObtained(flow) {
  const rows = [];
  const path = flow.path;
  if (path) {
    rows.push(["path", `${path.dialled || unknown}, arrived at ${path.arrived_at || unknown} from ${path.seen_from || unknown}` +
      (path.destination_translated ? "; the destination was translated" : "") + (path.source_translated ? "; the source was translated" : "")],
      ["first packet", time(path.first_packet_ns)], ["attempts", count(path.attempts)]);
  }
  for (const [point, stamp] of Object.entries(flow.stamping || {}))
    rows.push([point, [`hook ${stamp.hook}`, stamp.interface ? `on ${stamp.interface}` : "", known(stamp.stamped) ? `${count(stamp.stamped)} stamped, ${count(stamp.missed)} missed` : "",
                       stamp.reason || ""].filter(Boolean).join("; ")]);
  if (flow.clock)
    rows.push(["clocks", `${flow.clock.verdict.replaceAll("_", " ")}; offset ${time(flow.clock.offset_ns)}, known within ${time(flow.clock.error_bound_ns)}; drift ${time(flow.clock.drift_ns)}`]);
  for (const side of ["sender", "receiver"]) {
    const cpu = flow.cpu?.[side];
    if (cpu && cpu.elapsed_ns > 0)
      rows.push([`CPU of the ${side}`, `${share(cpu.user_ns + cpu.system_ns, cpu.elapsed_ns)} of a core` +
        (known(cpu.seconds_per_gigabyte) ? `; ${digits(cpu.seconds_per_gigabyte, 3)} s a gigabyte` : "") +
        `; stolen by the hypervisor: ${share(cpu.stolen_ns, cpu.elapsed_ns)}`]);
  }
  if (flow.sent?.pacing) rows.push(["pacing", `${flow.sent.pacing}; ${flow.sent.batching} batching; ${count(flow.sent.missed_slots)} slots missed, ${count(flow.sent.send_errors)} send errors`]);
  if (flow.arrivals) rows.push(["arrivals", `${digits(flow.arrivals.datagrams_per_skb)} datagrams a buffer of the kernel`]);
  const received = flow.received || {};
  const odd = ["lost_in_socket", "unbound", "invalid", "beyond_window", "duplicated", "reordered"].filter(name => received[name] > 0);
  if (odd.length) rows.push(["odd packets", odd.map(name => `${count(received[name])} ${name.replaceAll("_", " ")}`).join("; ")]);
  for (const segment of flow.segments || []) if (segment.negative > 0) rows.push([segmentName(segment), `${count(segment.negative)} values are below 0`]);
  return make("section", {class: "card wide"}, make("h3", {}, "How these numbers were obtained"), tableOf({rows, text: true, label: "How these numbers were obtained"}));
}

function environment(run) {
  const ends = ["sender", "receiver"].map(side => run.environment?.[side] || {});
  const each = (label, of) => [label, ...ends.map(end => of(end) || unknown)];
  const interfaces = end => (end.interfaces || []).map(one => `${one.name}: ${[one.driver, known(one.mtu) ? `MTU ${one.mtu}` : "", one.qdisc ? `queue ${one.qdisc}` : "",
    one.programs?.length ? `BPF ${one.programs.join(", ")}` : "no BPF program", one.offloads?.length ? `offloads ${one.offloads.join(", ")}` : ""].filter(Boolean).join("; ")}`).join("\n");
  return make("section", {}, make("h2", {}, "Environment"), make("div", {class: "card"}, tableOf({
    head: ["", "sender", "receiver"], text: true, label: "Environment",
    rows: [each("kernel", end => end.kernel), each("CPU", end => end.cpu && `${end.cpus} x ${end.cpu}`), each("clock source", end => end.clocksource), each("interfaces", interfaces)],
  })));
}

// [where, objective] of each that was asked for.
const objectivesOf = run => [...(run.requirements || []).map(one => ["required", one]),
                             ...(run.slices || []).flatMap(slice => slice.objectives.map(one => [`slice ${slice.name}`, one]))];
// The value in the words of the objective.
function objectiveValue(one) {
  if (!known(one.value)) return "not measured";
  if (one.objective.includes("%")) return `${digits(100 * one.value)} %`;
  if (one.objective.includes("throughput")) return bitrate(one.value);
  return one.objective.includes("retransmits") ? count(one.value) : time(one.value);
}

function objectives(run) {
  const all = objectivesOf(run);
  if (!all.length) return null;
  const rows = all.map(([where, one]) => [where, one.objective, objectiveValue(one),
                                          {text: one.met ? "met" : `missed${one.reason ? `: ${one.reason}` : ""}`, class: one.met ? "good" : "bad"}]);
  return make("section", {}, make("h2", {}, "Objectives"), make("div", {class: "card"},
              tableOf({head: ["of", "objective", "measured", "verdict"], rows, text: true, label: "Objectives"})));
}

function runPage() {
  const {run} = data;
  document.getElementById("title").textContent = run.title || "Measurement";
  document.getElementById("subtitle").textContent =
    [run.started_at, `${count(run.flows.length)} ${run.flows.length === 1 ? "flow" : "flows"}`, data.source].filter(Boolean).join(" · ");
  const main = document.getElementById("main");
  main.replaceChildren(verdict(run));
  for (const note of data.notes || []) main.append(make("p", {class: "note"}, note));

  const place = make("section", {id: "flow"});
  const choice = make("select", {id: "choice", "aria-label": "Flow"}, run.flows.map((_, i) => make("option", {value: i}, flowName(i))));
  const show = i => {
    choice.value = String(i);
    const flow = run.flows[i], rows = rowsOf(i);
    const cards = flow.flow.kind === "tcp" ? tcpCards(flow, rows) : flow.flow.kind === "connections" ? connectionCards(flow, rows) : packetCards(flow, rows);
    forget(place);
    place.replaceChildren(make("h2", {}, run.flows.length > 1 ? `Flow ${flowName(i)}` : flow.flow.name || "Flow"), tilesOf(flow),
                          make("div", {class: "cards"}, cards.filter(Boolean), howObtained(flow)));
    for (const row of main.querySelectorAll("[data-flow]")) row.classList.toggle("chosen", Number(row.dataset.flow) === i);
  };
  choice.addEventListener("change", () => { show(Number(choice.value)); drawNew(); });

  const choose = i => { show(i); drawNew(); place.scrollIntoView(); };
  const overview = tableOf({head: ["flow", "kind", "asked", "achieved", "p50", "p99", "lost or failed", ""],
                            rows: run.flows.map((flow, i) => overviewRow(flow, i, run.flows.length > 1 ? choose : null)), tall: run.flows.length > 10, label: "Flows"});
  main.append(make("section", {}, make("h2", {}, "Flows"), make("div", {class: "card"}, overview)));
  const objective = objectives(run);
  if (objective) main.append(objective);
  if (run.flows.length > 1) main.append(make("p", {}, make("label", {}, "Show flow ", choice)));
  if (run.flows.length) show(0);
  main.append(place, environment(run));
}
