"""The page of one workload on one machine, or on several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from archmodel.report.columns import Column
from archmodel.report.figure import FigureInfo
from archmodel.report.html.blocks import draw_blocks
from archmodel.report.html.figures import draw_line, draw_points, group_colours
from archmodel.report.html.inputs import Inputs
from archmodel.report.html.page import IS_ASSUMED, Page, Section, figure, folded, paragraph, reproduction, source, table
from archmodel.report.machine_facts import ASSUMED, SET
from archmodel.results import ResultTable
from archmodel.results.store import Store
from archmodel.units import format_count, format_si

_N_OPERATORS = 25
_DASHES = {"local memory": "dot", "SRAM": "dash", "DRAM": "dashdot"}  # of the lines of a roofline
_TOTALS = {
    "machine": "machine", "latency_s": "latency", "lower_s": "lower bound", "upper_s": "upper bound",
    "throughput": "throughput", "utilisation": "of matrix peak", "bound": "bound by", "launch_s": "launching",
    "energy_j": "energy", "message": "remark",
}  # fmt: skip
_OPERATORS = {
    "operator": "operator", "machine": "machine", "kind": "kind", "count": "count", "latency_s": "latency",
    "lower_s": "lower bound", "bound": "bound by", "flop": "work", "bytes": "operands",
}  # fmt: skip
_UNITS = {
    "latency_s": "s", "lower_s": "s", "upper_s": "s", "launch_s": "s", "energy_j": "J", "utilisation": "",
    "flop": "FLOP", "bytes": "B",
}  # fmt: skip
SLOWEST = f"SELECT * FROM operators ORDER BY latency_s DESC, machine, operator LIMIT {_N_OPERATORS}"


def results_page(store: Store) -> Page:
    """Build the page of what ``archmodel run`` or ``compare`` has kept.

    Parameters
    ----------
    store
        The results.
    """
    run, folder = store.run(), str(store.folder)
    inputs = Inputs(**run.get("inputs", {}))
    totals, operators = (list(store.query(f"SELECT * FROM {name}").rows()) for name in ("total", "operators"))
    done = [row for row in totals if row["status"] == "ok"]
    units = {**_UNITS, "throughput": next((row["throughput_unit"] for row in done), "")}
    listed, bars = _columns(_TOTALS, "One step", totals, units), figure("bars", "Time by operator group")
    sections = [
        Section("totals", "What a step takes", listed + source(folder, "SELECT * FROM total")),
        Section("time", "Where the time goes", bars + source(folder, "SELECT * FROM operators") + _slowest(store)),
    ]
    data: dict[str, Any] = {"bars": [row["machine"] for row in done], "breakdown": _breakdown(done, operators)}
    drawn = [row for row in operators if row["flop"] and row["bytes"] and row["latency_s"]]
    if drawn:
        dots = "A dot is an operator: work per byte, every operand moved once, and the rate reached."
        ceilings = "" if len(done) == 1 else " The machines have ceilings of their own, which are not drawn."
        n_left = len(operators) - len(drawn)
        left = f" Not drawn: {n_left:,} of {len(operators):,} operators, without arithmetic, operands or time."
        roofline = paragraph(dots + ceilings + (left if n_left else "")) + figure("roofline", dots)
        tables = ["operators", "ceilings"] if len(done) == 1 else ["operators"]
        queries = [source(folder, f"SELECT * FROM {name}") for name in tables]
        sections.append(Section("ceilings", "Roofline", roofline + "".join(queries)))
        data["figures"] = {"roofline": _roofline(done, drawn, list(store.query("SELECT * FROM ceilings").rows()))}
    blocks = draw_blocks(store.query("SELECT * FROM blocks").rows(), "machine")
    data["blocks"] = blocks
    diagrams = "".join(
        f'<h3>{escape(name)}</h3><div id="blocks-{idx}" class="blocks" data-blocks="{escape(name)}"></div>'
        for idx, name in enumerate(blocks)
    )
    marks = paragraph(f"{ASSUMED} rests on an assumed value, {SET} is set by the user.")
    sections += [
        Section("machines", "Block diagrams", marks + diagrams + source(folder, "SELECT * FROM blocks")),
        Section("assumptions", "Assumptions", _assumptions(run, store)),
        Section("reproduce", "How to get these numbers again", _reproduce(run, folder, inputs)),
    ]
    names = ", ".join(row["machine"] for row in totals)
    given = {**run["settings"], **run["settings"].get("set", {})}
    said = ", ".join(f"{name} {value}" for name, value in given.items() if name != "set")
    title = f"{run['workload']} {run['phase']} on {names}"
    return Page(title, f"Model {run['model']}; {said}.", sections, data, inputs.texts)


def _columns(
    titles: Mapping[str, str], caption: str, rows: Sequence[Mapping[str, Any]], units: Mapping[str, str] = _UNITS
) -> str:
    """Set some columns of a table, each by its title."""
    headings = [Column(name, title, units[name], None) if name in units else title for name, title in titles.items()]
    return table(caption, headings, [[row.get(name) for name in titles] for row in rows])


def _slowest(store: Store) -> str:
    rows = list(store.query(SLOWEST).rows())
    caption = f"The slowest {format_count(len(rows), 'operator')}"
    return _columns(_OPERATORS, caption, rows) + source(str(store.folder), SLOWEST)


def _breakdown(totals: Sequence[Mapping[str, Any]], operators: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the time by operator group: by machine, a value per group [s]; what is left of a step is launching."""
    colours = group_colours(row["group"] for row in operators)
    times = []
    for total in totals:
        parts: dict[str, list[float]] = {"launch": [total["latency_s"]]}
        for row in operators:
            if row["machine"] == total["machine"]:
                own = [row["latency_s"], -row["launch_s"]]
                parts.setdefault(row["group"], []).extend(own)
                parts["launch"].extend(-part for part in own)
        times.append([math.fsum(parts.get(group, ())) for group in colours])
    return {"groups": list(colours), "colours": list(colours.values()), "times_s": times}


def _roofline(
    totals: Sequence[Mapping[str, Any]], operators: Sequence[Mapping[str, Any]], ceilings: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Draw operators under the ceilings of their machine; of several machines, without ceilings."""
    rows = [
        {"operator": row["operator"], "group": row["group"], "machine": row["machine"],
         "intensity": row["flop"] / row["bytes"], "reached": row["flop"] / row["latency_s"]}
        for row in operators
    ]  # fmt: skip
    labels = "Arithmetic intensity [FLOP/B]", "Arithmetic [FLOP/s]"
    info = FigureInfo("Roofline", *labels, ResultTable.from_rows(rows), "")
    if len(totals) > 1:
        return draw_points(info, "intensity", "reached", "machine", name="operator")
    ends = [min(row["intensity"] for row in rows) / 2, max(row["intensity"] for row in rows) * 2]
    top = max((row["flop_per_s"] for row in ceilings if row["flop_per_s"]), default=math.inf)
    lines = []
    for row in ceilings:
        flat, slope = row["flop_per_s"], row["bytes_per_s"]
        knee = min(max(top / slope, ends[0]), ends[1]) if slope else ends[1]
        xs = [ends[0], knee, ends[1]]
        name = f"{row['name']} {format_si(flat, 'FLOP/s') if flat else format_si(slope, 'B/s')}"
        lines.append(draw_line(name, xs, [flat or min(top, slope * x) for x in xs], _DASHES.get(row["name"], "solid")))
    return draw_points(info, "intensity", "reached", "group", name="operator", lines=lines)


def _assumptions(run: Mapping[str, Any], store: Store) -> str:
    sql = f"SELECT machine, path, value, source FROM parameters WHERE {IS_ASSUMED} ORDER BY machine, path"
    rows = [(row["path"], row["machine"], row["value"], row["source"]) for row in store.query(sql).rows()]
    listed = table("Assumed values", ("parameter", "machine", "value", "why"), rows)
    remarks = "".join(paragraph(text, "remark") for text in run["warnings"])
    return remarks + folded(format_count(len(rows), "assumed value"), listed) + source(str(store.folder), sql)


def _reproduce(run: Mapping[str, Any], folder: str, inputs: Inputs) -> str:
    command = [*inputs.rename(run["command"]), "-o", f"{folder}-again"]
    return inputs.list_copies() + reproduction([command], run["versions"].items())
