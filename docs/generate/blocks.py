"""Pages and table of hardware blocks."""

from __future__ import annotations

from pathlib import Path

from archmodel.verify.contract import find_unit, unit_names
from generate.tables import table

STUBS = Path("..") / ".." / ".." / "rtl_stubs"


def block_page(name: str) -> str:
    """Show the README of a block as a page of the documentation."""
    return f"```{{include}} {STUBS / name / 'README.md'}\n:relative-images:\n```\n"


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
