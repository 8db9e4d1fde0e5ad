"""Figures of points: of the chip, of each workload on it, and of the whole mix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.economy import (
    Economy,
    EnergyRates,
    count_work,
    estimate_area,
    estimate_chip_cost,
    estimate_fleet,
    estimate_power,
    estimate_serving,
    load_economy,
)
from archmodel.errors import UnsupportedError
from archmodel.machine.columns import MachineColumns
from archmodel.machine.types import Machine
from archmodel.models.columns import Totals
from archmodel.sweep.fields import Part
from archmodel.sweep.objectives import CHIP, PER_WORKLOAD
from archmodel.workload.types import Trace

Columns = dict[str, Any]
"""A value per machine (M,), by name."""


@dataclass(frozen=True)
class Chips:
    """Chips of machines in columns: what all workloads on them share.

    Parameters
    ----------
    columns
        Of `CHIP`, by name (M,).
    energy
        What operations and bytes take on them.
    """

    columns: Columns
    energy: EnergyRates

    def take(self, chosen: NDArray[np.int64], machines: MachineColumns) -> Chips:
        """Choose some of the chips; ``machines`` are those chosen."""
        economy = self.energy.economy
        machine = machines.machine()
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return Chips(columns, EnergyRates(machine, estimate_area(machine, economy), economy))


@dataclass(frozen=True)
class Economics:
    """Energy, area and cost of machines in columns.

    Parameters
    ----------
    changes
        Parameters that a sweep sets, by path.
    """

    changes: Mapping[str, Any]

    @cached_property
    def economy(self) -> Economy:
        """All parameters."""
        return load_economy({path: str(value) for path, value in self.changes.items()})

    def reason_against(self, machine: Machine) -> str:
        """Say why a machine, and those that differ from it in numbers only, have no cost; nothing if they have."""
        try:
            self.chips(MachineColumns(machine, {}, 1))
        except UnsupportedError as error:
            return "; ".join(error.reasons)
        return ""

    def chips(self, machines: MachineColumns) -> Chips:
        """Estimate chips.

        All points have the estimated design limit, the base machine too: figures are there to be compared.

        Parameters
        ----------
        machines
            That `reason_against` says nothing against.
        """
        machine = machines.machine()
        area = estimate_area(machine, self.economy)
        rates = EnergyRates(machine, area, self.economy)
        power = estimate_power(machine, self.economy, rates)
        cost = estimate_chip_cost(machine, area, power.tdp_w, self.economy)
        fleet = estimate_fleet(power.tdp_w, cost.chip_usd, self.economy)
        values = (
            area.die_mm2,
            area.n_dies,
            area.silicon_mm2,
            power.typical_w,
            power.tdp_w,
            cost.chip_usd,
            fleet.n_chips,
            fleet.capex_usd,
        )
        columns = {name: _spread(value, machines) for name, value in zip(CHIP, values, strict=True)}
        return Chips(columns, rates)

    def workload(self, trace: Trace, totals: Totals, chips: Chips | None) -> Columns:
        """Give the columns of a workload, `PER_WORKLOAD`; throughput is per chip.

        Parameters
        ----------
        trace, totals
            What was evaluated, and what the model said.
        chips
            On which; without them there is neither energy nor cost.

        Model
        -----
        As `estimate_energy` and `estimate_serving` say: ``step_j`` is the energy of a chip during a step,
        ``j_per_item`` that of the whole site per item. Where stages share the layers there is neither, nor cost: work
        is counted of all stages, and time of one chip.
        """
        throughput = totals.throughput / trace.plan.n_chips
        nothing = np.full(len(throughput), np.nan)
        columns: Columns = {
            **dict.fromkeys(PER_WORKLOAD, nothing),
            "latency_s": totals.latency_s,
            "lower_s": totals.lower_s,
            "throughput": throughput,
            "utilisation": totals.utilisation,
        }
        if chips and trace.plan.pp == 1:
            energy = chips.energy.estimate(count_work(trace), totals.traffic_bytes, totals.latency_s)
            prices = chips.columns["tdp_w"], chips.columns["chip_usd"]
            served = estimate_serving(throughput, energy.power_w, *prices, self.economy)
            columns |= {
                "step_j": energy.energy_j,
                "j_per_item": served.j_per_item,
                "usd_per_million_items": served.usd_per_million_items,
                "items_per_s_per_mw": served.items_per_s_per_mw,
            }
        return columns


def _spread(value: Any, machines: MachineColumns) -> NDArray[np.float64]:
    return np.broadcast_to(np.asarray(value, np.float64), (machines.n_machines,)).copy()


def mix_columns(table: Mapping[str, Any], parts: Sequence[Part], base: Mapping[str, Mapping[str, float]]) -> Columns:
    """Give the figures of the mix.

    Parameters
    ----------
    table
        Has the columns of the chips and of the workloads.
    parts
        The workloads.
    base
        Figures of each workload on the base machine; empty for a single workload, whose figures are absolute.

    Model
    -----
    Shares s are those of the time of the base machine: ``speedup = 1 / Σ s · throughput(base) / throughput`` (Amdahl),
    ``latency_ratio = Σ s · latency / latency(base)``. Shares of the energy of the base machine are
    ``e = s · P(base) / Σ s · P(base)`` with its power P in each workload, so ``energy_ratio = Σ e · j_per_item /
    j_per_item(base)``. Average power is energy over time: ``Σ s · P(base) · energy_ratio · speedup``.

    Sources
    -------
    G. Amdahl, Validity of the single processor approach, AFIPS 1967.
    """
    if not base:
        label = parts[0].label
        figures = {name: table[f"{label}_{name}"] for name in ("latency_s", "throughput", "j_per_item")}
        speed = figures["throughput"]
        figures["power_w"] = table[f"{label}_step_j"] / figures["latency_s"]
    else:
        base_w = sum(part.weight * _power_w(base[part.label]) for part in parts)

        def mean(name: str, weights: Sequence[float], *, is_inverse: bool = False) -> Any:
            ratios = [table[f"{part.label}_{name}"] / base[part.label][name] for part in parts]
            return sum(w * (1 / ratio if is_inverse else ratio) for w, ratio in zip(weights, ratios, strict=True))

        shares = [part.weight for part in parts]
        energy_shares = [part.weight * _power_w(base[part.label]) / base_w for part in parts]
        speed = 1 / mean("throughput", shares, is_inverse=True)
        figures = {
            "latency_ratio": mean("latency_s", shares),
            "speedup": speed,
            "energy_ratio": mean("j_per_item", energy_shares),
        }
        figures["power_w"] = base_w * figures["energy_ratio"] * speed
    return figures | {
        "perf_per_w": speed / figures["power_w"],
        "perf_per_mm2": speed / table["silicon_mm2"],
        "perf_per_usd": speed / table["chip_usd"],
    }


def _power_w(figures: Mapping[str, float]) -> float:
    return figures["step_j"] / figures["latency_s"]
