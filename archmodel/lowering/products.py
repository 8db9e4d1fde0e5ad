"""Operators that are one product on a grid of PEs and nothing else, for which the mapper finds all there is to find."""

from __future__ import annotations

from archmodel.kernels.matmul_shape import MatmulShape
from archmodel.lowering.operators.convolution import lower_implicit
from archmodel.lowering.operators.matmul import is_matmul, is_one_product, lower_shape
from archmodel.lowering.phases import Site
from archmodel.workload.operators.conv import Conv2d, Conv3d
from archmodel.workload.types import OperatorKind


def lower_one_product(site: Site) -> MatmulShape | None:
    """Lower an operator to the shape of its product; ``None`` where it is not just one, or not on a grid of PEs."""
    if not is_product_alone(site):
        return None
    return lower_shape(site) if is_one_product(site) else lower_implicit(site)


def is_product_alone(site: Site) -> bool:
    """Whether an operator is one product, or one convolution, on a grid of PEs."""
    return site.array is None and is_product(site.op)


def is_product(op: OperatorKind) -> bool:
    """Whether an operator is one product, or one convolution, if it runs on a grid of PEs."""
    return op.groups == 1 if isinstance(op, Conv2d | Conv3d) else is_matmul(op)
