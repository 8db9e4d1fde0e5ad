"""Pages and table of hardware blocks."""

from __future__ import annotations

import re
from pathlib import Path

from archmodel.verify.contract import find_unit, unit_names
from archmodel.verify.core_effect import CORES, core_effects
from archmodel.verify.issue_rate import issue_rates
from generate.tables import table

STUBS = Path("..") / ".." / ".." / "rtl_stubs"


def block_page(name: str) -> str:
    """Show the README of a block as a page of the documentation: links lead to the pages of other blocks."""
    text = (find_unit(name).folder / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\]\(\.\./(\w+)/README\.md\)", r"](\1.md)", text)
    return re.sub(r"\]\(([\w-]+\.svg)\)", rf"]({STUBS / name}/\1)", text)


def block_table() -> str:
    """Say what is checked of each block: builds, points, events, coverage bins."""
    rows = []
    for unit in map(find_unit, unit_names()):
        contract = unit.contract
        rows.append(
            {
                "unit": f"[{unit.name}](../blocks/generated/{unit.name}.md)",
                "block": contract.title,
                "builds": len(contract.builds),
                "points, Verilator": contract.points["verilator"],
                "points, Icarus": contract.points["icarus"],
                "kinds of events": len(contract.events),
                "coverage bins": len(contract.coverage),
            }
        )
    return table(rows)


def issue_rate_table() -> str:
    """Cycles per command of every kernel of the core that pushes some; a program that only computes is left out."""
    rows = []
    for row in issue_rates().rows():
        if row["commands"] > 1:
            cells = {name: f"{row[name]:.2f}" for name in ("instructions", "short", "long")}
            cells["two cores (law)"] = f"{row['two_cores']:.2f}" if row["two_cores"] else "–"
            rows.append({"kernel": f"`{row['kernel']}`", "commands": row["commands"], **cells})
    return table(rows)


def core_effect_table() -> str:
    """Utilisation of the matrix engine in small products, by core: in hardware / in the cycle model."""
    rows: dict[tuple[object, object], dict[str, object]] = {}
    for row in core_effects().rows():
        cells = rows.setdefault((row["product"], row["stationary"]), {"product": row["product"]})
        cells["in place"] = row["stationary"]
        cells[row["core"]] = f"{row['hardware_frac']:.1%} / {row['model_frac']:.1%} ({row['issue_cycles']})"
    assert all(len(cells) == 2 + len(CORES) for cells in rows.values())
    return table(list(rows.values()))
