"""``archmodel op``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import archmodel as am
from archmodel.cli.options import AsJson, Sets, parse_assignments
from archmodel.cli.show import print_json, print_table
from archmodel.errors import Fault, InputError
from archmodel.workload.single import parse_dims


def op(
    machine: str,
    kind: str,
    /,
    *,
    table: Path | None = None,
    dtype: str = "bf16",
    place: str = "",
    model: str = "roofline",
    launch: Literal["graph", "eager"] = "eager",
    set_: Sets = (),
    json: AsJson = False,
    **dims: str,
) -> None:
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
    set_
        Override of a machine value, e.g. --set clock="1.1 GHz"; may be repeated.
    json
        Print JSON: one object, or with --table a list of them.
    dims
        Dims of the operator, e.g. --m 4096 --n 4096 --k 4096.
    """
    named = {name.replace("-", "_"): text for name, text in dims.items()}
    shapes = [parse_dims(kind, named)] if table is None else _read_shapes(table, kind, named)
    places: Any = parse_assignments("--place", place.split(",") if place else ())
    chosen = am.machine(machine, parse_assignments("--set", set_))
    rows = list(
        am.evaluate_operators(chosen, kind, shapes, dtype=dtype, model=model, place=places, launch=launch).rows()
    )
    if json:
        print_json(rows if table is not None else rows[0])
        return
    headings = {name: name for name in (*shapes[0], "dtype")} | {
        "latency_s": "latency", "lower_s": "lower bound", "upper_s": "upper bound", "bound": "bound by",
        "throughput": "throughput", "utilisation": "of matrix peak", "energy_j": "energy",
    }  # fmt: skip
    print_table(f"{kind} on {chosen.name} ({model}, {launch} launch)", rows, headings)


def _read_shapes(path: Path, kind: str, common: dict[str, str]) -> Sequence[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("table of shapes", [Fault(str(path), f"cannot be read: {error}")]) from error
    faults = [Fault(f"{path.name}:{n}", "has a cell too many or too few") for n, line in enumerate(lines, 2)
              if None in line or None in line.values()]  # fmt: skip
    if faults or not lines:
        raise InputError(
            "table of shapes", faults or [Fault(str(path), "has no rows; give a header and one row per shape")]
        )
    return [parse_dims(kind, {**common, **{key.strip(): text.strip() for key, text in line.items()}}) for line in lines]
