"""Read the parameters of energy, area and cost, with the provenance of every value."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from archmodel.dtypes import DTYPES
from archmodel.economy.types import DRAM_TECHNOLOGIES, NODES, Economy
from archmodel.errors import Fault, InputError
from archmodel.inputs import Document, KeyPath, build, in_reading_order, keys_at, read_yaml
from archmodel.machine.sourced import merge_sources, override, split_leaves
from archmodel.machine.types import Provenance

SUBJECT = "economy parameters"
_LABELS = ("title", "notes", "sources")
_BY_DTYPE = ("multiply_45nm", "add_45nm", "multiply_7nm", "add_7nm", "multiply", "add")
_BY_NODE = ("derived_node", "below_7nm", "sram_scale", "logic_scale", "wafer")
_BY_TECHNOLOGY = ("dram", "dram_price")


def load_economy(overrides: Mapping[str, str] | None = None, option: str = "--assume") -> Economy:
    """Load all parameters.

    Parameters
    ----------
    overrides
        Values by dotted path, as the file would write them, e.g. ``{"fleet.electricity": "0.08 USD/kWh"}``.
    option
        Where they were given, for messages.

    Raises
    ------
    InputError
        When an override is wrong; lists every fault.
    """
    return _load(tuple((overrides or {}).items()), option)


@cache
def _load(overrides: tuple[tuple[str, str], ...], option: str) -> Economy:
    faults: list[Fault] = []
    document = read_yaml(Path(str(files("archmodel.economy") / "parameters.yaml")), SUBJECT)
    provenance: dict[str, Provenance] = {}
    sources = merge_sources(document, Document(SUBJECT, {}, {}))
    tree = split_leaves(document, _LABELS, sources, provenance, faults)
    document = Document(SUBJECT, tree, document.marks)
    document, provenance = override(document, provenance, dict(overrides), _settable, option, faults)
    try:
        economy = build(Economy, document)
    except InputError as error:
        raise InputError(SUBJECT, in_reading_order([*faults, *error.faults])) from None
    if faults:
        raise InputError(SUBJECT, in_reading_order(faults))
    return dataclasses.replace(economy, provenance=provenance)


def _settable(path: KeyPath) -> list[str]:
    """Keys below a path that can be set."""
    names: Any = {_BY_DTYPE: DTYPES, _BY_NODE: NODES, _BY_TECHNOLOGY: DRAM_TECHNOLOGIES}
    for keys, allowed in names.items():
        if len(path) == 2 and path[1] in keys:
            return list(allowed)
    hidden = {*_LABELS, "provenance"} if not path else set()
    return [key for key in keys_at(Economy, path) if key not in hidden]
