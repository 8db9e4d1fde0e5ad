"""Read a table of shapes for ``archmodel op --table``."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archmodel.cli.options import as_flag
from archmodel.dtypes import check_dtype
from archmodel.errors import Fault, InputError
from archmodel.workload.operators import operator_kind
from archmodel.workload.single import parse_dims

SUBJECT = "table of shapes"


def name_dims(flags: Mapping[str, str]) -> dict[str, str]:
    """Name dims as operator kinds do: ``kv-len`` → ``kv_len``."""
    return {name.replace("-", "_"): text for name, text in flags.items()}


def read_flags(kind: str, texts: Mapping[str, str], dtype: str) -> dict[str, dict[str, Any]]:
    """Read the dims of one operator from its flags."""
    try:
        return {"": parse_dims(kind, texts, dtype)}
    except InputError as error:
        faults = [Fault(as_flag(fault.where) if fault.where else "", fault.text) for fault in error.faults]
        raise InputError(error.subject, faults) from None


def read_shapes(path: Path, kind: str, common: Mapping[str, str], dtype: str) -> dict[str, dict[str, Any]]:
    """Read dims by their place in the file (``shapes.csv:3``).

    Parameters
    ----------
    path
        CSV file: a header and one row per shape.
    kind
        Operator kind.
    common
        Dims that all rows share, as text.
    dtype
        Number format of rows that name none.

    Raises
    ------
    InputError
        With every fault of every row.
    """
    operator_kind(kind), check_dtype(dtype)  # a fault of these is not one of every row
    header, *rows = _read_rows(path) or [("", [])]
    faults = _check_header(*header, common, path.name)
    names = [name.strip() for name in header[1]]
    if faults or not rows:
        raise InputError(SUBJECT, faults or [Fault(path.name, "has no rows; give a header and one row per shape")])
    shapes = {}
    for where, cells in rows:
        if len(cells) != len(names):
            faults.append(Fault(where, f"has {len(cells)} cells, the header has {len(names)}"))
            continue
        try:
            texts = {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
            shapes[where] = parse_dims(kind, {**common, **texts}, dtype)
        except InputError as error:
            faults += [Fault(where, str(fault)) for fault in error.faults]
    if faults:
        raise InputError(SUBJECT, faults)
    return shapes


def _read_rows(path: Path) -> list[tuple[str, list[str]]]:
    """Read the lines that hold something, each with its place."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            return [(f"{path.name}:{reader.line_num}", row) for row in reader if len(row) > 1 or "".join(row).strip()]
    except OSError as error:
        raise InputError(SUBJECT, [Fault(str(path), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise InputError(SUBJECT, [Fault(path.name, "is not UTF-8 text; save the file as UTF-8")]) from error
    except csv.Error as error:
        raise InputError(SUBJECT, [Fault(f"{path.name}:{reader.line_num}", f"is not CSV: {error}")]) from error


def _check_header(where: str, cells: list[str], common: Mapping[str, str], file: str) -> list[Fault]:
    names = [cell.strip() for cell in cells]
    if len(names) == 1 and any(sign in names[0] for sign in ";\t"):
        return [Fault(where, "columns must be separated by commas")]
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    faults = [Fault(where, f"column {name!r} is given {names.count(name)} times; give it once") for name in twice]
    return faults + [
        Fault(as_flag(name), f"is a column of {file}, too; give it once") for name in names if name in common
    ]
