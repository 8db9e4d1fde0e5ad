"""Lower the products of experts: a batch of products, as long as those of the busiest group of PEs take."""

from __future__ import annotations

import math

from archmodel.kernels.matmul_shape import MatmulMapping, MatmulShape
from archmodel.lowering.operators.matmul import add_fused, lower_product
from archmodel.lowering.phases import Phase, Site, lowers
from archmodel.lowering.timing import lower_matmul
from archmodel.mapping.matmul import find_mapping
from archmodel.workload.operators.matmul import GroupedMatmul

_OPERATIONS = 1  # sums are converted


@lowers(GroupedMatmul.kind)
def lower_grouped(site: Site) -> tuple[Phase, ...]:
    """Lower the products of the experts that got rows.

    Model
    -----
    A product per active expert, each of as many rows. The mapping has room for the busiest expert, as nobody knows
    which one that is; groups of PEs that have experts of their own then take as long as the one with the most rows
    (`busiest_rows`). An expected number of experts that is not whole moves its bytes of weights, and computes for one
    more.
    """
    op = site.op
    assert isinstance(op, GroupedMatmul)
    n_active = _round_up(op.active)
    if site.array is not None:
        return (lower_product(_shape(site, op, n_active, math.ceil(op.m_total / n_active)), site),)
    most = _shape(site, op, n_active, busiest_rows(op, 1, n_active))
    mapping = find_mapping(most, site.timing, site.n_pes).mapping
    n_experts = math.ceil(n_active / mapping.grid_b)
    rows = math.ceil(busiest_rows(op, n_experts, math.ceil(n_active / n_experts)) / n_experts)
    return (lower_product(_shape(site, op, n_active, rows), site, _balance(mapping, rows)),)


def busiest_rows(op: GroupedMatmul, n_experts: int, n_groups: int) -> int:
    """Rows of the busiest of some groups of experts, of equal size.

    Parameters
    ----------
    op
        Rows in all, experts, and those that are active.
    n_experts, n_groups
        Active experts of a group, and groups.

    Model
    -----
    Rows go to experts independently and uniformly. With ``λ = rows / experts``, a group of ``e`` experts has ``e · rows
    / active`` of them on average, and the busiest of ``g`` about ``√(2 · e · λ · ln g)`` more; no more than there are.
    Rounded.

    Sources
    -------
    M. Raab and A. Steger, "Balls into bins": a simple and tight analysis, RANDOM 1998, theorem 1, for many balls. That
    routers are uniform is assumed; trained ones are less even.
    """
    mean = n_experts * op.m_total / op.active
    excess = math.sqrt(2 * n_experts * op.m_total / op.experts * math.log(n_groups))
    return min(op.m_total, round(mean + excess))


def _round_up(n: float) -> int:
    return math.ceil(n - 1e-6)  # 128 experts of which all but a millionth are active


def _shape(site: Site, op: GroupedMatmul, n_products: int, n_rows: int) -> MatmulShape:
    a, b, c = (site.place(name) for name in ("a", "b", "c"))
    dtypes, is_far = (a.dtype, b.dtype, c.dtype), (a.is_far, b.is_far, c.is_far)
    shape = add_fused(lower_matmul(n_products, n_rows, op.n, op.k, dtypes, is_far, _OPERATIONS), site)
    return shape._replace(b_bytes=shape.b_bytes * op.active / n_products)


def _balance(mapping: MatmulMapping, n_rows: int) -> MatmulMapping:
    """Make the blocks of more rows equal, none larger than before."""
    per_pe = math.ceil(n_rows / mapping.grid_m)
    return mapping._replace(block_m=math.ceil(per_pe / math.ceil(per_pe / mapping.block_m)))
