"""Energy of a step: operations, bytes that move, and what flows while nothing happens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from archmodel.economy.area import Area, estimate_area
from archmodel.economy.types import Economy, EnergyParameters
from archmodel.economy.values import Value, add, at_node, lanes_of, machine_node_nm, of_technology
from archmodel.economy.work import StepWork
from archmodel.machine.types import LaneEngine, Machine

_KIB = 1024.0


@dataclass(frozen=True)
class Energy:
    """Energy of one step of one chip; numbers, or columns for machines in columns.

    Parameters
    ----------
    energy_j
        At the input of the card [J].
    power_w
        On average over the step [W].
    parts_j
        By part; they sum up to ``energy_j`` [J].
    """

    energy_j: Value
    power_w: Value
    parts_j: Mapping[str, Value]


def estimate_energy(
    machine: Machine, work: StepWork, traffic_bytes: Mapping[str, Value], latency_s: Value, economy: Economy
) -> Energy:
    """Estimate the energy of one step.

    Parameters
    ----------
    machine
        One chip, or many in columns.
    work
        Operations of the step, by `count_work`.
    traffic_bytes
        Bytes that the step moves at ``local``, ``sram``, ``dram``, ``host`` and ``link``, as
        `archmodel.models.columns.Totals.traffic_bytes` has them [B].
    latency_s
        Of the step [s].
    economy
        Parameters.

    Model
    -----
    ``(Σ operations · energy + Σ bytes · energy + static power · latency) / conversion``. On-die energies go with the
    square of the supply (`Power.supply_v`). Bytes of SRAM and DRAM cross 2/3 of the edge of a square of all compute
    dies, the mean distance of two points in it along its edges. Static power: `EnergyRates.static_w`.

    Sources
    -------
    Form: M. Horowitz, ISSCC 2014. Parameters: ``archmodel cost MACHINE --sources``. Validation:
    ``docs/methods/economy.md``.

    Raises
    ------
    UnsupportedError
        When the node or the DRAM technology is not one that parameters are given for.
    """
    rates = EnergyRates(machine, estimate_area(machine, economy), economy)
    return rates.estimate(work, traffic_bytes, latency_s)


@dataclass(frozen=True)
class EnergyRates:
    """Energy of operations and bytes, and power that flows without work: worked out once for all steps of a chip.

    Parameters
    ----------
    machine
        One chip, or many in columns.
    area
        Of it, by `estimate_area`.
    economy
        Parameters.
    """

    machine: Machine
    area: Area
    economy: Economy

    def estimate(self, work: StepWork, traffic_bytes: Mapping[str, Any], latency_s: Any) -> Energy:
        """Estimate the energy of one step; parameters as in `estimate_energy`."""
        engines = (("matrix", work.macs), ("simd", work.simd_ops), ("vector", work.vector_ops))
        parts: dict[str, Any] = {name: self._operations_j(name, counts) for name, counts in engines}
        parts |= {name: math.prod(rates, start=traffic_bytes[name]) for name, rates in self._byte_rates.items()}
        parts |= {name: power_w * latency_s for name, power_w in self.static_w.items()}
        parts["conversion"] = add(parts) * (1 / self.economy.energy.conversion_frac - 1)
        energy_j = add(parts)
        return Energy(energy_j=energy_j, power_w=energy_j / latency_s, parts_j=parts)

    @cached_property
    def static_w(self) -> dict[str, Any]:
        """Power that flows without work, by part [W].

        Model
        -----
        ``silicon · (leakage + clock · f)``, both with the square of the supply, and idle links to other chips.
        """
        p, machine = self.economy.energy, self.machine
        silicon_mm2 = self.area.silicon_mm2 * self._supply
        link = machine.scale_up.bandwidth_bytes_per_s if machine.scale_up else 0.0
        return {
            "leakage": silicon_mm2 * p.leakage_w_per_mm2,
            "clock": silicon_mm2 * p.clock_w_per_mm2_hz * machine.clock_hz,
            "idle_link": link * p.link_j_per_byte * p.idle_link_frac,
        }

    @cached_property
    def _byte_rates(self) -> dict[str, tuple[Any, ...]]:
        """Factors of the energy of a byte, by level [J/B]."""
        p = self.economy.energy
        sram_scale = at_node(p.sram_scale, self._node_nm, "energy of SRAM") * self._supply
        wire = p.wire_j_per_byte_mm * 2 / 3 * np.sqrt(self.area.die_mm2 * self.area.n_dies) * self._supply
        return {
            "local": (sram_j_per_byte(self.machine.local.capacity_bytes, p), sram_scale),
            "sram": (p.sram_1mib_j_per_byte * sram_scale + wire,),
            "dram": (of_technology(p.dram_j_per_byte, self.machine, "energy of the DRAM") + wire,),
            "host": (p.host_j_per_byte,),
            "link": (p.link_j_per_byte, 1 - p.idle_link_frac),
        }

    def _operations_j(self, engine: str, counts: Mapping[str, float]) -> Any:
        """Energy of the operations of an engine, by how many there are of each dtype [J]."""
        found: Any = sum(n * self._operation_j(engine, dtype) for dtype, n in counts.items())
        if engine == "matrix":
            found = found * (1 + self.economy.energy.matrix_overhead_frac)
        return found * self._supply

    def _operation_j(self, engine: str, dtype: str) -> Any:
        """Energy of an operation at the supply of the tables [J]; where an engine is missing, the other one does it."""
        if (engine, dtype) not in self._known_j:
            p, machine = self.economy.energy, self.machine
            lanes = {"simd": machine.simd or machine.vector, "vector": machine.vector or machine.simd}
            self._known_j[engine, dtype] = (
                mac_j(dtype, self._node_nm, p) if engine == "matrix" else lane_j(dtype, lanes[engine], self._node_nm, p)
            )
        return self._known_j[engine, dtype]

    @cached_property
    def _known_j(self) -> dict[tuple[str, str], Any]:
        return {}

    @cached_property
    def _node_nm(self) -> float:
        return machine_node_nm(self.machine, self.economy.energy)

    @cached_property
    def _supply(self) -> Any:
        return supply_factor(self.machine, self.economy.energy)


def supply_factor(machine: Machine, parameters: EnergyParameters) -> Any:
    """Energy at the supply of a machine over that at the one of the tables; 1 where it is not known.

    Parameters
    ----------
    machine
        One chip, or many in columns.
    parameters
        Of energy.
    """
    supply_v = machine.power.supply_v
    return 1.0 if supply_v is None else (supply_v / parameters.supply_v) ** 2


def operation_j(dtype: str, node_nm: float, at_45nm: Mapping[str, float], at_7nm: Mapping[str, float], p: Any) -> float:
    """Energy of an operation at a node [J].

    Parameters
    ----------
    dtype
        Of the operands.
    node_nm
        Process node [nm].
    at_45nm, at_7nm
        The two tables.
    p
        Parameters of energy.

    Model
    -----
    Down to 7 nm the logarithm of the energy goes straight with that of the node between the tables; a dtype that only
    the one at 7 nm has takes the ratio of FP32. Below, the energy at 7 nm times ``below_7nm``.
    """
    if node_nm <= 7:
        return at_7nm[dtype] * at_node(p.below_7nm, node_nm, "energy of logic")
    ratio = at_45nm[dtype] / at_7nm[dtype] if dtype in at_45nm else at_45nm["fp32"] / at_7nm["fp32"]
    return at_node({"45 nm": at_7nm[dtype] * ratio, "7 nm": at_7nm[dtype]}, node_nm, "energy of logic")


def mac_j(dtype: str, node_nm: float, p: EnergyParameters) -> float:
    """Energy of a multiply-accumulate [J]: a product of the dtype, added up in FP32 or INT32.

    Parameters
    ----------
    dtype
        Of the operands.
    node_nm
        Process node [nm].
    p
        Parameters of energy.
    """
    total = "int32" if dtype in ("int8", "int32", "bfp8") else "int64" if dtype == "int64" else "fp32"
    product = operation_j(dtype, node_nm, p.multiply_45nm_j, p.multiply_7nm_j, p)
    return product + operation_j(total, node_nm, p.add_45nm_j, p.add_7nm_j, p)


def lane_j(dtype: str, engine: LaneEngine | None, node_nm: float, p: EnergyParameters) -> Any:
    """Energy of an operation on one element [J]: the mean of product and sum, and its share of the instruction.

    Parameters
    ----------
    dtype
        Of the element.
    engine
        Whose lanes share an instruction.
    node_nm
        Process node [nm].
    p
        Parameters of energy.
    """
    product = operation_j(dtype, node_nm, p.multiply_45nm_j, p.multiply_7nm_j, p)
    total = operation_j(dtype, node_nm, p.add_45nm_j, p.add_7nm_j, p)
    instruction = operation_j("fp32", node_nm, p.multiply_45nm_j, p.multiply_7nm_j, p) / p.multiply_7nm_j["fp32"]
    lanes: Any = 1.0 if engine is None else lanes_of(engine, dtype)
    return (product + total) / 2 + p.instruction_j * instruction / lanes


def sram_j_per_byte(capacity_bytes: Any, p: EnergyParameters) -> Any:
    """Energy of a byte of a memory at 7 nm [J/B].

    Parameters
    ----------
    capacity_bytes
        Of the memory [B].
    p
        Parameters of energy.

    Model
    -----
    Logarithms of energy and capacity go straight between the three sizes; a smaller one is as the smallest, a larger
    one is banks of 1 MiB.
    """
    sizes = np.log([8 * _KIB, 32 * _KIB, 1024 * _KIB])
    energies = np.log([p.sram_8kib_j_per_byte, p.sram_32kib_j_per_byte, p.sram_1mib_j_per_byte])
    found = np.exp(np.interp(np.log(capacity_bytes), sizes, energies))
    return float(found) if np.ndim(found) == 0 else found
