"""Linear layer with what is fused behind (and, with dynamic quantisation, before) its product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from archmodel.workload.checks import check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Reuse, Work


@register
@dataclass(frozen=True)
class Linear(OperatorKind):
    """``c[m,n] = activation(a[m,k] · b[k,n] + bias[n])`` in one operator; ``b`` and ``bias`` are weights.

    Parameters
    ----------
    m, n, k
        As in `Matmul`.
    bias
        Whether a row is added.
    activation
        Function applied to the sums.
    quantise
        ``rows``: a and c are fp16, each row of a is quantised to the dtype of the operator before it is multiplied
        (dynamic quantisation; weights are static), and sums are scaled back.

    Model
    -----
    2·m·n·k FLOP on the matrix engine; per result one SIMD operation for the bias, one for the activation, one to scale
    back; per element of a, as in `Quantise`, 3 SIMD operations and one on the vector core, and 2 per row. Traffic as
    `Matmul`.

    Sources
    -------
    Dynamic row-wise quantisation: ISCA 2025 (MTIA 2i), section 4.4.
    """

    kind: ClassVar[str] = "linear"
    group: ClassVar[str] = "matmul"
    m: Count
    n: Count
    k: Count
    bias: bool = False
    activation: Literal["none", "relu", "gelu", "silu"] = "none"
    quantise: Literal["none", "rows"] = "none"

    def __post_init__(self) -> None:
        check_dims(self)

    @property
    def is_quantised(self) -> bool:
        """Whether rows of a are quantised on the way in."""
        return self.quantise == "rows"

    @property
    def operations(self) -> int:
        """SIMD operations per result."""
        return int(self.bias) + int(self.activation != "none") + int(self.is_quantised)

    def operands(self) -> tuple[Operand, ...]:
        """List a, b (weight), bias (weight, if there is one) and c."""
        wide = "fp16" if self.is_quantised else None
        bias = (Operand("bias", (self.n,), role="weight", dtype=wide),) if self.bias else ()
        return (
            Operand("a", (self.m, self.k), dtype=wide),
            Operand("b", (self.k, self.n), role="weight"),
            *bias,
            Operand("c", (self.m, self.n), is_output=True, dtype=wide),
        )

    def work(self) -> Work:
        """Count the product and what is fused with it."""
        n_results, n_inputs = float(self.m * self.n), float(self.m * self.k) if self.is_quantised else 0.0
        return Work(
            matrix_flop=2.0 * self.m * self.n * self.k,
            simd_flop=n_results * self.operations + (3 * n_inputs + 2 * self.m if self.is_quantised else 0.0),
            vector_flop=n_inputs,
        )

    def reuse(self) -> Reuse:
        """Bound traffic by 2·m·n·k/√S."""
        return Reuse(sqrt=2.0 * self.m * self.n * self.k)
