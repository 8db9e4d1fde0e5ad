"""Power of a chip at its typical operating point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archmodel.dtypes import dtype_bytes
from archmodel.economy.area import estimate_area
from archmodel.economy.energy import EnergyRates
from archmodel.economy.types import Economy
from archmodel.economy.values import Value, lanes_of
from archmodel.economy.work import StepWork
from archmodel.machine.types import SET_BY_USER, Machine

_USUAL = ("bf16", "fp16", "bfp8", "fp8", "int8", "fp32")
"""Formats in which typical work is done: the first one that a matrix engine has."""


@dataclass(frozen=True)
class PowerEstimate:
    """Power of a chip, at the input of its card; numbers, or columns for machines in columns.

    Parameters
    ----------
    typical_w
        At the typical operating point [W].
    tdp_w
        Design limit [W].
    parts_w
        Of typical power, by part [W].
    """

    typical_w: Value
    tdp_w: Value
    parts_w: Mapping[str, Value]


@dataclass(frozen=True)
class DesignLimit:
    """Power that servers and the site have to provide for.

    Parameters
    ----------
    tdp_w
        Per chip [W].
    kind
        ``estimated``, ``set`` by the user, or the kind of the value that the machine states.
    reason
        Why the one or the other.
    """

    tdp_w: Value
    kind: str
    reason: str


def choose_design_limit(machine: Machine, estimate: PowerEstimate) -> DesignLimit:
    """Choose what is provisioned for: the design limit of the chip as built where it is known, else the estimate.

    A stated limit belongs to the machine as built: other overrides, without one of the limit, make another machine.

    Parameters
    ----------
    machine
        One chip.
    estimate
        Of it, by `estimate_power`.
    """
    note = machine.provenance.get("power.tdp")
    changed = [path for path, each in machine.provenance.items() if each.source == SET_BY_USER]
    if "power.tdp" in changed:
        return DesignLimit(machine.power.tdp_w, "set", "power.tdp is set")
    if changed:
        reason = f"power.tdp is that of the chip as built, without the override of {', '.join(sorted(changed))}"
        return DesignLimit(estimate.tdp_w, "estimated", reason)
    if note is None or note.is_assumed:
        return DesignLimit(estimate.tdp_w, "estimated", "power.tdp is assumed")
    return DesignLimit(machine.power.tdp_w, note.kind, f"power.tdp is {note.kind}")


def estimate_power(machine: Machine, economy: Economy, rates: EnergyRates | None = None) -> PowerEstimate:
    """Estimate typical power and the design limit.

    Parameters
    ----------
    machine
        One chip, or many in columns.
    economy
        Parameters.
    rates
        Energy of its operations and bytes, if they are there already.

    Model
    -----
    Typical: engines, local memories (which feed the matrix engine) and SRAM work at ``operating_point.compute`` of
    their peaks (lanes in FP32), DRAM and links at ``operating_point.traffic``; energy as of a step of one second
    (`estimate_energy`).
    Design limit: typical power over ``typical_over_tdp``.

    Sources
    -------
    ``archmodel cost MACHINE --sources``; what is calibrated and what is predicted: ``docs/methods/economy.md``.

    Raises
    ------
    UnsupportedError
        When the node or the DRAM technology is not one that parameters are given for.
    """
    point = economy.operating_point
    dtypes = machine.matrix.macs_per_cycle
    dtype = next((name for name in _USUAL if name in dtypes), next(iter(dtypes)))
    macs: Any = machine.peak_flop_per_s("matrix", dtype) / 2 * point.compute_frac
    ops = {
        name: {"fp32": machine.pe.n_pes * lanes_of(engine, "fp32") * machine.clock_hz * point.compute_frac}
        for name, engine in (("simd", machine.simd), ("vector", machine.vector))
        if engine is not None
    }
    elements_per_mac = 1 / machine.matrix.reuse_rows + 1 / machine.matrix.reuse_cols
    link = machine.scale_up.bandwidth_bytes_per_s if machine.scale_up else 0.0
    traffic = {
        "local": macs * elements_per_mac * dtype_bytes(dtype),
        "sram": machine.sram_bandwidth_bytes_per_s * point.compute_frac,
        "dram": machine.dram.bandwidth_bytes_per_s * point.traffic_frac,
        "host": machine.host.bandwidth_bytes_per_s * point.traffic_frac,
        "link": link * point.traffic_frac,
    }
    work = StepWork({dtype: macs}, ops.get("simd", {}), ops.get("vector", {}))
    rates = rates or EnergyRates(machine, estimate_area(machine, economy), economy)
    energy = rates.estimate(work, traffic, 1.0)
    return PowerEstimate(energy.power_w, energy.power_w / point.typical_over_tdp_frac, energy.parts_j)
