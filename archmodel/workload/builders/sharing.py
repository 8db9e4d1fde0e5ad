"""What builders need where chips share a model: exchanges, and tables spread over chips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from archmodel.errors import Fault, InputError
from archmodel.workload.build import TraceBuilder
from archmodel.workload.operators.collective import Collective
from archmodel.workload.operators.embedding_bag import EmbeddingBag


def exchange(
    b: TraceBuilder,
    name: str,
    function: Literal["all_reduce", "all_gather", "all_to_all", "send"],
    x: str,
    n: int,
    n_chips: int,
    out: str | None = None,
) -> str:
    """Add a collective of ``n`` elements over ``n_chips``; among one chip there is none."""
    return b.add(name, Collective(function=function, n=n, n_chips=n_chips), x, out=out) if n_chips > 1 else x


@dataclass(frozen=True, slots=True)
class TableShare:
    """The most that any chip has: tables, rows of all of them together, lookups per sample in all of them together."""

    n_tables: int
    rows: int
    pooling: int


def share_tables(tables: Sequence[tuple[int, int]], n_chips: int) -> TableShare:
    """Spread whole tables over chips.

    Parameters
    ----------
    tables
        Rows and lookups per sample of each.
    n_chips
        Chips.

    Model
    -----
    The load of a table is its part of all rows plus its part of all lookups. The largest is placed first, each on the
    chip with the least load so far.

    Sources
    -------
    R. L. Graham, Bounds on Multiprocessing Timing Anomalies, SIAM J. Appl. Math. 17(2), 1969 (largest first).

    Raises
    ------
    InputError
        When there are more chips than tables.
    """
    if n_chips > len(tables):
        text = f"{n_chips} chips for {len(tables)} tables, each whole on one chip; allowed: 1 to {len(tables)}"
        raise InputError("run settings", [Fault("chips", text)])
    all_rows, all_lookups = (sum(column) for column in zip(*tables, strict=True))
    loads = sorted(((rows / all_rows + lookups / all_lookups, rows, lookups) for rows, lookups in tables), reverse=True)
    chips = [[0.0, 0, 0, 0] for _ in range(n_chips)]
    for load, rows, lookups in loads:
        chip = min(chips)
        chip[:] = [chip[0] + load, chip[1] + 1, chip[2] + rows, chip[3] + lookups]
    return TableShare(*(int(max(chip[idx] for chip in chips)) for idx in (1, 2, 3)))


def add_pooled(b: TraceBuilder, name: str, tables: Sequence[tuple[int, int]], dim: int, batch: int) -> str:
    """Add lookups in all tables; returns the pooled vectors of the samples of this chip.

    Parameters
    ----------
    b
        Its plan says how many chips share the tables.
    name
        Of the lookups, ending in ``tables``; the indices have the same beginning.
    tables
        Rows and lookups per sample of each.
    dim
        Elements of a row.
    batch
        Samples of this chip.

    Model
    -----
    All tables are one table-batched embedding bag. Chips have whole tables (`share_tables`), pool for the samples of
    all chips, and get the vectors of their own samples by an all_to_all. Every chip has the indices it needs.
    """
    n_chips = b.plan.n_chips
    share = share_tables(tables, n_chips)
    n_samples = batch * n_chips
    bag = EmbeddingBag(n_tables=share.n_tables, rows=share.rows, dim=dim, batch=n_samples, pooling=share.pooling)
    indices = b.input(f"{name.removesuffix('tables')}indices", (n_samples * share.pooling,), role="index")
    pooled = b.add(name, bag, indices)
    return exchange(b, f"{name}_exchange", "all_to_all", pooled, n_samples * share.n_tables * dim, n_chips)
