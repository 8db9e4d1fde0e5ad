"""``archmodel op``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import archmodel as am
from archmodel.cli.options import AsJson, Sets, parse_assignments
from archmodel.cli.shapes import name_dims, read_flags, read_shapes
from archmodel.cli.show import print_json, print_notes, print_table, say_run
from archmodel.mapping import LaunchMode


def op(
    machine: str,
    kind: str,
    /,
    *,
    table: Path | None = None,
    dtype: str = "bf16",
    place: str = "",
    model: str = "roofline",
    launch: LaunchMode = "eager",
    mode: str | None = None,
    set_: Sets = (),
    json: AsJson = False,
    **dims: str,
) -> int:
    """Evaluate one operator, or a table of shapes in one batch.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    kind
        Operator kind, e.g. matmul; a wrong one lists them all.
    table
        CSV file with a column per dim (and, if wanted, dtype): one row per shape.
    dtype
        Number format of arithmetic and operands.
    place
        Memory of operands, e.g. a=sram,b=sram; the others are in DRAM.
    model
        Model to use.
    launch
        eager: launched by the host on its own; graph: inside a compiled job.
    mode
        Of model cycle: representative (one PE, the default) or grid (all of them).
    set_
        Override of a machine value, e.g. --set clock="1.1 GHz"; may be repeated.
    json
        Print JSON: one object, or with --table a list of them.
    dims
        Dims of the operator, e.g. --m 4096 --n 4096 --k 4096.
    """
    named = name_dims(dims)
    place_: Any = parse_assignments("--place", place.split(",") if place else ())
    shapes = read_flags(kind, named, dtype) if table is None else read_shapes(table, kind, named, dtype)
    chosen = am.machine(machine, parse_assignments("--set", set_))
    how: Any = {"dtype": dtype, "model": model, "place": place_, "launch": launch, "mode": mode}
    if table is None:
        rows = [am.evaluate_operator(chosen, kind, **how, **shapes[""])]
    else:
        rows = list(am.evaluate_operators(chosen, kind, list(shapes.values()), **how).rows())
    if json:
        print_json(rows[0] if table is None else rows)
    else:
        names = dict.fromkeys(name for shape in shapes.values() for name in (*shape, "dtype"))
        headings = {name: name for name in names} | {
            "latency_s": "latency", "lower_s": "lower bound", "upper_s": "upper bound", "bound": "bound by",
            "throughput": "throughput", "utilisation": "of matrix peak", "energy_j": "energy",
        }  # fmt: skip
        run = {"launch": launch, "set": rows[0].get("set")}
        print_table(f"{kind} on {chosen.name} ({say_run(model, run)})", rows, headings, n_keys=len(names))
    located = [{**row, "message": f"{where}: {row['message']}"} for where, row in zip(shapes, rows, strict=True)]
    return print_notes(located, json)
