"""Silicon area from what a machine is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from archmodel.economy.types import AreaParameters, Economy
from archmodel.economy.values import Value, add, at_node, lanes_of, machine_node_nm, n_spare, of_technology
from archmodel.machine.types import Machine


@dataclass(frozen=True)
class Area:
    """Silicon of a chip; numbers, or columns for machines in columns.

    Parameters
    ----------
    die_mm2
        One compute die [mm²].
    n_dies
        Compute dies: more than one where all would not fit the reticle.
    parts_mm2
        Of all compute dies together, by part [mm²].
    io_dies_mm2
        Further dies in the package, all together [mm²].
    n_io_dies
        How many.
    """

    die_mm2: Value
    n_dies: Value
    parts_mm2: Mapping[str, Value]
    io_dies_mm2: Value
    n_io_dies: int

    @property
    def silicon_mm2(self) -> Value:
        """All dies together [mm²]."""
        return self.die_mm2 * self.n_dies + self.io_dies_mm2


def estimate_area(machine: Machine, economy: Economy) -> Area:
    """Estimate the area of the dies of a machine.

    Parameters
    ----------
    machine
        One chip, or many in columns.
    economy
        Parameters.

    Model
    -----
    ``compute silicon = PEs · (arithmetic · logic_factor · s_logic + local · sram · s_sram) + SRAM · sram · s_sram +
    Σ bandwidth · PHY``, with scales s of the node. Arithmetic of a PE is that of the dtype that needs most in its
    matrix engine (others share it), and a multiplier and an adder in FP32 for each lane. PEs are all on the die, spare
    ones too. Links to other chips are on dies of their own where the machine has such (`io_dies`).

    What exceeds the reticle is cut into the fewest equal dies that fit, each larger by ``split_overhead``.

    Sources
    -------
    Parameters: ``archmodel cost MACHINE --sources``. Validation: ``docs/methods/economy.md``.

    Raises
    ------
    UnsupportedError
        When the node or the DRAM technology is not one that parameters are given for.
    """
    p, node = economy.area, machine_node_nm(machine, economy.energy)
    logic = p.logic_factor * at_node(p.logic_scale, node, "area of logic")
    sram = p.sram_mm2_per_byte * at_node(p.sram_scale, node, "area of SRAM")
    n_pes: Any = machine.pe.n_pes + n_spare(machine)
    link = machine.scale_up.bandwidth_bytes_per_s if machine.scale_up and not machine.io_dies else 0.0
    parts = {
        "pe_logic": n_pes * arithmetic_mm2(machine, p) * logic,
        "local": n_pes * machine.local.capacity_bytes * sram,
        "sram": machine.sram.capacity_bytes * sram,
        "dram_phy": machine.dram.bandwidth_bytes_per_s
        * of_technology(p.dram_mm2_per_bytes_per_s, machine, "area of the DRAM interface"),
        "host_phy": machine.host.bandwidth_bytes_per_s * p.host_mm2_per_bytes_per_s,
        "link_phy": link * p.link_mm2_per_bytes_per_s,
    }
    total = add(parts)
    whole = np.ceil(total / p.reticle_mm2)
    n_dies = np.where(whole > 1, np.ceil(total * (1 + p.split_overhead_frac) / p.reticle_mm2), 1.0)
    split_mm2 = np.where(n_dies > 1, total * p.split_overhead_frac, 0.0)
    parts["die_to_die"] = _plain(split_mm2)
    io = machine.io_dies
    return Area(
        die_mm2=_plain((total + split_mm2) / n_dies),
        n_dies=_plain(n_dies),
        parts_mm2=parts,
        io_dies_mm2=io.n_dies * io.die_mm2 if io else 0.0,
        n_io_dies=io.n_dies if io else 0,
    )


def arithmetic_mm2(machine: Machine, parameters: AreaParameters) -> Value:
    """Area of the multipliers and adders of one PE at 7 nm [mm²].

    Parameters
    ----------
    machine
        One chip, or many in columns.
    parameters
        Areas of multipliers and adders.
    """
    n_cells: Any = machine.array.size**2 if machine.array else 1
    macs: Any = 0.0
    for dtype, per_cycle in machine.matrix.macs_per_cycle.items():
        macs = np.maximum(macs, per_cycle * (parameters.multiply_mm2[dtype] + parameters.add_mm2[dtype]))
    lane_mm2 = parameters.multiply_mm2["fp32"] + parameters.add_mm2["fp32"]
    lanes: Any = 0.0
    for engine in (machine.simd, machine.vector):
        if engine is not None:
            lanes = lanes + lanes_of(engine, "fp32") * lane_mm2
    found: Value = machine.matrix.n_tiles * n_cells * macs + lanes
    return found


def _plain(value: Any) -> Any:
    return value.item() if np.ndim(value) == 0 and hasattr(value, "item") else value
