"""Several operators as one: what is between them never leaves local memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from archmodel.workload.types import Operand, OperatorKind, Reuse, Work


@dataclass(frozen=True)
class Fused(OperatorKind):
    """A head and what is joined to it. It is not a kind that workloads use: `archmodel.mapping.fusion` makes it.

    Parameters
    ----------
    head
        What it is at heart; of sibling products, the product with all their columns.
    members, names
        All operators that it stands for, and their names.
    listed
        Operands that are left, inputs before outputs.
    head_tensors
        Tensors of the operands of the head, in their order; for the first output, what leaves in its place.
    tail_operations
        SIMD operations of the members behind the head, per result of the head, rounded up.
    tail_functions
        Their functions, with the elements that each works on per result of the head.
    tail_tensors
        Tensors that these load besides, as many elements as the head has results.
    stored_frac
        Elements that leave, per result of the head: below 1 where two siblings become one (``silu(gate) · up``).
    is_input_turned, is_output_turned
        The first operand, or the result, is transposed on its way.
    """

    kind: ClassVar[str] = "fused"
    group: ClassVar[str] = "fused"
    head: OperatorKind
    members: tuple[OperatorKind, ...]
    names: tuple[str, ...]
    listed: tuple[Operand, ...]
    head_tensors: tuple[str, ...]
    tail_operations: int = 0
    tail_functions: tuple[tuple[str, float], ...] = ()
    tail_tensors: tuple[str, ...] = ()
    stored_frac: float = 1.0
    is_input_turned: bool = False
    is_output_turned: bool = False

    @property
    def principal(self) -> OperatorKind:
        """The head."""
        return self.head

    def operands(self) -> tuple[Operand, ...]:
        """List what is left of the operands of all members."""
        return self.listed

    def work(self) -> Work:
        """Add up the work of all members."""
        works = [member.work() for member in self.members]
        return Work(
            sum(work.matrix_flop for work in works),
            sum(work.simd_flop for work in works),
            sum(work.vector_flop for work in works),
        )

    def reuse(self) -> Reuse:
        """Traffic bound of the head."""
        return self.head.reuse()

    def dims(self) -> dict[str, Any]:
        """Dims of the head."""
        return self.head.dims()
