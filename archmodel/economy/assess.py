"""One machine, with or without a workload: everything that follows for energy, area and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from archmodel.economy.area import Area, estimate_area
from archmodel.economy.cost import ChipCost, estimate_chip_cost
from archmodel.economy.energy import Energy, estimate_energy
from archmodel.economy.fleet import Fleet, Serving, estimate_fleet, estimate_serving
from archmodel.economy.power import DesignLimit, PowerEstimate, choose_design_limit, estimate_power
from archmodel.economy.types import Economy
from archmodel.economy.work import count_work
from archmodel.errors import UnsupportedError
from archmodel.machine.columns import MachineColumns
from archmodel.machine.types import Machine, list_assumed
from archmodel.mapping import LaunchMode
from archmodel.workload.types import Trace


@dataclass(frozen=True)
class Run:
    """A workload on one chip.

    Parameters
    ----------
    workload, phase, item
        What, and what it produces.
    latency_s
        Of a step [s].
    items_per_s
        That a chip produces [1/s].
    energy
        Of a step of a chip.
    serving
        What an item costs.
    """

    workload: str
    phase: str
    item: str
    latency_s: float
    items_per_s: float
    energy: Energy
    serving: Serving


@dataclass(frozen=True)
class Assessment:
    """What follows from a machine, and from a workload on it if there is one.

    Host, network, building, regulators and chips per gigawatt follow from ``design_limit``; ``power`` is an estimate.
    """

    machine: Machine
    economy: Economy
    area: Area
    power: PowerEstimate
    design_limit: DesignLimit
    cost: ChipCost
    fleet: Fleet
    run: Run | None

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain dicts, ready for JSON; parameters with value, kind and source."""
        economy = self.economy
        parts = {name: _plain(asdict(getattr(self, name))) for name in ("area", "power", "design_limit", "cost")}
        return {
            "machine": self.machine.name,
            **parts,
            "gigawatt": _plain(asdict(self.fleet)),
            **({"run": _plain(asdict(self.run))} if self.run else {}),
            "assumed": list_assumed(economy.provenance),
            "parameters": {path: asdict(note) for path, note in sorted(economy.provenance.items())},
            "sources": dict(economy.sources),
        }


def _plain(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: _plain(value) for key, value in tree.items()}
    return tree if isinstance(tree, str | int) else float(tree)


def assess(
    machine: Machine,
    economy: Economy,
    trace: Trace | None = None,
    *,
    model: str = "roofline",
    launch: LaunchMode = "graph",
    mode: str | None = None,
) -> Assessment:
    """Say what a machine takes and costs, and what a workload on it does.

    Parameters
    ----------
    machine
        One chip.
    economy
        Parameters.
    trace
        The workload, if any; where several chips share it, figures are those of each of them.
    model, launch, mode
        As in `archmodel.evaluate`.

    Raises
    ------
    UnsupportedError
        When there is no answer, with every reason.
    """
    area, power = estimate_area(machine, economy), estimate_power(machine, economy)
    limit = choose_design_limit(machine, power)
    cost = estimate_chip_cost(machine, area, limit.tdp_w, economy)
    fleet = estimate_fleet(limit.tdp_w, cost.chip_usd, economy)
    run = None
    if trace is not None:
        run = _run(machine, economy, trace, model, launch, mode, (limit, cost))
    return Assessment(machine, economy, area, power, limit, cost, fleet, run)


def _run(
    machine: Machine,
    economy: Economy,
    trace: Trace,
    model: str,
    launch: LaunchMode,
    mode: str | None,
    chip: tuple[DesignLimit, ChipCost],
) -> Run:
    from archmodel.models.columns import evaluate_columns

    subject = f"energy of {trace.name} ({trace.phase}) on {machine.name}"
    if trace.plan.pp > 1:
        why = f"{trace.plan.pp} stages share the layers, and energy is that of one chip; give --pp 1"
        raise UnsupportedError(subject, [why])
    totals = evaluate_columns(model, trace, MachineColumns(machine, {}, 1), launch, mode)
    if totals.messages[0]:
        raise UnsupportedError(subject, str(totals.messages[0]).split("; "))
    latency_s = float(totals.latency_s[0])
    items_per_s = float(totals.throughput[0]) / trace.plan.n_chips
    traffic_bytes = {level: float(moved[0]) for level, moved in totals.traffic_bytes.items()}
    energy = estimate_energy(machine, count_work(trace), traffic_bytes, latency_s, economy)
    limit, cost = chip
    serving = estimate_serving(items_per_s, energy.power_w, limit.tdp_w, cost.chip_usd, economy)
    return Run(trace.name, trace.phase, trace.item, latency_s, items_per_s, energy, serving)
