"""Functions applied to every element on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from archmodel.workload.checks import Rule, check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Work

Function = Literal[
    "add", "sub", "mul", "bias", "scale", "relu", "sigmoid", "silu", "gelu", "tanh", "exp", "rope", "swiglu", "modulate"
]  # fmt: skip

# Function → names of the inputs of n elements, FLOP per element. A look-up function (sigmoid, silu, …) is one FLOP.
_FUNCTIONS: dict[Function, tuple[tuple[str, ...], int]] = {
    "add": (("a", "b"), 1),
    "sub": (("a", "b"), 1),
    "mul": (("a", "b"), 1),
    "bias": (("x",), 1),
    "scale": (("x",), 1),
    "relu": (("x",), 1),
    "sigmoid": (("x",), 1),
    "silu": (("x",), 1),
    "gelu": (("x",), 1),
    "tanh": (("x",), 1),
    "exp": (("x",), 1),
    "rope": (("x",), 3),
    "swiglu": (("gate", "up"), 2),
    "modulate": (("x",), 2),
}


@register
@dataclass(frozen=True)
class Elementwise(OperatorKind):
    """A function of ``n`` elements.

    Parameters
    ----------
    n
        Elements of the output and of each input.
    function
        - ``add``, ``sub``, ``mul``: of a and b, 1 FLOP.
        - ``bias``, ``scale``: of x with a vector that all rows share, 1 FLOP.
        - ``relu``, ``sigmoid``, ``silu``, ``gelu``, ``tanh``, ``exp``: of x, one comparison or look-up, 1 FLOP.
        - ``rope``: rotates pairs (x₁, x₂) to (x₁·cos − x₂·sin, x₂·cos + x₁·sin), 6 FLOP per pair.
        - ``swiglu``: silu(gate) · up, 2 FLOP.
        - ``modulate``: x · (1 + scale) + shift, 2 FLOP; 1 + scale is done once per vector.

    Model
    -----
    SIMD engine. Vectors that rows share (bias, scale, shift, cosines and sines) are small beside x and not counted.

    Sources
    -------
    Rope: Su et al., RoFormer, arXiv:2104.09864. Swiglu: Shazeer, GLU Variants, arXiv:2002.05202. Modulate:
    Peebles & Xie, Scalable Diffusion Models with Transformers, ICCV 2023 (adaLN).
    """

    kind: ClassVar[str] = "elementwise"
    group: ClassVar[str] = "elementwise"
    n: Count
    function: Function = "add"

    def __post_init__(self) -> None:
        check_dims(
            self,
            Rule(
                ("n", "function"),
                lambda op: op.function != "rope" or op.n % 2 == 0,
                "{op.n} is odd; rope rotates pairs of elements",
            ),
        )

    def operands(self) -> tuple[Operand, ...]:
        """List x, or a and b, or gate and up; then out."""
        names, _ = _FUNCTIONS[self.function]
        return (*(Operand(name, (self.n,)) for name in names), Operand("out", (self.n,), is_output=True))

    def work(self) -> Work:
        """Count the operations per element on the SIMD engine."""
        _, n_flop = _FUNCTIONS[self.function]
        return Work(simd_flop=float(n_flop * self.n))
