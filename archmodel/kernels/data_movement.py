"""Laws of data movement: DMA transfers, shared memories, reduction hops. Contract: ``docs/methods/timing.md``."""

from __future__ import annotations

from archmodel.kernels.compile import kernel
from archmodel.kernels.matrix_engine import divide_up, transfer_up


@kernel
def transfer_cycles(
    n_rows: int,
    row_bytes: float,
    width: float,
    request_cycles: int,
    fragment_bytes: int,
    outstanding: int,
    latency: int,
) -> int:
    """Cycles for which a DMA engine is busy with one command of ``n_rows`` contiguous rows.

    Model
    -----
    ``request + max(⌈bytes / width⌉, fragments, ⌈fragments · latency / outstanding⌉)``: rows are cut into fragments, at
    most one leaves per cycle, and at most ``outstanding`` are under way at a time, each for ``latency`` cycles
    (Little's law).

    Parameters
    ----------
    n_rows : int
        Contiguous rows.
    row_bytes : float
        Bytes of each [B].
    width : float
        Between network and local memory [B/cycle].
    request_cycles : int
        To take up a command [cycles].
    fragment_bytes : int
        Largest request of the network [B].
    outstanding : int
        Requests under way at a time.
    latency : int
        Of the memory behind [cycles].

    Sources
    -------
    ISCA 2025 (MTIA 2i), section 3.1 names fragmentation and source flow control; the numbers of machines are assumed.
    """
    n_fragments = n_rows * transfer_up(row_bytes, float(fragment_bytes))
    moved = transfer_up(n_rows * row_bytes, width)
    return request_cycles + max(moved, max(n_fragments, divide_up(n_fragments * latency, outstanding)))


@kernel
def shaped_cycles(n_bytes: float, bucket_bytes: float, rate: float) -> int:
    """Least cycles in which a leaky bucket lets ``n_bytes`` through: ``⌈max(0, bytes − bucket) / rate⌉``, from full.

    Parameters
    ----------
    n_bytes : float
        Bytes to move [B].
    bucket_bytes : float
        Size of the bucket [B].
    rate : float
        At which it lets through what it does not hold [B/cycle].

    Sources
    -------
    ISCA 2025 (MTIA 2i), section 3.1: leaky-bucket traffic shaping.
    """
    return transfer_up(max(0.0, n_bytes - bucket_bytes), rate)


@kernel
def service_cycles(n_bytes: float, width: float) -> int:
    """Cycles for which a shared memory serves a request: ``⌈bytes / width⌉``, at least 1."""
    return max(1, transfer_up(n_bytes, width))


@kernel
def reduction_cycles(n_bytes: float, n_members: int, hop_cycles: int, width: float) -> int:
    """Cycles to add up the partial sums of a chain of PEs.

    Model
    -----
    ``(members − 1) · hop + ⌈bytes / width⌉``, 0 for one PE: sums flow through the chain, each PE adds its own on the
    way.

    Parameters
    ----------
    n_bytes : float
        Sums of one PE [B].
    n_members : int
        PEs in the chain.
    hop_cycles : int
        From a PE to its neighbour [cycles].
    width : float
        Of the path [B/cycle].

    Sources
    -------
    ISCA 2023 (MTIA v1): reduction network between neighbours. The numbers of machines are assumed.
    """
    if n_members == 1:
        return 0
    return (n_members - 1) * hop_cycles + transfer_up(n_bytes, width)
