"use strict";
// The page of a report: tables and figures of the data that stands in it. All texts are set as text, never as HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const N_ROWS = 200; // that a table shows before it is asked for more
const FOUR_DIGITS = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 }); // one: making it is slow
const byId = (id) => document.getElementById(id);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

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

function compare(x, y, sign) { // what has no value is last, both ways
  if (x === null || y === null) return sign * ((x === null) - (y === null));
  return typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y;
}

function fill(table, headings, rows, kind) {
  const head = element("tr");
  headings.forEach((text) => head.append(element("th", text, { scope: "col" })));
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren(...rows.map(({ cells: [first, ...others], differs }) => {
    const line = element("tr", undefined, { class: differs ? "differs" : "" });
    line.append(element("th", first, { scope: "row" }), ...others.map((text) => element("td", text, { class: kind })));
    return line;
  }));
}

// --- the table of the front: sorted, filtered, a part of it shown

const columns = data.columns ?? [];
const named = Object.fromEntries(columns.map((column) => [column.name, column]));
const shown = columns.filter((column) => column.is_shown);
const rowIds = columns.length ? columns[0].values.map((_, row) => row) : [];
const texts = []; // of rows, made when they are searched
const textOf = (row) => (texts[row] ??= shown.map((column) => cell(column, row)).join(" ").toLowerCase());
const state = { column: null, isRising: true, filters: new Map(), words: [], nShown: N_ROWS, chosen: data.opened?.row, rows: rowIds };

function makeTest(column, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return () => true;
  if (column.kind === "figure" || column.kind === "point") {
    const [, sign, low, high] = wanted.match(/^(<=|>=|<|>|=|)\s*(-?[\d.]+(?:e[-+]?\d+)?)(?:\s*\.\.\s*(-?[\d.]+(?:e[-+]?\d+)?))?$/) ?? [];
    const within = { "<": (x) => x < +low, ">": (x) => x > +low, "<=": (x) => x <= +low, ">=": (x) => x >= +low,
                     "=": (x) => x === +low, "": high && ((x) => x >= +low && x <= +high) }[sign];
    if (within) return (row) => column.values[row] !== null && within(column.values[row] / (column.scale ?? 1));
  }
  return (row) => cell(column, row).toLowerCase().includes(wanted);
}

function order() {
  const tests = [...state.filters.values()], column = state.column, sign = state.isRising ? 1 : -1;
  state.rows = rowIds.filter((row) => tests.every((test) => test(row)) && state.words.every((word) => textOf(row).includes(word)));
  if (column) state.rows.sort((a, b) => sign * compare(column.values[a], column.values[b], sign));
}

function drawRows() {
  const body = document.createDocumentFragment();
  for (const row of state.rows.slice(0, state.nShown)) {
    const line = element("tr"), [point, ...others] = shown, id = cell(point, row);
    line.append(element("th", undefined, { scope: "row" }));
    line.lastChild.append(element("button", id, { type: "button", "data-row": row, "aria-label": `choose machine ${id}` }));
    line.append(...others.map((column) => element("td", cell(column, row), { class: column.kind === "figure" ? "number" : "text" })));
    body.append(line);
  }
  byId("front").tBodies[0].replaceChildren(body);
  markChosen();
  const n = Math.min(state.nShown, state.rows.length);
  const nHidden = rowIds.length - state.rows.length;
  byId("count").textContent = `${n} of ${state.rows.length} rows are shown${nHidden ? `; ${nHidden} do not match` : ""}`;
  byId("more").hidden = n === state.rows.length;
  byId("front").querySelectorAll("thead th[data-name]").forEach((th) => {
    const isSorted = state.column?.name === th.dataset.name;
    th.setAttribute("aria-sort", isSorted ? (state.isRising ? "ascending" : "descending") : "none");
  });
}

function markChosen() {
  for (const button of byId("front").querySelectorAll("button[data-row]")) {
    const isChosen = +button.dataset.row === state.chosen, line = button.closest("tr");
    button.setAttribute("aria-pressed", isChosen);
    isChosen ? line.setAttribute("aria-current", "true") : line.removeAttribute("aria-current");
  }
}

const matching = () => (state.rows.length === rowIds.length ? null : state.rows); // of all, none stands out

let waiting; // typing is not to wait for figures
function refresh() {
  order();
  drawRows();
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (byId("pareto").data) Plotly.restyle("pareto", { selectedpoints: [matching()] }, [1]);
  }, 150);
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
    input.addEventListener("input", () => refresh(state.filters.set(column.name, makeTest(column, input.value))));
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
  byId("more").addEventListener("click", () => drawRows((state.nShown += N_ROWS)));
}

// --- the chosen machine

function choose(row) {
  state.chosen = row;
  markChosen();
  describeChosen();
  OF_CHOSEN.forEach(drawSoon);
}

function describeChosen() {
  const row = state.chosen, point = named.point.values[row];
  const why = row === data.opened.row ? `, ${data.opened.why}` : "";
  byId("chosen").textContent = `Machine ${point} of the sweep${why}: number ${row + 1} of the ${rowIds.length} on this page by its first objective.`;
  const changes = columns.filter((c) => c.kind === "axis").flatMap((column) => {
    const set = data.choices[column.name]?.[cell(column, row)] ?? [];
    return set.map(([path, value, base]) => ({ cells: [path, column.label, base || "–", value], differs: base !== value }));
  });
  fill(byId("parameters"), ["parameter", "axis", "base machine", "this machine"], changes, "text");
  const figures = columns.filter((c) => c.kind === "figure");
  fill(byId("gains"), ["figure", "base machine", "this machine", "ratio"], figures.map((column) => {
    const value = column.values[row], ratio = column.base && value !== null ? show(value / column.base) : "–";
    return { cells: [heading(column), show(column.base, column.scale), show(value, column.scale), ratio] };
  }), "number");
}

// --- other tables with numbers: sorted by what their cells hold, which is more than they show

function makeSortable(table) {
  const head = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  head.forEach((th, i) => {
    const button = element("button", th.textContent, { type: "button" });
    const isNumeric = [...body.rows].some((row) => row.cells[i].dataset.value !== undefined);
    const valueOf = ({ cells: { [i]: { dataset: { value }, textContent } } }) =>
      isNumeric ? (value === undefined ? null : +value) : textContent;
    button.addEventListener("click", () => {
      const isRising = th.getAttribute("aria-sort") !== "ascending", sign = isRising ? 1 : -1;
      body.append(...[...body.rows].sort((a, b) => sign * compare(valueOf(a), valueOf(b), sign)));
      head.forEach((each) => each.setAttribute("aria-sort", each === th ? (isRising ? "ascending" : "descending") : "none"));
    });
    th.setAttribute("aria-sort", "none");
    th.replaceChildren(button);
  });
}

// --- figures: the first one at once, others when they come near the view, in idle time, or to be printed

const DRAWINGS = {
  pareto: drawPareto,
  parallel: drawParallel,
  breakdown: () => {
    const row = state.chosen, boundOf = (label) => named[`${label}_bound`]?.values[row];
    drawBreakdown("breakdown", data.workloads, data.breakdown.times_s[named.point.values[row]], boundOf);
  },
  diagram: () => drawBlocks(byId("diagram"), data.blocks[named.point.values[state.chosen]]),
  bars: () => drawBreakdown("bars", data.bars, data.breakdown.times_s, () => null),
};
const OF_CHOSEN = ["pareto", "parallel", "breakdown", "diagram"];
const due = new Set(); // names of figures that show nothing yet, or another machine than the chosen one
const near = new IntersectionObserver(
  (places) => places.forEach((each) => each.isIntersecting && draw(each.target.id)), { rootMargin: "50%" },
);
const whenIdle = (go) => (window.requestIdleCallback ?? setTimeout)(go);

function draw(id) {
  if (!due.delete(id)) return undefined;
  near.unobserve(byId(id));
  return DRAWINGS[id]();
}

function drawSoon(id) {
  if (!window.Plotly) return; // once it is there, all of them are due
  if (!due.size && window.archmodelReady) whenIdle(drawNext);
  due.add(id);
  near.observe(byId(id));
}

const drawFirst = () => draw(due.values().next().value);

function drawNext() {
  if (!due.size) return;
  drawFirst();
  whenIdle(drawNext);
}

window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((each) => (each.open = true));
  due.forEach(draw);
});

// What needs no Plotly, which comes last and takes a while.
if (rowIds.length) {
  startTable();
  drawRows();
  offerAxes();
  describeChosen();
}
document.querySelectorAll("table.sorts").forEach(makeSortable);
document.addEventListener("DOMContentLoaded", async () => { // Plotly is there
  for (const [id, { data: traces, layout }] of Object.entries(data.figures ?? {})) {
    DRAWINGS[id] = () => Plotly.newPlot(id, traces, { ...STYLE, ...layout }, CONFIG);
  }
  for (const place of document.querySelectorAll("[data-blocks]")) {
    DRAWINGS[place.id] = () => drawBlocks(place, data.blocks[place.dataset.blocks]);
  }
  document.querySelectorAll(".figure, .blocks").forEach((place) => place.id in DRAWINGS && drawSoon(place.id));
  await drawFirst();
  requestAnimationFrame(() => setTimeout(() => { // now it is painted, too
    performance.mark("archmodel ready");
    window.archmodelReady = true;
    whenIdle(drawNext);
  }));
});
