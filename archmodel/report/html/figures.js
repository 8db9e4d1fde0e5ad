"use strict";
// Figures of a report, drawn by Plotly or as SVG from the data of the page.
const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
const STYLE = {
  font: { family: "system-ui, sans-serif", size: 13, color: "#1b1b1b" }, margin: { l: 70, r: 20, t: 20, b: 60 },
  legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, paper_bgcolor: "#fff", plot_bgcolor: "#fff",
};

const MOST_TICKS = 9; // of an axis in parallel coordinates

// Plotly reads some tags in texts.
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

const scaled = (column, values) => values.map((value) => (value === null ? null : value / column.scale));
const better = (column) => (column.goal ? `, ${column.goal === "max" ? "more" : "less"} is better` : "");
const title = (column, isNarrow) => ({ text: plain(heading(column)) + (isNarrow ? better(column).replace(", ", "<br>") : better(column)), standoff: 8 });
const describe = (row) => shown.filter((c) => c.kind === "axis").map((c) => `${plain(c.label)}: ${plain(cell(c, row))}`).join("<br>");

function offerAxes() {
  const able = columns.filter((column) => column.name in data.cloud && column.kind === "figure");
  ["pareto-x", "pareto-y"].forEach((id, i) => {
    able.forEach((column) => byId(id).append(element("option", heading(column), { value: column.name })));
    byId(id).value = (data.objectives[i] ?? able.find((column) => column.name !== data.objectives[0])?.name) ?? data.objectives[0];
    byId(id).addEventListener("change", () => drawSoon("pareto"));
  });
}

function chooseDot(event) {
  const point = event.points.find((each) => each.data.meta === "front");
  if (point) choose(point.pointIndex);
}

function drawPareto() {
  const [x, y] = ["pareto-x", "pareto-y"].map((id) => named[byId(id).value]);
  const dots = (name, from, size, colour, symbol, extra) => ({
    type: "scatter", mode: "markers", name, x: scaled(x, from(x)), y: scaled(y, from(y)),
    marker: { size, color: colour, symbol, line: { width: symbol === "circle" ? 0 : 1, color: "#fff" } }, ...extra,
  });
  const traces = [
    dots("beaten (a sample)", (c) => data.cloud[c.name], 4, data.colours.cloud, "circle", { hoverinfo: "skip" }),
    dots("front", (c) => c.values, 8, data.colours.front, "circle", {
      meta: "front", text: rowIds.map((row) => `point ${named.point.values[row]}<br>${describe(row)}`),
      hovertemplate: "%{text}<br>%{x:.4g}, %{y:.4g}<extra></extra>", unselected: { marker: { opacity: 0.12 } },
      selectedpoints: matching(),
    }),
    dots("chosen", (c) => [c.values[state.chosen]], 14, data.colours.chosen, "diamond", { hoverinfo: "skip" }),
  ];
  if (x.base !== null && y.base !== null) {
    traces.push(dots("base machine", (c) => [c.base], 13, data.colours.base, "square", { hovertemplate: "base machine<extra></extra>" }));
  }
  const axis = { zeroline: false, gridcolor: "#e4e4e4", automargin: true }, place = byId("pareto"), isFirst = !place.data;
  const isNarrow = place.clientWidth < 600;
  const layout = { ...STYLE, xaxis: { ...axis, title: title(x) }, yaxis: { ...axis, title: title(y, isNarrow) }, hovermode: "closest" };
  const drawn = Plotly.react(place, traces, layout, CONFIG);
  if (isFirst) place.on("plotly_click", chooseDot);
  return drawn;
}

function drawParallel() {
  const used = [...shown.filter((c) => c.kind === "axis" && c.choices.length > 1), ...data.objectives.map((name) => named[name])];
  const ends = used.map((column) => { // the lower one first, which is the worse one of an objective
    if (column.kind === "axis") return [0, column.choices.length - 1];
    const known = column.values.filter((value) => value !== null), both = [Math.min(...known), Math.max(...known)];
    return column.goal === "min" ? both.reverse() : both;
  });
  const heights = (row) => used.map(({ values }, i) => {
    const [low, high] = ends[i];
    return values[row] === null ? null : (values[row] - low) / (high - low || 1);
  });
  byId("parallel").style.minWidth = `${4.5 * used.length}rem`; // choices of one axis beside those of the next
  const lines = rowIds.slice(0, N_ROWS);
  const line = (name, rows, colour, width, opacity) => ({
    type: "scatter", mode: "lines", name, line: { color: colour, width }, opacity, hoverinfo: "skip",
    x: rows.flatMap(() => [...used.keys(), null]), y: rows.flatMap((row) => [...heights(row), null]),
  });
  const ticks = (column, [low, high]) => { // where, and what: all choices if there is room, of objectives the quarters
    const n = column.kind === "axis" ? column.choices.length : 0, step = Math.ceil((n - 1) / (MOST_TICKS - 1));
    return n ? column.choices.map((text, i) => [i / (n - 1), text]).filter((_, i) => i % step === 0)
      : [0, 0.25, 0.5, 0.75, 1].map((y) => [y, show(low + y * (high - low), column.scale)]);
  };
  const room = Math.max(5, Math.floor(byId("parallel").clientWidth / used.length / 6.5)); // letters between two axes
  const note = (i, y, text) => ({
    x: i, y, text: plain(text.length > room ? `${text.slice(0, room - 1)}…` : text), showarrow: false, xanchor: "left", xshift: 2,
    font: { size: 11 }, bgcolor: "rgba(255, 255, 255, 0.8)", borderpad: 1,
  });
  Plotly.react("parallel", [
    line(lines.length < rowIds.length ? `front (the first ${lines.length} rows)` : "front", lines, data.colours.front, 1, 0.35),
    line("chosen", [state.chosen], data.colours.chosen, 3, 1),
  ], {
    ...STYLE, yaxis: { visible: false, range: [-0.05, 1.05], fixedrange: true },
    xaxis: { tickvals: [...used.keys()], ticktext: used.map((c) => plain(heading(c))), tickangle: -30, showgrid: true, gridcolor: "#999", zerolinecolor: "#999", fixedrange: true, automargin: true },
    annotations: used.flatMap((column, i) => ticks(column, ends[i]).map(([y, text]) => note(i, y, text))),
  }, CONFIG);
}

function seconds(time) {
  const [unit, per] = time >= 1 ? ["s", 1] : time >= 1e-3 ? ["ms", 1e3] : time >= 1e-6 ? ["µs", 1e6] : ["ns", 1e9];
  return `${FOUR_DIGITS.format(time * per)} ${unit}`;
}

function drawBreakdown(id, labels, times, boundOf) {
  const { groups, colours } = data.breakdown;
  byId(id).hidden = !times;
  if (!times) return undefined;
  const totals = times.map((of) => of.reduce((sum, time) => sum + time, 0));
  const bars = labels.map((label, i) => {
    const bound = boundOf(label);
    return plain(`${label}, ${seconds(totals[i])}${bound ? `, ${bound}` : ""}`);
  });
  const traces = groups.map((group, g) => ({
    type: "bar", orientation: "h", name: plain(group), y: bars, x: times.map((of, i) => (100 * of[g]) / totals[i]),
    customdata: times.map((of) => seconds(of[g])), marker: { color: colours[g], line: { color: "#fff", width: 1 } },
    hovertemplate: "%{x:.1f} %, %{customdata}<extra>%{fullData.name}</extra>",
  })).filter((trace) => trace.x.some((share) => share > 0));
  return Plotly.react(id, traces, {
    ...STYLE, barmode: "stack", legend: { ...STYLE.legend, traceorder: "normal" }, yaxis: { automargin: true, autorange: "reversed" },
    xaxis: { title: { text: "Share of time [%]" }, range: [0, 100] },
  }, CONFIG);
}

function drawBlocks(place, boxes) {
  const INCH = 72, svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  place.hidden = !boxes;
  if (!boxes) return;
  const MOST_LINES = 2000; // between cells, in either direction
  const draw = (name, attributes, text) => {
    const made = document.createElementNS(svg.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    svg.append(made);
  };
  const part = ([x, y, w, h], [rows, cols]) => { // lines are thinner where there are many
    const lines = (n, length, at) => {
      const width = Math.min(0.8, (0.2 * length) / n);
      for (let i = 1; i < n && n <= MOST_LINES; i++) draw("path", { d: at((i * length) / n), stroke: "#555", "stroke-width": width });
    };
    draw("rect", { x, y, width: w, height: h, fill: "none", stroke: "#555", "stroke-width": 0.6 });
    lines(cols, w, (c) => `M${x + c} ${y}v${h}`);
    lines(rows, h, (r) => `M${x} ${y + r}h${w}`);
  };
  for (const [left, top, width, height, fill, title, lines, area, cells] of boxes) {
    const [x, y, w, h] = [left, top, width, height].map((length) => length * INCH), isFull = area?.[1] === top;
    draw("rect", { x, y, width: w, height: h, fill, stroke: "#555" });
    if (area) part(area.map((length) => length * INCH), cells);
    draw("text", { x: x + 5, y: isFull ? y - 5 : y + 12, "font-size": 9, "font-weight": 600 }, title);
    lines.forEach((line, i) => draw("text", { x: x + 5, y: y + 21 + 8.8 * i, "font-size": 7.2 }, line));
  }
  const right = Math.max(...boxes.map((box) => box[0] + box[2])), bottom = Math.max(...boxes.map((box) => box[1] + box[3]));
  svg.setAttribute("viewBox", `-2 -2 ${right * INCH + 4} ${bottom * INCH + 4}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", boxes.map((box) => `${box[5]}: ${box[6].join(" ")}`).join("; "));
  place.replaceChildren(svg);
}
