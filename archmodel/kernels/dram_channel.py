"""Laws of a DRAM channel: banks, open rows, turn-around, refresh. Contract: ``rtl_stubs/dram_channel/README.md``."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel, kernel_part

# Places of the times of a DRAM [cycles]: names as in JESD209-5 and JESD235. WR and WTR count from the end of the data.
# Data of two requests are never on the bus at once if CCD ≥ BURST and RTW ≥ CL + BURST − CWL.
RCD, RP, RAS, RRD, CCD, CL, CWL, BURST, RTP, WR, WTR, RTW, REFI, RFC = range(14)
N_TIMES = 14
# Columns of a request, of its steps [cycle], and what it finds in its bank: its row open, none, another one.
IS_WRITE, BANK, ROW = range(3)
ACCEPTED, CHECKED, OPENED, ISSUED = range(4)
N_STEPS = 4
HIT, CLOSED, CONFLICT = range(3)
# Columns of a bank: open row, from when it may be closed.
OPEN_ROW, CLOSE_FROM = range(2)

NO_ROW = -1
_FIRST_OPENED = 2  # a request that is accepted in cycle 0 is checked in 1 and opened in 2


@kernel_part
def until_precharge(times: Any, is_write: bool) -> int:
    """Cycles from a read or a write to the earliest PRE of its bank."""
    return int(times[CWL] + times[BURST] + times[WR] if is_write else times[RTP])


@kernel_part
def until_data(times: Any) -> int:
    """Cycles from a read to the one in which its data is offered."""
    return int(times[CL] + times[BURST])


@kernel_part
def turnaround(times: Any, was_write: bool, is_write: bool) -> int:
    """Cycles from a read or a write to the next one, at least.

    Parameters
    ----------
    times : ndarray (14,) int64
        Times of the DRAM [cycles].
    was_write, is_write : bool
        Whether the one before, and the next one, is a write.
    """
    if was_write == is_write:
        return int(times[CCD])
    return int(times[RTW] if is_write else times[CWL] + times[BURST] + times[WTR])


@kernel
def stream_cycles(times: Any, responses: int, n: int, is_write: bool, n_refreshes: int) -> int:
    """Cycles of ``n`` reads or writes of one row, from reset to the last data, without stalls.

    Model
    -----
    ``first + (n − 1) · CCD + refreshes · lost``; reads are limited to ``responses`` per ``until_data + 1`` cycles, too.
    With refreshes, ``responses · CCD ≥ until_data + 1`` and a row that stays open longer than RAS are assumed.

    Parameters
    ----------
    times : ndarray (14,) int64
        Times of the DRAM [cycles].
    responses : int
        Reads that may be under way.
    n : int
        Requests.
    is_write : bool
        Whether they are writes.
    n_refreshes : int
        Refreshes that begin before the last request is issued.
    """
    steps = (n - 1) * times[CCD]
    end = 1
    if not is_write:
        delay = until_data(times)
        rounds = (n - 1) // responses
        steps = max(steps, rounds * (delay + 1) + (n - 1 - rounds * responses) * times[CCD])
        end = delay + 1
    return int(_FIRST_OPENED + times[RCD] + steps + n_refreshes * refresh_cycles(times, is_write) + end)


@kernel
def conflict_cycles(times: Any, n: int, is_write: bool) -> int:
    """Cycles of ``n`` reads or writes, each of another row of one bank, from reset to the last data, without stalls.

    Model
    -----
    ``first + (n − 1) · max(CCD, RP + max(RAS, RCD + until_precharge)) + end``. Assumes that ``responses`` and RRD are
    no limit.

    Parameters
    ----------
    times : ndarray (14,) int64
        Times of the DRAM [cycles].
    n : int
        Requests.
    is_write : bool
        Whether they are writes.
    """
    period = max(times[CCD], times[RP] + max(times[RAS], times[RCD] + until_precharge(times, is_write)))
    end = 1 if is_write else until_data(times) + 1
    return int(_FIRST_OPENED + times[RCD] + (n - 1) * period + end)


@kernel
def alternating_cycles(times: Any, n_batches: int, batch: int, is_write: bool) -> int:
    """Cycles of batches that alternate between reads and writes of one row, from reset, without stalls.

    Model
    -----
    The last request is issued at ``last = first + batches · (batch − 1) · CCD + turn-arounds``. If it reads, its data
    are the last: ``last + until_data + 1``. If it writes, those of the read before its batch may still come:
    ``max(last, last − (batch − 1) · CCD − RTW + until_data) + 1``. Assumes that ``responses`` is no limit.

    Parameters
    ----------
    times : ndarray (14,) int64
        Times of the DRAM [cycles].
    n_batches : int
        Batches.
    batch : int
        Requests of one.
    is_write : bool
        Whether the first one writes.
    """
    there, back = turnaround(times, is_write, not is_write), turnaround(times, not is_write, is_write)
    steps = (batch - 1) * times[CCD]
    last = _FIRST_OPENED + times[RCD] + n_batches * steps + n_batches // 2 * there + (n_batches - 1) // 2 * back
    ends_with_write = is_write == (n_batches % 2 == 1)
    if not ends_with_write:
        return int(last + until_data(times) + 1)
    if n_batches == 1:
        return int(last + 1)
    return int(max(last, last - steps - times[RTW] + until_data(times)) + 1)


@kernel
def refresh_cycles(times: Any, is_write: bool) -> int:
    """Cycles by which one refresh delays a stream of row hits.

    Model
    -----
    Rows are closed ``until_precharge`` after the last request; then RP, RFC, one cycle from check to ACT, and RCD, in
    place of CCD. As a share of the bandwidth: this by REFI.

    Parameters
    ----------
    times : ndarray (14,) int64
        Times of the DRAM [cycles].
    is_write : bool
        Whether the stream writes.
    """
    return int(until_precharge(times, is_write) + times[RP] + times[RFC] + 1 + times[RCD] - times[CCD])


@kernel
def mixed_efficiency(times: Any, batch: int, write_frac: float) -> float:
    """Share of the data bus that row hits use when reads and writes alternate in batches.

    Model
    -----
    Of the rarer direction ``batch`` bursts move at a time, of the other as many as its share asks for, so that a round
    has ``n = batch / min(write, 1 − write)`` bursts and two turn-arounds::

        efficiency = n · BURST / ((n − 2) · CCD + RTW + (CWL + BURST + WTR))

    ``BURST / CCD`` in one direction. The round is that of `alternating_cycles` where both directions have equal shares.

    Parameters
    ----------
    times : ndarray (14,) int64
        Times of the DRAM [cycles].
    batch : int
        Bursts of the rarer direction in a batch.
    write_frac : float
        Share of the bursts that write, from 0 to 1.
    """
    rarer = min(write_frac, 1 - write_frac)
    if rarer <= 0:
        return float(times[BURST] / times[CCD])
    n = batch / rarer
    cycles = (n - 2) * times[CCD] + turnaround(times, False, True) + turnaround(times, True, False)
    return float(n * times[BURST] / cycles)


@kernel
def channel_events(
    times: Any, queue: int, responses: int, requests: Any, in_gap: Any, out_gap: Any,
    banks: Any, out_steps: Any, out_found: Any, out_given: Any, out_closed: Any,
) -> int:  # fmt: skip
    """Cycles of all commands of a DRAM channel, when both sides stall.

    Model
    -----
    Requests go through four steps, each in order and one per cycle: accepted into a queue, checked (PRE if another row
    is open), opened (ACT if it was not open), issued (RD or WR). The constraints are in the README of the block.

    Parameters
    ----------
    times : ndarray (14,) int64
        Times of the DRAM [cycles].
    queue, responses : int
        Requests that are held, and reads that are under way or not taken, at most.
    requests : ndarray (N, 3) int64
        Whether it writes, bank, row.
    in_gap, out_gap : ndarray (G,) int64
        Cycles for which a side waits before it offers a request, or takes data; used in turn.
    banks : ndarray (B, 2) int64
        Room to work.
    out_steps : ndarray (N, 4) int64
        Written to: cycle of each step.
    out_found : ndarray (N,) int64
        Written to: `HIT`, `CLOSED` or `CONFLICT`.
    out_given : ndarray (R,) int64
        Written to: cycle in which the data of each read is taken.
    out_closed : ndarray (F,) int64
        Written to: cycle in which all rows are closed for each refresh until the last data. One place per `REFI`.

    Returns
    -------
    int
        Refreshes.
    """
    n_given, n_closed, close_from, activate_from, issued_before = 0, 0, 0, 0, -1
    banks[:, OPEN_ROW] = NO_ROW
    banks[:, CLOSE_FROM] = 0
    for i in range(out_found.size):
        is_write, bank = requests[i, IS_WRITE] != 0, requests[i, BANK]
        offered = in_gap[i % in_gap.size] + (out_steps[i - 1, ACCEPTED] + 1 if i > 0 else 0)
        accepted = max(offered, out_steps[i - queue, ISSUED] + 1 if i >= queue else 0)
        earliest = max(accepted, out_steps[i - 1, CHECKED] if i > 0 else 0) + 1
        found, checked = _check(requests[i], banks[bank], out_steps, out_found, i, earliest)
        while checked >= (n_closed + 1) * times[REFI]:
            out_closed[n_closed] = _close_at(times, out_closed, n_closed, max(issued_before + 1, close_from))
            n_closed += 1
            banks[:, OPEN_ROW] = NO_ROW
            found, checked = CLOSED, max(earliest, out_closed[n_closed - 1] + times[RP] + times[RFC])
        opened = max(checked, out_steps[i - 1, OPENED] if i > 0 else 0) + 1
        if found != HIT:
            opened = max(opened, activate_from, checked + times[RP] if found == CONFLICT else 0)
            activate_from = opened + times[RRD]
            banks[bank, CLOSE_FROM] = opened + times[RAS]
        issued = opened + (1 if found == HIT else times[RCD])
        if i > 0:
            issued = max(issued, issued_before + turnaround(times, requests[i - 1, IS_WRITE] != 0, is_write))
        if not is_write:
            if n_given >= responses:
                issued = max(issued, out_given[n_given - responses] + 1)
            wanted = out_gap[n_given % out_gap.size] + (out_given[n_given - 1] + 1 if n_given > 0 else 0)
            out_given[n_given] = max(wanted, issued + until_data(times))
            n_given += 1
        banks[bank, OPEN_ROW] = requests[i, ROW]
        banks[bank, CLOSE_FROM] = max(banks[bank, CLOSE_FROM], issued + until_precharge(times, is_write))
        close_from = max(close_from, banks[bank, CLOSE_FROM])
        out_steps[i, ACCEPTED], out_steps[i, CHECKED], out_steps[i, OPENED] = accepted, checked, opened
        out_steps[i, ISSUED], out_found[i], issued_before = issued, found, issued
    last = max(issued_before, out_given[n_given - 1] if n_given > 0 else 0)
    while n_closed < out_closed.size:
        out_closed[n_closed] = _close_at(times, out_closed, n_closed, max(issued_before + 1, close_from))
        if out_closed[n_closed] > last:
            break
        n_closed += 1
    return n_closed


@kernel_part
def _close_at(times: Any, closed: Any, k: int, is_ready_at: int) -> int:
    """When all rows are closed for refresh ``k``: when it is due, the one before is over, and all that was checked."""
    over = closed[k - 1] + times[RP] + times[RFC] if k > 0 else 0
    return int(max((k + 1) * times[REFI], is_ready_at, over))


@kernel_part
def _check(request: Any, bank: Any, steps: Any, found: Any, i: int, earliest: int) -> tuple[int, int]:
    """Return what request ``i`` finds in its bank, and when it is checked unless a refresh comes first."""
    if bank[OPEN_ROW] == request[ROW]:
        return HIT, earliest
    if bank[OPEN_ROW] == NO_ROW:
        return CLOSED, earliest
    checked = max(earliest, bank[CLOSE_FROM])
    # The row bus carries one command, and ACT goes before PRE
    first = i
    while first > 0 and steps[first - 1, OPENED] >= checked:
        first -= 1
    for k in range(first, i):
        if found[k] != HIT and steps[k, OPENED] == checked:
            checked += 1
    return CONFLICT, checked
