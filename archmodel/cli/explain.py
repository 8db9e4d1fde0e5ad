"""``archmodel explain``."""

from __future__ import annotations

from typing import Any

import archmodel as am
from archmodel.cli.options import AsJson, Sets, parse_assignments
from archmodel.cli.shapes import name_dims, read_flags
from archmodel.cli.show import note, print_json, print_table

PATH = {
    "phase": "phase", "cycles": "cycles", "fill_cycles": "fill", "binds": "binds", "work_cycles": "at work",
    "wait_cycles": "waiting", "drain_cycles": "drain",
}  # fmt: skip
COMMANDS = {
    "phase": "phase", "unit": "unit", "times": "times", "unit_cycles": "cycles", "shared": "shared",
    "shared_cycles": "served", "law": "law",
}  # fmt: skip
CAUSES = ("data", "space", "issue", "arbitration", "dram")
LEDGER = {name: name for name in ("phase", "unit", "busy", *CAUSES, "idle")}
GAINS = {"change": "change", "cycles": "cycles", "gain_frac": "faster by"}


def explain(
    machine: str,
    kind: str,
    /,
    *,
    dtype: str = "bf16",
    place: str = "",
    set_: Sets = (),
    json: AsJson = False,
    **dims: str,
) -> None:
    """Say why an operator takes its cycles: laws, critical path, stall ledger, and what would help.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    kind
        Operator kind.
    dtype
        Number format of arithmetic and operands.
    place
        Memory of operands, e.g. a=sram,b=sram; the others are in DRAM.
    set_
        Override of a machine value; may be repeated.
    json
        Print JSON.
    dims
        Dims of the operator, e.g. --m 4096 --n 4096 --k 4096.
    """
    place_: Any = parse_assignments("--place", place.split(",") if place else ())
    shape = read_flags(kind, name_dims(dims), dtype)[""]
    chosen = am.machine(machine, parse_assignments("--set", set_))
    found = am.explain_operator(chosen, kind, dtype=dtype, place=place_, **shape)
    if json:
        print_json(found.to_dict())
        return
    share = "" if found.utilisation is None else f", {100 * found.utilisation:.1f} % of the matrix peak"
    sizes = " ".join(f"{name}={value}" for name, value in shape.items())
    bound = f"physical bound {found.bound_cycles:,.0f}"
    print_table(
        f"{kind} {sizes} {dtype} on {chosen.name}: {found.cycles:,} cycles ({bound}){share}", found.phases, PATH
    )
    print()
    print_table("Commands of one PE: cycles of each by its law", found.commands, COMMANDS, n_keys=2)
    print()
    print_table("Stall ledger of one PE: cycles busy, waiting by cause, idle", found.ledger, LEDGER, n_keys=2)
    print()
    helpful = [row for row in found.gains if row["gain_frac"] >= 0.005]
    print_table("What would help", helpful or found.gains[:1], GAINS)
    mapping = found.phases[-1]["mapping"]
    if mapping:
        note("note: mapping " + ", ".join(f"{name} {value}" for name, value in mapping.items()))
    note("note: cycles of the device; launching is left out")
