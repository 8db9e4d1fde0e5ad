"""Arithmetic that works alike on numbers and on columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archmodel.economy.types import EnergyParameters, node_nm
from archmodel.errors import UnsupportedError
from archmodel.machine.types import LaneEngine, Machine

Value: TypeAlias = float | NDArray[np.float64]
"""A number, or one per machine (M,)."""

UNSTATED = ("not stated", "none")
"""What ``process`` of a machine says where its node is not known."""


def machine_node_nm(machine: Machine, parameters: EnergyParameters) -> float:
    """Read the process node that area, energy and price of a machine follow [nm].

    It is the one that its process derives from (5 nm for 4 nm); where it states none, the one that is assumed.

    Parameters
    ----------
    machine
        Its ``process`` names the node, e.g. ``TSMC 5 nm``; of several the first counts.
    parameters
        Name the node that is assumed, and those that others derive from.

    Raises
    ------
    UnsupportedError
        When the process is stated in words that name no node.
    """
    stated_nm = node_nm(machine.process)
    if not stated_nm and machine.process not in UNSTATED:
        why = f"process {machine.process!r} names no node; write its size, e.g. '5 nm', or {UNSTATED[0]!r}"
        raise UnsupportedError(f"energy, area and cost of {machine.name}", [why])
    size_nm = stated_nm or node_nm(parameters.unstated_node)
    derived_nm = {node_nm(node): node_nm(origin) for node, origin in parameters.derived_node.items()}
    return derived_nm.get(size_nm, size_nm)


def at_node(table: Mapping[str, float], size_nm: float, what: str) -> float:
    """Read a table by node; between two nodes the logarithm goes straight with that of the size.

    Parameters
    ----------
    table
        Values by node.
    size_nm
        The node [nm].
    what
        Of which the table is, for the message.

    Raises
    ------
    UnsupportedError
        When the node is smaller or larger than all of the table.
    """
    known = sorted((node_nm(node), value) for node, value in table.items())
    if not known[0][0] <= size_nm <= known[-1][0]:
        span = f"{known[0][0]:g} to {known[-1][0]:g} nm"
        raise UnsupportedError(f"{what} at {size_nm:g} nm", [f"its parameter is known from {span}"])
    sizes, values = zip(*known, strict=True)
    return math.exp(np.interp(math.log(size_nm), np.log(sizes), np.log(values)))


def of_technology(table: Mapping[str, float], machine: Machine, what: str) -> Any:
    """Read a table by DRAM technology.

    Parameters
    ----------
    table
        Values by technology.
    machine
        One chip, or many in columns; its ``dram.technology`` counts.
    what
        Of which the table is, for the message.

    Raises
    ------
    UnsupportedError
        When a technology is not in the table.
    """
    technology = np.asarray(machine.dram.technology)
    values, is_known = np.zeros(technology.shape), np.zeros(technology.shape, np.bool_)
    for name, value in table.items():
        is_its = technology == name
        values[is_its] = value
        is_known |= is_its
    if not is_known.all():
        unknown = str(technology[~is_known][0])
        raise UnsupportedError(
            f"{what} of {machine.name}", [f"dram.technology is {unknown!r}; known: {', '.join(table)}"]
        )
    return values if values.ndim else float(values)


def n_spare(machine: Machine) -> Any:
    """PEs on the die that do not work; none where that is not known."""
    return 0 if machine.pe.n_spare is None else machine.pe.n_spare


def lanes_of(engine: LaneEngine, dtype: str) -> Any:
    """Lanes of an engine in a dtype; in one that it does not have, the fewest of any.

    Parameters
    ----------
    engine
        SIMD engine or vector core.
    dtype
        Of the elements.
    """
    return engine.lanes[dtype] if dtype in engine.lanes else reduce(np.minimum, engine.lanes.values())


def add(parts: Mapping[str, Any]) -> Any:
    """Sum the parts of something."""
    return sum(parts.values())
