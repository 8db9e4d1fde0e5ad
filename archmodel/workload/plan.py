"""Plans: how a workload is spread over several chips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archmodel.errors import Fault, InputError

if TYPE_CHECKING:
    from archmodel.workload.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """How a workload is spread over chips; every chip of a stage has an equal share.

    Parameters
    ----------
    n_chips
        All of them.
    tp
        Chips that share every layer: heads, columns, rows of matrices.
    ep
        Chips that share the experts of a layer.
    pp
        Stages that share the layers, one behind the other.
    n_micro
        Micro-batches that a batch is cut into, so that stages work at the same time.
    """

    n_chips: int = 1
    tp: int = 1
    ep: int = 1
    pp: int = 1
    n_micro: int = 1

    @property
    def dp(self) -> int:
        """Replicas: groups of chips that share the batch."""
        return self.n_chips // (self.tp * self.pp)

    @property
    def n_linked(self) -> int:
        """Chips that exchange data while a step runs."""
        return max(self.tp, self.ep) * self.pp

    def say(self) -> str:
        """Say it as options of a command."""
        degrees = {"tp": self.tp, "ep": self.ep, "pp": self.pp}
        return " ".join([f"--chips {self.n_chips}", *(f"--{name} {n}" for name, n in degrees.items() if n > 1)])


@dataclass(frozen=True, slots=True)
class Splits:
    """What of a workload can be shared by chips.

    Parameters
    ----------
    tp
        Degrees of tensor parallelism, smallest first.
    n_kv
        Chips of one stage beyond which the KV cache is copied instead of shared.
    pp
        Most stages.
    copied, of_kv, routed
        Operators, by the last part of their names, whose weights are not simply shared by ``tp``: every chip has a
        copy; they are shared as the KV cache is; they are those of experts.
    """

    tp: tuple[int, ...] = (1,)
    n_kv: int = 1
    pp: int = 1
    copied: frozenset[str] = frozenset()
    of_kv: frozenset[str] = frozenset()
    routed: frozenset[str] = frozenset()

    def n_sharing(self, operator: str, plan: Plan) -> int:
        """Count the chips of a stage that share the weights of an operator.

        Parameters
        ----------
        operator
            The last part of its name.
        plan
            How the chips share.
        """
        if operator in self.copied:
            return 1
        if operator in self.of_kv:
            return min(plan.tp, self.n_kv)
        return max(plan.tp, plan.ep) if operator in self.routed else plan.tp


def make_plan(run: RunSettings, splits: tuple[str, ...]) -> Plan:
    """Make the plan that run settings ask for.

    Parameters
    ----------
    run
        ``chips``, ``tp``, ``ep``, ``pp`` and the ``batch`` of all chips together.
    splits
        Which of ``tp``, ``ep`` and ``pp`` the builder knows. With ``tp``, it takes the chips that nothing else takes.

    Raises
    ------
    InputError
        When the degrees do not divide the chips, or the replicas the batch.
    """
    pp = run.pp or 1
    n_chips = run.chips or (run.tp or 1) * pp
    tp = run.tp or (max(1, n_chips // pp) if "tp" in splits else 1)
    plan = Plan(n_chips, tp, run.ep or 1, pp)
    faults = list(_faults(plan, run.batch))
    if faults:
        raise InputError("run settings", faults)
    local = run.batch // plan.dp
    n_micro = max(n for n in range(1, min(pp, local) + 1) if local % n == 0)
    return Plan(n_chips, tp, plan.ep, pp, n_micro)


def _faults(plan: Plan, batch: int) -> Iterator[Fault]:
    group = plan.tp * plan.pp
    if plan.n_chips % group:
        each = f"tp {plan.tp} x pp {plan.pp} = {group}"
        yield Fault("chips", f"{plan.n_chips} is no multiple of {each}; allowed: {group}, {2 * group}, {3 * group}, …")
        return
    allowed = [ep for ep in range(1, plan.n_chips // plan.pp + 1) if _can_share_experts(plan, ep)]
    if plan.ep not in allowed:
        stage = f"the {plan.n_chips // plan.pp} chips of a stage with tp {plan.tp}"
        yield Fault("ep", f"{plan.ep} does not divide {stage}; allowed: {', '.join(map(str, allowed))}")
    if batch % plan.dp:
        why = f"{batch} is not shared evenly by {plan.dp} replicas (chips / tp / pp)"
        yield Fault("batch", f"{why}; allowed: multiples of {plan.dp}")


def _can_share_experts(plan: Plan, ep: int) -> bool:
    """Say whether groups of experts would lie within a replica, or span whole ones."""
    return (plan.tp * plan.dp) % ep == 0 and (plan.tp % ep == 0 or ep % plan.tp == 0)
