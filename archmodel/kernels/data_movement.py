"""Laws of data movement: DMA transfers, shared memories, reduction hops. Contract: ``docs/methods/timing.md``."""

from __future__ import annotations

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.matrix_engine import divide_up, transfer_up


@kernel_part
def shaped_cycles(n_bytes: float, bucket_bytes: float, rate: float) -> int:
    """Least cycles in which traffic shaping lets ``n_bytes`` through: ``⌈max(0, bytes − bucket) / rate⌉``.

    Model
    -----
    A command begins with a credit of ``bucket`` bytes, which earns ``rate`` per cycle and is not capped at ``bucket``.

    Parameters
    ----------
    n_bytes : float
        Bytes to move [B].
    bucket_bytes : float
        Credit at the start [B].
    rate : float
        That it earns [B/cycle].

    Sources
    -------
    ISCA 2025 (MTIA 2i), section 3.1 names leaky-bucket traffic shaping; this form of it is assumed.
    """
    return transfer_up(max(0.0, n_bytes - bucket_bytes), rate)


@kernel_part
def count_row_beats(row_bytes: float, width: float, fragment_bytes: int) -> int:
    """Count the beats of a row that begins on a fragment boundary: ``⌈bytes / width⌉`` for each of its fragments.

    Parameters
    ----------
    row_bytes : float
        Bytes of the row [B].
    width : float
        Of a beat [B].
    fragment_bytes : int
        Largest request of the network [B].
    """
    n_full = int(row_bytes / fragment_bytes)  # faster than whole division; it may have been rounded up
    n_full -= 1 if n_full * fragment_bytes > row_bytes else 0
    return n_full * transfer_up(float(fragment_bytes), width) + transfer_up(row_bytes - n_full * fragment_bytes, width)


@kernel_part
def spread_cycles(n_fragments: int, outstanding: int, latency: int) -> int:
    """Cycles over which a DMA engine spreads its fragments: ``⌈fragments · (latency + 1) / outstanding⌉``.

    Model
    -----
    The last beat of a fragment is written ``latency`` cycles after it was asked for, and its room is free a cycle
    later. Fragments are spread evenly, ``outstanding`` of them over this time: the last beat of fragment ``i`` leaves
    no earlier than in cycle ``⌈(i + 1) · (latency + 1) / outstanding⌉ − 1``. As only last beats are paced, up to one
    fragment more is under way.

    Parameters
    ----------
    n_fragments : int
        Fragments.
    outstanding : int
        Fragments per ``latency + 1`` cycles.
    latency : int
        From asking for a beat to its write into local memory [cycles].

    Sources
    -------
    J. D. C. Little, A proof for the queuing formula L = λW, Operations Research 9(3), 1961. ISCA 2025 (MTIA 2i),
    section 3.1 names source flow control; this form of it is assumed.
    """
    return divide_up(n_fragments * (latency + 1), outstanding)


@kernel
def transfer_cycles(
    n_rows: int,
    row_bytes: float,
    width: float,
    request_cycles: int,
    fragment_bytes: int,
    outstanding: int,
    latency: int,
    bucket_bytes: float,
    bucket_rate: float,
) -> int:
    """Cycles for which a DMA engine is busy with one command of ``n_rows`` contiguous rows.

    Model
    -----
    ``request + max(beats, spread, shaped)``: rows, which begin on a fragment boundary, are cut into fragments, those
    into beats of ``width`` (`count_row_beats`). The engine takes up the command, then asks for a beat per cycle at
    most, as flow control (`spread_cycles`) and traffic shaping (`shaped_cycles`, to which each beat counts in full)
    allow. It is busy until it has asked for the last beat, which is in local memory ``latency`` later.

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
        Fragments per ``latency + 1`` cycles.
    latency : int
        Of the memory behind [cycles].
    bucket_bytes : float
        Credit of traffic shaping at the start of the command [B].
    bucket_rate : float
        That it earns [B/cycle].

    Sources
    -------
    Hardware block ``rtl_stubs/fabric_interface``, which takes exactly as long where it is checked: reads of up to 8
    rows that begin on fragment boundaries, a fragment a power of two and a multiple of the width, whole-number bucket
    and rate (1 or more, or no shaping), request 1 or more, latency 2 or more, nothing that stalls. ISCA 2025 (MTIA
    2i), section 3.1 names fragmentation, source flow control and traffic shaping; the form of the law and the numbers
    of machines are assumed.
    """
    n_beats = n_rows * count_row_beats(row_bytes, width, fragment_bytes)
    spread = spread_cycles(n_rows * transfer_up(row_bytes, float(fragment_bytes)), outstanding, latency)
    shaped = shaped_cycles(n_beats * min(width, float(fragment_bytes)), bucket_bytes, bucket_rate)
    return request_cycles + max(n_beats, max(spread, shaped))


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
