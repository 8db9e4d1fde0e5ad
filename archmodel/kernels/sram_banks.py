"""Laws of a banked SRAM: ports that share single-ported banks through a crossbar.

Word a lives in bank ``a mod banks``. Contract: ``docs/methods/timing.md``; hardware: ``rtl_stubs/sram_banks``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from archmodel.kernels.compile import kernel


@kernel
def count_banks_used(stride: int, n_banks: int) -> int:
    """Banks that a walk with a stride visits before it returns to the first: ``banks / gcd(banks, stride)``.

    Parameters
    ----------
    stride : int
        Words from one access to the next, 0 or more.
    n_banks : int
        Banks; successive words lie in successive banks.

    Sources
    -------
    Least multiple of the stride that is one of the banks, too; see W. Oed and O. Lange, On the effective bandwidth of
    interleaved memories in vector processor systems, IEEE Transactions on Computers C-34(10), 1985.
    """
    return n_banks // math.gcd(n_banks, stride)


@kernel
def burst_cycles(n: int, latency: int, outstanding: int) -> int:
    """Cycles in which a port that meets no other makes accesses and has all answers.

    Model
    -----
    An access starts per cycle while fewer than ``outstanding`` are unanswered, and those started together come in
    rounds of ``max(outstanding, latency + 1)``: ``round · ⌊(n − 1) / outstanding⌋ + (n − 1) mod outstanding + latency +
    1``; that is n + latency if ``outstanding > latency``.

    Parameters
    ----------
    n : int
        Accesses, 1 or more.
    latency : int
        From the start of an access to its answer [cycles].
    outstanding : int
        Accesses of the port under way at most.
    """
    rounds, rest = divmod(n - 1, outstanding)
    return rounds * max(outstanding, latency + 1) + rest + latency + 1


@kernel
def walk_cycles(n: int, stride: int, n_ports: int, n_banks: int, latency: int) -> int:
    """Cycles in which ports that walk over the same words, in step at first, make their accesses and have all answers.

    Model
    -----
    With ``used`` banks on the walk, the ports file through the first bank one per cycle, follow each other, and meet
    again after ``max(ports, used)`` cycles: access i of port p starts in cycle ``p + ⌊i / used⌋ · max(ports, used) + i
    mod used``. All on one bank: ``ports · n + latency``. Room for more than ``latency`` answers is assumed.

    Parameters
    ----------
    n : int
        Accesses of each port, 1 or more.
    stride : int
        Words from one access to the next.
    n_ports, n_banks : int
        Ports that walk, banks there are.
    latency : int
        From the start of an access to its answer [cycles].
    """
    used = count_banks_used(stride, n_banks)
    turns, rest = divmod(n - 1, used)
    return n_ports - 1 + turns * max(n_ports, used) + rest + latency + 1


@kernel
def bank_events(
    n_banks: int, latency: int, outstanding: int, first: Any, bank: Any, in_gap: Any, out_gap: Any, out_asked: Any,
    out_granted: Any, out_given: Any,
) -> None:  # fmt: skip
    """Cycles in which each request asks for its bank, is granted it, and is answered, when both sides stall.

    Model
    -----
    Request i of a port asks from ``max(granted(i − 1) + 1 + in_gap, given(i − outstanding) + 1)``. In each cycle each
    bank grants one of the ports that ask for it: the next one after the last it granted. A loser asks again in the next
    cycle. The answer is given at ``max(granted + latency, given(i − 1) + 1 + out_gap)``.

    Parameters
    ----------
    n_banks, latency, outstanding : int
        As above.
    first : ndarray (P + 1,) int64
        Requests of port p are those from ``first[p]`` to ``first[p + 1]``, in order.
    bank : ndarray (N,) int64
        Bank of each request.
    in_gap, out_gap : ndarray (N,) int64
        Cycles for which the port waits before it offers the request, or takes the answer.
    out_asked, out_granted, out_given : ndarray (N,) int64
        Written to.
    """
    n_ports = first.size - 1
    head = first[:-1].copy()
    turn = np.zeros(n_banks, np.int64)  # port that each bank prefers
    chosen = np.full(n_banks, -1)
    for p in range(n_ports):
        if head[p] < first[p + 1]:
            out_asked[head[p]] = in_gap[head[p]]
    now = 0
    while True:
        soonest = -1
        for p in range(n_ports):
            if head[p] < first[p + 1]:
                asked = max(now, out_asked[head[p]])
                soonest = asked if soonest < 0 else min(soonest, asked)
        if soonest < 0:
            break
        now = soonest
        for p in range(n_ports):
            if head[p] < first[p + 1] and out_asked[head[p]] <= now:
                b = bank[head[p]]
                if chosen[b] < 0 or (p - turn[b]) % n_ports < (chosen[b] - turn[b]) % n_ports:
                    chosen[b] = p
        for p in range(n_ports):
            i = head[p]
            if i < first[p + 1] and chosen[bank[i]] == p:
                chosen[bank[i]] = -1
                turn[bank[i]] = (p + 1) % n_ports
                out_granted[i] = now
                wanted = out_gap[i] + (out_given[i - 1] + 1 if i > first[p] else 0)
                out_given[i] = max(now + latency, wanted)
                head[p] = i + 1
                if i + 1 < first[p + 1]:
                    room = out_given[i + 1 - outstanding] + 1 if i + 1 - first[p] >= outstanding else 0
                    out_asked[i + 1] = max(now + 1 + in_gap[i + 1], room)
        now += 1
