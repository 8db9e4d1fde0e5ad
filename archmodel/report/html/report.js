"use strict";
// The page of a report: tables and figures of the data that stands in it. All texts are set as text, never as HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const N_ROWS = 200; // that a table shows before it is asked for more
const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
const STYLE = {
  font: { family: "system-ui, sans-serif", size: 13, color: "#1b1b1b" }, margin: { l: 70, r: 20, t: 20, b: 60 },
  legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, paper_bgcolor: "#fff", plot_bgcolor: "#fff",
};
const FOUR_DIGITS = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 }); // one: making it is slow
const byId = (id) => document.getElementById(id);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Plotly reads some tags in texts.
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function show(value, scale = 1) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  const scaled = value / scale, size = Math.abs(scaled);
  if (size && (size < 1e-3 || size >= 1e7)) return scaled.toExponential(3);
  return FOUR_DIGITS.format(scaled);
}

const heading = (column) => column.label + (column.unit && column.unit !== "1" ? ` [${column.unit}]` : "");
function cell(column, row) {
  const value = column.values[row];
  if (column.kind === "axis") return column.choices[value] ?? "–";
  return column.kind === "point" ? String(value) : show(value, column.scale);
}

function fill(table, headings, rows, isNumber = false) {
  const head = element("tr"), body = document.createDocumentFragment();
  headings.forEach((text) => head.append(element("th", text, { scope: "col" })));
  for (const { cells, differs } of rows) {
    const line = element("tr", undefined, differs ? { class: "differs" } : {});
    cells.forEach((text, i) => line.append(element(i ? "td" : "th", text, i ? (isNumber ? { class: "number" } : {}) : { scope: "row" })));
    body.append(line);
  }
  table.tHead.replaceChildren(head);
  table.tBodies.length || table.append(element("tbody"));
  table.tBodies[0].replaceChildren(body);
}

// --- the table of the front: sorted, filtered, a part of it shown

const columns = data.columns ?? [];
const named = Object.fromEntries(columns.map((column) => [column.name, column]));
const shown = columns.filter((column) => column.is_shown);
const rowIds = columns.length ? columns[0].values.map((_, row) => row) : [];
const texts = []; // of rows, made when they are searched
const textOf = (row) => (texts[row] ??= shown.map((column) => cell(column, row)).join(" ").toLowerCase());
const state = { column: null, isRising: true, filters: new Map(), words: [], nShown: N_ROWS, chosen: 0, rows: rowIds };

function makeTest(column, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return null;
  if (column.kind === "figure" || column.kind === "point") {
    const scale = column.scale ?? 1, of = (row) => column.values[row] / scale;
    const isKnown = (row) => column.values[row] !== null;
    const range = wanted.match(/^(-?[\d.]+(?:e[-+]?\d+)?)\s*\.\.\s*(-?[\d.]+(?:e[-+]?\d+)?)$/);
    if (range) return (row) => isKnown(row) && of(row) >= +range[1] && of(row) <= +range[2];
    const limit = wanted.match(/^(<=|>=|<|>|=)\s*(-?[\d.]+(?:e[-+]?\d+)?)$/);
    const compare = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b,
                      "=": (a, b) => a === b };
    if (limit) return (row) => isKnown(row) && compare[limit[1]](of(row), +limit[2]);
  }
  return (row) => cell(column, row).toLowerCase().includes(wanted);
}

function order() {
  const tests = [...state.filters.values()];
  const rows = rowIds.filter((row) => tests.every((test) => test(row)) && state.words.every((w) => textOf(row).includes(w)));
  const column = state.column;
  if (column) {
    const sign = state.isRising ? 1 : -1;
    rows.sort((a, b) => {
      const [x, y] = [column.values[a], column.values[b]];
      if (x === null || y === null) return (x === null) - (y === null); // what has no value is last, both ways
      return sign * (typeof x === "string" ? x.localeCompare(y) : x - y);
    });
  }
  state.rows = rows;
}

function drawRows() {
  const body = document.createDocumentFragment();
  for (const row of state.rows.slice(0, state.nShown)) {
    const isChosen = row === state.chosen, line = element("tr", undefined, isChosen ? { "aria-current": "true" } : {});
    shown.forEach((column, i) => {
      if (i) return line.append(element("td", cell(column, row), column.kind === "figure" ? { class: "number" } : {}));
      const button = element("button", cell(column, row), { type: "button", "aria-pressed": isChosen, "data-row": row });
      button.setAttribute("aria-label", `choose machine ${cell(column, row)}`);
      line.append(element("th", undefined, { scope: "row" }));
      line.lastChild.append(button);
    });
    body.append(line);
  }
  byId("front").tBodies[0].replaceChildren(body);
  const n = Math.min(state.nShown, state.rows.length);
  byId("count").textContent = `${n} of ${state.rows.length} rows are shown`;
  byId("more").hidden = n === state.rows.length;
  byId("front").querySelectorAll("thead th[data-name]").forEach((th) => {
    const isSorted = state.column?.name === th.dataset.name;
    th.setAttribute("aria-sort", isSorted ? (state.isRising ? "ascending" : "descending") : "none");
  });
}

function refresh() {
  order();
  drawRows();
  const isAll = state.rows.length === rowIds.length;
  if (byId("pareto")?.data) Plotly.restyle("pareto", { selectedpoints: [isAll ? null : state.rows] }, [1]);
}

function startTable() {
  const head = element("tr"), filters = element("tr");
  for (const column of shown) {
    const th = element("th", undefined, { scope: "col", "data-name": column.name, "aria-sort": "none" });
    const button = element("button", heading(column), { type: "button" });
    button.addEventListener("click", () => {
      state.isRising = state.column === column ? !state.isRising : column.goal !== "max";
      state.column = column;
      refresh();
    });
    th.append(button);
    head.append(th);
    const input = element("input", undefined, { type: "text", "aria-label": `filter ${heading(column)}`, "data-filter": column.name });
    input.addEventListener("input", () => {
      const test = makeTest(column, input.value);
      test ? state.filters.set(column.name, test) : state.filters.delete(column.name);
      refresh();
    });
    filters.append(element("td"));
    filters.lastChild.append(input);
  }
  byId("front").tHead.append(head, filters);
  byId("front").tBodies[0].addEventListener("click", (event) => {
    const button = event.target.closest("button[data-row]");
    if (button) choose(+button.dataset.row);
  });
  byId("search").addEventListener("input", (event) => {
    state.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    refresh();
  });
  byId("more").addEventListener("click", () => {
    state.nShown += N_ROWS;
    drawRows();
  });
}

// --- figures

const scaled = (column, values) => values.map((value) => (value === null ? null : value / column.scale));
const better = (column) => (column.goal ? `, ${column.goal === "max" ? "more" : "less"} is better` : "");
const title = (column) => ({ text: plain(heading(column) + better(column)), standoff: 8 });
const describe = (row) => shown.filter((c) => c.kind === "axis").map((c) => `${plain(c.label)}: ${plain(cell(c, row))}`).join("<br>");

function startPareto() {
  const able = columns.filter((column) => column.name in data.cloud && column.kind === "figure");
  ["pareto-x", "pareto-y"].forEach((id, i) => {
    able.forEach((column) => byId(id).append(element("option", heading(column), { value: column.name })));
    byId(id).value = (data.objectives[i] ?? able.find((column) => column.name !== data.objectives[0])?.name) ?? data.objectives[0];
    byId(id).addEventListener("change", drawPareto);
  });
  drawPareto();
  byId("pareto").on("plotly_click", (event) => {
    const point = event.points.find((each) => each.data.meta === "front");
    if (point) choose(point.pointIndex);
  });
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
    }),
    dots("chosen", (c) => [c.values[state.chosen]], 14, data.colours.chosen, "diamond", { hoverinfo: "skip" }),
  ];
  if (x.base !== null && y.base !== null) {
    traces.push(dots("base machine", (c) => [c.base], 13, data.colours.base, "square", { hovertemplate: "base machine<extra></extra>" }));
  }
  const axis = { zeroline: false, gridcolor: "#e4e4e4", automargin: true };
  Plotly.react("pareto", traces, { ...STYLE, xaxis: { ...axis, title: title(x) }, yaxis: { ...axis, title: title(y) }, hovermode: "closest" }, CONFIG);
}

function drawParallel() {
  const used = [...shown.filter((c) => c.kind === "axis" && c.choices.length > 1), ...data.objectives.map((name) => named[name])];
  const heights = used.map((column) => {
    if (column.kind === "axis") return (row) => column.values[row] / (column.choices.length - 1);
    const known = column.values.filter((value) => value !== null), low = Math.min(...known), span = Math.max(...known) - low || 1;
    return (row) => (column.goal === "min" ? 1 - (column.values[row] - low) / span : (column.values[row] - low) / span);
  });
  const lines = rowIds.slice(0, N_ROWS);
  const line = (name, rows, colour, width, opacity) => ({
    type: "scatter", mode: "lines", name, line: { color: colour, width }, opacity, hoverinfo: "skip",
    x: rows.flatMap(() => [...used.keys(), null]), y: rows.flatMap((row) => [...heights.map((of) => of(row)), null]),
  });
  const ends = used.map((column) => {
    if (column.kind === "axis") return [column.choices[0], column.choices.at(-1)];
    const known = column.values.filter((value) => value !== null), both = [Math.min(...known), Math.max(...known)];
    return (column.goal === "min" ? both.reverse() : both).map((value) => show(value, column.scale));
  });
  const note = (i, y, text, anchor) => ({ x: i, y, text: plain(text.length > 16 ? `${text.slice(0, 15)}…` : text), showarrow: false, yanchor: anchor, font: { size: 11 } });
  Plotly.react("parallel", [
    line(lines.length < rowIds.length ? `front (the first ${lines.length} rows)` : "front", lines, data.colours.front, 1, 0.35),
    line("chosen", [state.chosen], data.colours.chosen, 3, 1),
  ], {
    ...STYLE, yaxis: { visible: false, range: [-0.12, 1.12], fixedrange: true },
    xaxis: { tickvals: [...used.keys()], ticktext: used.map((c) => plain(heading(c))), tickangle: -30, showgrid: true, gridcolor: "#999", zeroline: false, fixedrange: true, automargin: true },
    annotations: ends.flatMap(([low, high], i) => [note(i, -0.02, low, "top"), note(i, 1.02, high, "bottom")]),
  }, CONFIG);
}

// --- the chosen machine

function choose(row) {
  state.chosen = row;
  drawRows();
  drawPareto();
  drawParallel();
  drawDetail();
}

function drawDetail() {
  const row = state.chosen, point = named.point.values[row];
  byId("chosen").textContent = `Machine ${point} of the sweep, row ${row + 1} of ${rowIds.length} of the front by its first objective.`;
  const changes = columns.filter((c) => c.kind === "axis").flatMap((column) => {
    const set = data.choices[column.name]?.[cell(column, row)] ?? [];
    return set.map(([path, value, base]) => ({ cells: [path, column.label, base || "–", value], differs: base !== value }));
  });
  fill(byId("parameters"), ["parameter", "axis", "base machine", "this machine"], changes);
  const figures = columns.filter((c) => c.kind === "figure");
  fill(byId("gains"), ["figure", "base machine", "this machine", "ratio"], figures.map((column) => {
    const value = column.values[row], ratio = column.base && value !== null ? show(value / column.base) : "–";
    return { cells: [heading(column), show(column.base, column.scale), show(value, column.scale), ratio] };
  }), true);
  drawBreakdown("breakdown", data.workloads, data.breakdown.times_s[point], (label) => named[`${label}_bound`]?.values[row]);
  drawBlocks(byId("diagram"), data.blocks[point]);
}

function drawBreakdown(id, labels, times, boundOf) {
  const { groups, colours } = data.breakdown;
  byId(id).hidden = !times;
  if (!times) return;
  const totals = times.map((of) => of.reduce((sum, time) => sum + time, 0));
  const bars = labels.map((label, i) => {
    const bound = boundOf(label);
    return plain(`${label}, ${(totals[i] * 1e3).toPrecision(4)} ms${bound ? `, ${bound}` : ""}`);
  });
  const traces = groups.map((group, g) => ({
    type: "bar", orientation: "h", name: plain(group), y: bars, x: times.map((of, i) => (100 * of[g]) / totals[i]),
    customdata: times.map((of) => of[g] * 1e3), marker: { color: colours[g], line: { color: "#fff", width: 1 } },
    hovertemplate: "%{x:.1f} %, %{customdata:.4g} ms<extra>%{fullData.name}</extra>",
  })).filter((trace) => trace.x.some((share) => share > 0));
  Plotly.react(id, traces, {
    ...STYLE, barmode: "stack", legend: { ...STYLE.legend, traceorder: "normal" }, yaxis: { automargin: true, autorange: "reversed" },
    xaxis: { title: { text: "Share of the time of a step [%]" }, range: [0, 100] },
  }, CONFIG);
}

function drawBlocks(place, boxes) {
  const INCH = 72, svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  place.hidden = !boxes;
  if (!boxes) return;
  const draw = (name, attributes, text) => {
    const made = document.createElementNS(svg.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    svg.append(made);
  };
  for (const [left, top, width, height, rows, cols, fill, title, text] of boxes) {
    const [x, y, w, h] = [left, top, width, height].map((length) => length * INCH), isGrid = rows > 1;
    draw("rect", { x, y, width: w, height: h, fill, stroke: "#555" });
    for (let c = 1; c < cols && isGrid; c++) draw("path", { d: `M${x + (c * w) / cols} ${y}v${h}`, stroke: "#555" });
    for (let r = 1; r < rows; r++) draw("path", { d: `M${x} ${y + (r * h) / rows}h${w}`, stroke: "#555" });
    draw("text", { x: x + 5, y: isGrid ? y - 5 : y + 12, "font-size": 9, "font-weight": 600 }, title);
    text.split("\n").forEach((line, i) => draw("text", { x: x + 5, y: y + 23 + 9 * i, "font-size": 7.2 }, line));
  }
  const right = Math.max(...boxes.map((box) => box[0] + box[2])), bottom = Math.max(...boxes.map((box) => box[1] + box[3]));
  svg.setAttribute("viewBox", `-2 -2 ${right * INCH + 4} ${bottom * INCH + 4}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", boxes.map((box) => `${box[7]}: ${box[8]}`).join("; "));
  place.replaceChildren(svg);
}

window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => (each.open = true)));

if (rowIds.length) {
  startTable();
  refresh();
  startPareto();
  drawParallel();
  drawDetail();
}
if (data.bars) drawBreakdown("bars", data.bars, data.breakdown.times_s, () => null);
document.querySelectorAll("[data-blocks]").forEach((place) => drawBlocks(place, data.blocks[place.dataset.blocks]));
for (const [id, figure] of Object.entries(data.figures ?? {})) Plotly.newPlot(id, figure.data, { ...STYLE, ...figure.layout }, CONFIG);
window.archmodelReady = true;
