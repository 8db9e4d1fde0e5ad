"""Who adds up gathered rows: the SIMD engine or the vector core."""

from __future__ import annotations

import math

from archmodel.kernels.lanes import simd_cycles
from archmodel.lowering.moves import plain_issue
from archmodel.lowering.phases import Site
from archmodel.lowering.rvv import bag_cycles

SUM_BYTES = 4  # rows are added up in fp32


def choose_engine(
    site: Site, n_bags: int, n_rows: int, dim: int, dtype: str, *, is_weighted: bool
) -> tuple[str, int, int]:
    """Choose the faster engine: unit, cycles to issue the commands of a tile, cycles for which the unit is busy.

    Parameters
    ----------
    site
        Where; it has `Site.rows`.
    n_bags, n_rows
        Bags of the tile, and rows of all of them.
    dim, dtype
        Elements of a row, and their format.
    is_weighted
        Rows are multiplied by a weight each.

    Model
    -----
    The SIMD engine makes a pass over each row, and one more for its weight and for a conversion of its format; one
    command adds up to ``pooled_rows`` rows of a bag. The vector core runs one loop for all bags, which is one command.
    """
    assert site.rows is not None
    issue = plain_issue(site.timing)
    passes = 1 + is_weighted + (dtype != site.dtype)
    of_bag = math.ceil(n_rows / n_bags)
    n_commands = n_bags * math.ceil(of_bag / site.rows.pooled_rows)
    lanes = ("simd", n_commands * issue, n_rows * simd_cycles(dim, passes, site.timing.lanes))
    if site.cores is None:
        return lanes
    loop = ("vector", issue, bag_cycles(n_bags, of_bag, dim, dtype, site.cores, is_weighted=is_weighted))
    return min(lanes, loop, key=lambda engine: max(engine[1:])) if site.has_simd else loop
