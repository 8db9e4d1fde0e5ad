"""The page of a verification: model against hardware, point by point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archmodel.report.columns import Column
from archmodel.report.figure import FigureInfo
from archmodel.report.html.figures import draw_line, draw_points
from archmodel.report.html.page import Page, Section, figure, paragraph, reproduction, source, table
from archmodel.report.points import MOST_DRAWN
from archmodel.results.store import Store

SUMMARY = (
    "SELECT unit, simulator, count(DISTINCT build) AS builds, count(*) AS points, "
    "count(*) FILTER (model_cycles = rtl_cycles) AS exact, max(abs(error_frac)) AS worst_error_frac, "
    "sum(rtl_cycles) AS rtl_cycles FROM points GROUP BY unit, simulator ORDER BY unit, simulator"
)
WORST = (
    "SELECT unit, simulator, build, point, parameters, model_cycles, rtl_cycles, error_frac FROM points "
    "WHERE model_cycles <> rtl_cycles ORDER BY abs(error_frac) DESC, unit, simulator, build, point LIMIT 20"
)
DRAWN = f"SELECT * FROM points ORDER BY abs(error_frac) DESC, unit, simulator, build, point LIMIT {MOST_DRAWN}"
_HEADINGS = {
    "worst_error_frac": "largest error", "error_frac": "error", "rtl_cycles": "RTL [cycles]",
    "model_cycles": "model [cycles]", "build_s": "build [s]", "simulation_s": "simulation [s]",
    "simulator_cycles_per_s": "simulator [cycles/s]", "model_cycles_per_s": "model [cycles/s]",
}  # fmt: skip


def verification_page(store: Store) -> Page:
    """Build the page of what ``archmodel verify`` has kept.

    Parameters
    ----------
    store
        The results.
    """
    run, tables = store.run(), store.tables()
    sections, data = [], dict[str, Any]()
    counts = {"n": 0, "exact": 0}
    if "points" in tables:
        sql = "SELECT count(*) AS n, count(*) FILTER (model_cycles = rtl_cycles) AS exact FROM points"
        counts = next(store.query(sql).rows())
        drawn = figure("cycles", "Model against RTL") + _source(store, DRAWN)
        text = "A dot is a point; on the line, the model is exact."
        n_left = next(store.query(f"SELECT count(*) AS n FROM ({DRAWN}) WHERE model_cycles * rtl_cycles = 0").rows())[
            "n"
        ]
        if n_left:
            text += f" Not drawn: {n_left:,} of them that take 0 cycles, for which a logarithmic axis has no place."
        sections = [
            Section("summary", "Blocks", _query(store, "Points by block and simulator", SUMMARY)),
            Section("points", "Point by point", paragraph(text) + drawn),
        ]
        if counts["exact"] < counts["n"]:
            sections.append(Section("worst", "The largest differences", _query(store, "Points that differ", WORST)))
        data["figures"] = {"cycles": _cycles(store)}
    for name, heading in (("faults", "Faults"), ("kernels", "Kernels"), ("ledger", "Stalls"), ("speeds", "Speed"),
                          ("fits", "Estimates"), ("simulations", "Simulations")):  # fmt: skip
        if name in tables:
            sections.append(Section(name, heading, _query(store, heading, f"SELECT * FROM {name}")))
    again = reproduction([run["command"]], run["versions"].items())
    sections.append(Section("reproduce", "How to get these numbers again", again))
    lead = f"{counts['exact']:,} of {counts['n']:,} points take exactly as many cycles as the model says."
    return Page("Timing laws against hardware blocks", lead, sections, data)


def _source(store: Store, sql: str) -> str:
    return source(str(store.folder), sql)


def _query(store: Store, caption: str, sql: str) -> str:
    """Set the answer of a query as a table."""
    rows = list(store.query(sql).rows())
    headings = [_heading(name) for name in rows[0]] if rows else []
    return table(caption, headings, [list(row.values()) for row in rows]) + _source(store, sql)


def _heading(name: str) -> str | Column:
    title = _HEADINGS.get(name, name.replace("_", " "))
    return Column(name, title, "", None) if name.endswith("error_frac") else title


def _cycles(store: Store) -> Mapping[str, Any]:
    answer = store.query(DRAWN)
    info = FigureInfo("", "counted by the RTL [cycles]", "expected by the model [cycles]", answer, "")
    both: Sequence[float] = [*answer["rtl_cycles"], *answer["model_cycles"]]
    ends = [max(1, min(both)), max(1, *both)]
    return draw_points(
        info, "rtl_cycles", "model_cycles", "unit", name="parameters", lines=[draw_line("exact", ends, ends)]
    )
