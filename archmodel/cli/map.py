"""``archmodel map``."""

from __future__ import annotations

from typing import Any

import archmodel as am
from archmodel.cli.options import AsJson, Sets, parse_assignments
from archmodel.cli.shapes import name_dims, read_flags
from archmodel.cli.show import note, print_json, print_table
from archmodel.errors import Fault, InputError


def map(
    machine: str,
    kind: str,
    /,
    *,
    dtype: str = "bf16",
    place: str = "",
    top: int = 10,
    set_: Sets = (),
    json: AsJson = False,
    **dims: str,
) -> None:
    """List the mappings of an operator that the mapper weighs, the chosen one first, and what binds each.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    kind
        Operator kind that is one product: matmul, batched_matmul or linear.
    dtype
        Number format of arithmetic and operands.
    place
        Memory of operands, e.g. a=sram,b=sram; the others are in DRAM.
    top
        How many to show.
    set_
        Override of a machine value; may be repeated.
    json
        Print JSON: all of them.
    dims
        Dims of the operator, e.g. --m 4096 --n 4096 --k 4096.
    """
    if top < 1:
        raise InputError("command line", [Fault("--top", f"{top} is not allowed; allowed: whole numbers from 1")])
    place_: Any = parse_assignments("--place", place.split(",") if place else ())
    shape = read_flags(kind, name_dims(dims), dtype)[""]
    chosen = am.machine(machine, parse_assignments("--set", set_))
    rows = list(am.map_operator(chosen, kind, dtype=dtype, place=place_, **shape).rows())
    if json:
        print_json(rows)
        return
    for row in rows:
        row["grid"] = " x ".join(str(row[f"grid_{name}"]) for name in "bmnk")
        row["block"] = " x ".join(str(row[f"block_{name}"]) for name in "mnk")
    headings = {
        "stationary": "stays in place", "grid": "grid b x m x n x k", "block": "block m x n x k",
        "n_buffered": "buffered", "analytic_cycles": "cycles", "slower_frac": "slower by",
        "serial_cycles": "nothing overlapped", "binds": "binds",
        "binding_cycles": "at work",
    }  # fmt: skip
    print_table(f"Mappings of {kind} on {chosen.name}", rows[:top], headings)
    note(f"note: the first of {len(rows)} is chosen: the fewest cycles in closed form")
