"""``archmodel query``."""

from __future__ import annotations

from pathlib import Path

from archmodel.cli.options import AsJson
from archmodel.cli.show import print_json, print_table
from archmodel.results.store import open_store
from archmodel.units import format_count, unit_of


def query(folder: Path, sql: str, /, *, json: AsJson = False) -> None:
    """Ask results in SQL (DuckDB); those of a sweep are tables points, front and what else it has kept.

    Parameters
    ----------
    folder
        That 'archmodel sweep' or 'verify' has written, or 'run' or 'compare' with --output.
    sql
        One select, e.g. 'select count(*) as n from points'; 'show tables' lists the tables, 'describe points' the
        columns of one.
    json
        Print JSON: one object per row.
    """
    store = open_store(folder)
    answer = store.query(sql)
    rows = list(answer.rows())
    if json:
        print_json(rows)
    else:
        units = store.run().get("units", {})
        # A column whose name ends in its unit says it already.
        said = {name: "" if unit_of(name) else units.get(name, "") for name in answer.columns}
        print_table(
            format_count(len(rows), "row"),
            rows,
            {name: f"{name} [{unit}]" if unit else name for name, unit in said.items()},
        )
