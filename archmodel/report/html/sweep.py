"""The page of a sweep: its question, what is assumed, the best machines, and how to get them again."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import yaml

from archmodel.machine.types import SET_BY_USER
from archmodel.report.columns import Column
from archmodel.report.figure import short_text
from archmodel.report.html.front import MOST_DETAILED, Front
from archmodel.report.html.inputs import Inputs
from archmodel.report.html.page import (
    IS_ASSUMED,
    Page,
    Section,
    figure,
    folded,
    link,
    paragraph,
    reproduction,
    source,
    table,
)
from archmodel.report.html.sweep_data import CLOUD_QUERY, MOST_AXES, rows_of, sweep_data
from archmodel.report.machine_facts import ASSUMED, SET
from archmodel.report.points import SweepPoints
from archmodel.report.sample import KNEE
from archmodel.report.wording import query_command, say_settings, show_name, show_unit
from archmodel.units import format_count

FILE = "sweep.yaml"
_N_LETTERS = 160  # of the choices of an axis


def sweep_page(front: Front, runs: Mapping[str, Mapping[str, Any]], inputs: Inputs) -> Page:
    """Build the page of a sweep from its results.

    Parameters
    ----------
    front
        Of the results, with the tables that `archmodel.api.report` has added.
    runs
        Settings that each workload of the base machine is run with, by its label.
    inputs
        Copies of the machine and the workloads that are not shipped.
    """
    points, counts = front.points, front.points.counts
    base = show_name(points.run["asked"]["machine"]["name"])
    lead = (
        f"{counts['n_points']:,} machines of {points.run['n_space']:,}, base {base}: "
        f"{counts['n_failed']:,} without an answer, {counts['n_infeasible']:,} outside the conditions."
    )
    text = yaml.safe_dump(inputs.rename(points.run["description"]), sort_keys=False, allow_unicode=True, width=100)
    sections = [
        Section("question", "Question", _question(points, runs, text)),
        Section("assumptions", "Inputs and assumptions", _assumptions(points)),
    ]
    best = Section("best", "Machines that no other one beats", _front(front))
    sections += [best] if not front.kept else [
        Section("trade-offs", "Trade-offs", _pareto(points)),
        best,
        Section("lines", "Choices and figures side by side", _parallel(points)),
        Section("detail", "The chosen machine", _detail(front)),
        Section("ladder", "What every model says of the best", _ladder(front)),
    ]  # fmt: skip
    sections.append(Section("reproduce", "How to get these numbers again", _reproduce(points, inputs)))
    return Page(points.run["title"], lead, sections, sweep_data(front), {FILE: text, **inputs.texts})


def _question(points: SweepPoints, runs: Mapping[str, Mapping[str, Any]], text: str) -> str:
    asked = points.run["asked"]
    better = {"max": "as large as can be", "min": "as small as can be"}
    parts = [
        table("What is wanted", ("objective", "column", "unit", "goal"),
              [(each.title, each.name, show_unit(each.unit), better[str(each.goal)])
               for each in points.objectives]),
        table("Workloads; shares are those of the time of the base machine", ("workload", "trace", "settings", "share"),
              [(label, show_name(each["workload"]), say_settings([runs[label]], runs[label]),
                f"{100 * each['share']:.1f} %")
               for label, each in asked["workloads"].items()]),
        table("What varies", ("axis", "choices", "which"),
              [(axis.name, len(axis.labels), short_text(", ".join(axis.labels), _N_LETTERS)) for axis in points.axes]),
    ]  # fmt: skip
    if asked["where"]:
        parts.append(table("What must hold", ("condition",), [(text,) for text in asked["where"]]))
    parts.append(folded(f"The sweep as its file says it ({FILE})", f"<pre>{escape(text)}</pre>"))
    return "\n".join(parts)


def _assumptions(points: SweepPoints) -> str:
    run, asked = points.run, points.run["asked"]
    given = {**asked["machine"]["set"], **asked["economy"]["set"]}
    swept = {row["path"] for row in rows_of(points, "choices")}
    rows = [
        (row["path"], row["about"], row["value"], row["source"], "set by an axis" if row["path"] in swept else "")
        for row in rows_of(points, "parameters") if row["kind"] == "assumed" and row["source"] != SET_BY_USER
    ]  # fmt: skip
    model = ", then ".join(asked["fidelity"]) or asked["model"]
    parts = [
        paragraph(
            f"Model {model}{f', mode {mode}' if (mode := asked['mode']) else ''}, launch {asked['launch']}. "
            f"{points.n_assumed['machine']} values of the machine and {points.n_assumed['economy']} of the "
            "economy are assumed, not published or measured; they are listed here with the reason for each."
        ),
        *(paragraph(text, "remark") for text in run["notes"]),
    ]
    if given:
        parts.append(table("Set by the sweep", ("path", "value"), [(path, str(text)) for path, text in given.items()]))
    headings = ("parameter", "of", "value", "why", "remark")
    listed = table("Assumed values of the base machine", headings, rows)
    parts.append(folded(format_count(len(rows), "assumed value"), listed))
    return "\n".join([*parts, source(str(points.store.folder), f"SELECT * FROM parameters WHERE {IS_ASSUMED}")])


def _pareto(points: SweepPoints) -> str:
    folder = str(points.store.folder)
    text = (
        "Each dot is a machine; choose one of the front with the mouse, or in the table below. Grey dots are a sample "
        "of those that meet the conditions and that one of the front beats; the rest by query: "
    )
    return f"""<p>{escape(text)}<code>{escape(query_command(folder, "SELECT * FROM points"))}</code></p>
<div class="controls"><label>horizontal axis <select id="pareto-x"></select></label>
<label>vertical axis <select id="pareto-y"></select></label></div>
{figure("pareto", "Trade-offs between figures of the machines")}
{source(folder, CLOUD_QUERY)}"""


def _front(front: Front) -> str:
    points = front.points
    n_all, n_kept = len(front.rows["point"]), len(front.kept)
    if not n_all:
        why, sql = points.why_empty()
        return paragraph(f"There are none: {why}.", "remark") + source(str(points.store.folder), sql)
    said = f"All {n_all:,} of them" if n_kept == n_all else f"{n_kept:,} of {n_all:,}, spread over the front"
    if len(points.axes) > MOST_AXES:
        said += f", with the first {MOST_AXES} of {len(points.axes)} axes"
    return f"""<p>{said}. Headings sort. Filters take part of a text, or <code>&gt; 5</code>, <code>&lt;= 5</code>,
<code>2..5</code> in the unit of the column; a word in the search field must be in the row.</p>
<div class="controls"><label>search <input id="search" type="search"></label>
<span id="count" role="status"></span></div>
<div class="wide" tabindex="0" role="region" aria-label="Table of the front">
<table id="front"><caption>Machines of the front</caption><thead></thead><tbody></tbody></table></div>
<button id="more" type="button">show more rows</button>
{source(str(points.store.folder), "SELECT * FROM front")}"""


def _parallel(points: SweepPoints) -> str:
    text = "A line is a machine of the front: its choice on each axis, then its objectives, better ones higher."
    return f"""{paragraph(text)}
<div class="wide">{figure("parallel", "Choices and objectives of the front")}</div>
{source(str(points.store.folder), "SELECT * FROM front")}"""


def _detail(front: Front) -> str:
    folder, (point, why) = str(front.points.store.folder), front.opened
    opened = f"The page opens with machine {point} ({why})."
    return f"""<p id="chosen" role="status"></p>{paragraph(f"{opened} {KNEE}" if why == "knee" else opened)}
<h3>What it changes</h3><div class="wide"><table id="parameters"><caption>Parameters against those of the base machine
</caption><thead></thead><tbody></tbody></table></div>{source(folder, "SELECT * FROM choices")}
<h3>What it gains</h3><div class="wide"><table id="gains"><caption>Figures against those of the base machine</caption>
<thead></thead><tbody></tbody></table></div>{source(folder, "SELECT * FROM base")}
<h3>Where the time goes</h3><p>Operators are broken down of at most {MOST_DETAILED} machines
of the front, spread over it, and of the best ones.</p>
{figure("breakdown", "Time of each workload by operator group")}
{source(folder, "SELECT * FROM operators")}
<h3>Block diagram</h3><p>{ASSUMED} rests on an assumed value, {SET} is set by the sweep.</p>
<div id="diagram" class="blocks"></div>{source(folder, "SELECT * FROM blocks")}"""


def _ladder(front: Front) -> str:
    points, folder = front.points, str(front.points.store.folder)
    parts = [paragraph(
        "The best machine of each objective by every model: what a detailed one sees that a fast one misses. "
        "Launching and exchanges are part of the latency."
    ), figure("steps", "Latency by model")]  # fmt: skip
    columns = [*points.objectives, *(points.column(f"{label}_latency_s", "") for label in front.workloads)]
    headings: list[str | Column] = ["point", "model", *columns, "remark"]
    body = [[str(row["point"]), row["model"], *(row[each.name] for each in columns), row["message"]]
            for row in front.ladder]  # fmt: skip
    parts.append(table("The best machines by model", headings, body))
    parts += [source(folder, sql) for sql in front.ladder_queries.values()]
    rungs = rows_of(points, "fidelity")
    if rungs:
        cells = [list(row.values()) for row in rungs]
        parts += [table("What each model was given and has left", list(rungs[0]), cells)]
        parts += [source(folder, "SELECT * FROM fidelity")]
    return "\n".join(parts)


def _reproduce(points: SweepPoints, inputs: Inputs) -> str:
    run, asked, folder = points.run, points.run["asked"], points.store.folder
    command = ["archmodel", "sweep", FILE, "-o", f"{folder}-again"]
    if asked["fidelity"]:
        command += ["--fidelity", ",".join(f"{name}:{most}" for name, most in asked["fidelity"].items())]
    elif asked["search"]:
        command += ["--search", asked["search"], "--evaluations", str(asked["n_points"])]
    hashes = [("machine", show_name(asked["machine"]["name"]), asked["machine"]["sha256"])]
    hashes += [(f"workload {label}", show_name(each["workload"]), each["sha256"])
               for label, each in asked["workloads"].items()]  # fmt: skip
    hashes += [("economy", "", asked["economy"]["sha256"]), ("all that was asked", run["sweep"], run["sha256"])]
    versions = [*run["versions"].items(), ("seed", str(asked["seed"]))]
    said = f"<p>{link(FILE)} is beside this page. The same versions give the same bytes.</p>{inputs.list_copies()}"
    if inputs.texts:
        said += paragraph("As the copies have other paths, the hash of all that was asked will be another one.")
    return "\n".join([
        said,
        reproduction([command, ["archmodel", "report", f"{folder}-again"]], versions, "Versions and seed"),
        table("Inputs", ("input", "name", "SHA-256"), hashes),
    ])  # fmt: skip
