"""What a chip costs: dies, device memory, package, test and card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from archmodel.economy.area import Area
from archmodel.economy.types import CostParameters, Economy
from archmodel.economy.values import Value, add, at_node, machine_node_nm, n_spare, of_technology
from archmodel.machine.types import Machine


@dataclass(frozen=True)
class ChipCost:
    """Cost of a chip on its card; numbers, or columns for machines in columns.

    Parameters
    ----------
    chip_usd
        What its buyer pays, margin included [$].
    parts_usd
        By part; they sum up to ``chip_usd`` [$].
    yield_frac
        Share of compute dies that work.
    dies_per_wafer
        Compute dies on a wafer, good and bad.
    """

    chip_usd: Value
    parts_usd: Mapping[str, Value]
    yield_frac: Value
    dies_per_wafer: Value


def estimate_chip_cost(machine: Machine, area: Area, tdp_w: Value, economy: Economy) -> ChipCost:
    """Estimate the cost of a chip with its memory, package and card.

    Parameters
    ----------
    machine
        One chip, or many in columns.
    area
        Of it, by `estimate_area`.
    tdp_w
        Its design limit, for which voltage regulators are paid [W].
    economy
        Parameters.

    Model
    -----
    A good die costs ``wafer / (dies_per_wafer · yield)`` (`count_dies`, `die_yield`). Spare PEs replace defective ones:
    with any, defects in PEs do no harm. HBM, and several dies, are joined by an interposer of the area of all dies and
    stacks; others take an organic package. Test and assembly are a share of dies, memory and package. Chip and memory
    are sold with the margin of the vendor; the card is not.

    Sources
    -------
    ``archmodel cost MACHINE --sources``. Validation: ``docs/methods/economy.md``.

    Raises
    ------
    UnsupportedError
        When the node or the DRAM technology is not one that parameters are given for.
    """
    p = economy.cost
    wafer_usd = at_node(p.wafer_usd, machine_node_nm(machine, economy.energy), "price of a wafer")
    in_pes: Any = np.where(n_spare(machine) > 0, area.parts_mm2["pe_logic"] + area.parts_mm2["local"], 0.0)
    yield_frac = die_yield(area.die_mm2 - in_pes / area.n_dies, p)
    dies_per_wafer = count_dies(area.die_mm2, p)
    parts: dict[str, Any] = {"dies": wafer_usd / (dies_per_wafer * yield_frac) * area.n_dies, "io_dies": 0.0}
    if area.n_io_dies:
        io_mm2 = area.io_dies_mm2 / area.n_io_dies
        parts["io_dies"] = wafer_usd / (count_dies(io_mm2, p) * die_yield(io_mm2, p)) * area.n_io_dies
    capacity_bytes = machine.dram.capacity_bytes
    parts["dram"] = capacity_bytes * of_technology(p.dram_price_usd_per_byte, machine, "price of the DRAM")
    parts["package"] = _package_usd(machine, area, p)
    parts["test"] = add(parts) * p.test_frac
    parts["margin"] = add(parts) * p.vendor_margin_frac / (1 - p.vendor_margin_frac)
    parts["board"] = p.board_usd + tdp_w * p.regulator_usd_per_w
    return ChipCost(add(parts), parts, yield_frac, dies_per_wafer)


def _package_usd(machine: Machine, area: Area, p: CostParameters) -> Any:
    is_hbm = np.char.startswith(machine.dram.technology, "HBM")
    n_stacks = np.where(is_hbm, np.ceil(machine.dram.capacity_bytes / p.hbm_stack_bytes), 0.0)
    has_interposer = is_hbm | (np.asarray(area.n_dies + area.n_io_dies) > 1)
    usd_per_mm2 = np.where(has_interposer, p.cowos_usd_per_mm2, p.organic_usd_per_mm2)
    return (area.silicon_mm2 + n_stacks * p.hbm_footprint_mm2) * usd_per_mm2


def count_dies(die_mm2: Value, parameters: CostParameters) -> Value:
    """Count the whole dies on a wafer.

    Parameters
    ----------
    die_mm2
        Area of one [mm²].
    parameters
        Of cost.

    Model
    -----
    ``π d² / 4A − π d / √(2A)`` with the diameter d that yields: area less the dies that the edge cuts.

    Sources
    -------
    D. de Vries, Investigation of Gross Die Per Wafer Formulas, IEEE Trans. Semiconductor Manufacturing 18(1), 2005.
    """
    diameter_mm = parameters.wafer_diameter_mm - 2 * parameters.edge_mm
    whole = np.pi * diameter_mm**2 / (4 * die_mm2) - np.pi * diameter_mm / np.sqrt(2 * die_mm2)
    count: Value = np.maximum(np.floor(whole), 1.0)
    return count


def die_yield(critical_mm2: Value, parameters: CostParameters) -> Value:
    """Share of dies without a killer defect.

    Parameters
    ----------
    critical_mm2
        Area in which a defect kills [mm²].
    parameters
        Of cost.

    Model
    -----
    Negative binomial: ``(1 + A D / α)^−α``.

    Sources
    -------
    C. Stapper, Defect density distribution for LSI yield calculations, IEEE Trans. Electron Devices 20(7), 1973.
    """
    defects: Any = 1 + critical_mm2 * parameters.defects_per_mm2 / parameters.clustering
    found: Value = np.power(defects, -parameters.clustering)  # `**` rounds a number unlike a column
    return found
