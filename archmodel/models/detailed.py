"""Whichever model follows a machine beyond its peaks, so that machines of both kinds stand in one comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from archmodel.machine.types import Machine
from archmodel.mapping import LaunchMode
from archmodel.models import register
from archmodel.models.cycle import Cycle
from archmodel.models.wave import Wave
from archmodel.results import Result, ResultTable
from archmodel.workload.types import Trace


@register
class Detailed:
    """`Cycle` for machines that describe their ``timing``, `Wave` for the others.

    Model
    -----
    That of the model chosen; results carry its name.

    Sources
    -------
    Those of the model chosen.
    """

    name: ClassVar[str] = "detailed"

    def supports(self, trace: Trace, machine: Machine) -> tuple[str, ...]:
        """Say why the model chosen would have no answer."""
        return self.choose(machine).supports(trace, machine)

    def evaluate(self, trace: Trace, machine: Machine, launch: LaunchMode = "graph") -> Result:
        """Evaluate one trace on one machine.

        Raises
        ------
        UnsupportedError
            With every reason.
        """
        return self.choose(machine).evaluate(trace, machine, launch)

    def evaluate_batch(self, trace: Trace, machines: Sequence[Machine], launch: LaunchMode = "graph") -> ResultTable:
        """Evaluate one trace on many machines: a row each, with ``status`` and ``message``."""
        rows: dict[int, dict[str, Any]] = {}
        for model in (Cycle(), Wave()):
            idxs = [idx for idx, machine in enumerate(machines) if self.choose(machine).name == model.name]
            table = model.evaluate_batch(trace, [machines[idx] for idx in idxs], launch)
            rows |= dict(zip(idxs, table.rows(), strict=True))
        return ResultTable.from_rows([rows[idx] for idx in range(len(machines))])

    def choose(self, machine: Machine) -> Cycle | Wave:
        """Give the model that answers for a machine."""
        return Wave() if machine.timing is None else Cycle()
