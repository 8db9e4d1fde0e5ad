"""Laws of circular buffers. Contract: *Circular buffers* in ``docs/methods/timing.md``."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel

# Operations, and columns of one: what it does, on which buffer, to how many tokens (or on which word), needed tokens.
RESERVE, WRITE, PUSH, CLAIM, READ, POP = range(6)
KIND, BUFFER, COUNT, NEEDED = range(4)
# Columns of a buffer as given: room [tokens], words of a token, address of the first one.
CAPACITY, TOKEN_WORDS, BASE = range(3)
# Progress of a buffer: reserved and not popped, pushed and not claimed [tokens]; first word not popped, not pushed.
N_USED, N_VISIBLE, HEAD, TAIL = range(4)
N_BUFFER_STATES = 4
# Progress of a port: operations done, words read, cycle in which it is looked at, last word taken, bank it wants.
N_DONE, N_READ, LOOK_AT, TAKEN_AT, WANTED = range(5)
N_PORT_STATES = 5

NONE = -1
_OVER = 1 << 62  # LOOK_AT of a port that has done everything, and of one that waits for tokens or space
_WAITS = _OVER - 1


@kernel
def hand_over_cycles(n: int, produce: int, consume: int, capacity: int) -> int:
    """Cycles in which a producer hands ``n`` tokens to a consumer, one by one, through a circular buffer.

    Model
    -----
    ``produce + consume + (n − 1) · step``; a step is the longer of the two if the buffer holds two tokens or more, and
    their sum if it holds one: then they take turns.

    Parameters
    ----------
    n : int
        Tokens.
    produce, consume : int
        Occupancy of the commands on both sides [cycles].
    capacity : int
        Tokens that the buffer holds.

    Sources
    -------
    Follows from the rules of commands and circular buffers in ``docs/methods/timing.md``.
    """
    step = max(produce, consume) if capacity > 1 else produce + consume
    return int(produce + consume + (n - 1) * step)


@kernel
def buffer_events(
    layout: Any, operations: Any, first: Any, gap: Any, take_gap: Any,
    ports: Any, buffers: Any, turns: Any, out_done: Any, out_taken: Any, out_conflicts: Any,
) -> int:  # fmt: skip
    """Cycles of all operations of all ports, when engines are busy and those who take words stall.

    Model
    -----
    Port by port, an operation is done in the first cycle in which it is offered and may be done: a reservation when the
    buffer has room, a claim when enough tokens are visible, a read when the word read before is taken by now, both
    accesses when their bank turns to them, a push or a pop at once. Counters change after the cycle. Cycles in which
    nothing can be done are skipped.

    Parameters
    ----------
    layout : ndarray (B, 3) int64
        Capacity, words of a token and address of each buffer.
    operations : ndarray (N, 4) int64
        Kind, buffer, tokens or word, needed tokens; those of port 0, then of port 1, and so on.
    first : ndarray (P + 1,) int64
        Where the operations of each port begin.
    gap, take_gap : ndarray (N,) int64
        Cycles for which an engine waits before it offers an operation, and the taker of its words before each word
        (counted from the first operation of the port).
    ports, buffers, turns : ndarray (P, 5), (B, 4), (banks,) int64
        Room to work.
    out_done : ndarray (N,) int64
        Written to: cycle of each operation.
    out_taken : ndarray (N,) int64
        Written to: cycle in which each word is taken, counted as ``take_gap``.
    out_conflicts : ndarray (C,) int64
        Written to: cycles in which a port waits for a bank that serves another one; at most one per access.

    Returns
    -------
    int
        Those cycles.
    """
    n_ports, n_conflicts = ports.shape[0], 0
    buffers[:] = 0
    turns[:] = 0
    for p in range(n_ports):
        ports[p, N_DONE], ports[p, N_READ], ports[p, TAKEN_AT] = 0, 0, NONE
        ports[p, LOOK_AT] = gap[first[p]] if first[p] < first[p + 1] else _OVER
    while True:
        now = ports[:, LOOK_AT].min()
        if now >= _WAITS:
            return n_conflicts
        for p in range(n_ports):
            ports[p, WANTED] = NONE
            if ports[p, LOOK_AT] == now:
                _look(p, now, layout, operations[first[p] + ports[p, N_DONE]], ports, buffers, turns.size)
        if _arbitrate(now, ports, turns):
            out_conflicts[n_conflicts] = now
            n_conflicts += 1
        for p in range(n_ports):
            if ports[p, LOOK_AT] != now:
                continue
            i = first[p] + ports[p, N_DONE]
            out_done[i] = now
            if operations[i, KIND] == READ:
                k = first[p] + ports[p, N_READ]
                out_taken[k] = max(ports[p, TAKEN_AT] + 1 + take_gap[k], now + 1)
                ports[p, TAKEN_AT] = out_taken[k]
                ports[p, N_READ] += 1
            _count(now, layout, operations[i], ports, buffers)
            ports[p, N_DONE] += 1
            ports[p, LOOK_AT] = now + 1 + gap[i + 1] if i + 1 < first[p + 1] else _OVER


@kernel
def _look(p: int, now: int, layout: Any, operation: Any, ports: Any, buffers: Any, n_banks: int) -> None:
    """See whether the operation of a port may be done: it waits, is looked at later, wants a bank, or neither."""
    kind, b = operation[KIND], operation[BUFFER]
    if kind == RESERVE:
        if buffers[b, N_USED] + operation[COUNT] > layout[b, CAPACITY]:
            ports[p, LOOK_AT] = _WAITS
    elif kind == CLAIM:
        if buffers[b, N_VISIBLE] < operation[NEEDED]:
            ports[p, LOOK_AT] = _WAITS
    elif kind == READ and ports[p, TAKEN_AT] > now:
        ports[p, LOOK_AT] = ports[p, TAKEN_AT]
    elif kind in (READ, WRITE):
        start = buffers[b, TAIL if kind == WRITE else HEAD]
        place = (start + operation[COUNT]) % (layout[b, CAPACITY] * layout[b, TOKEN_WORDS])
        ports[p, WANTED] = (layout[b, BASE] + place) % n_banks


@kernel
def _arbitrate(now: int, ports: Any, turns: Any) -> bool:
    """Give each bank to the first port, from the one whose turn it is, and put off the others by a cycle."""
    n_ports, is_conflict = ports.shape[0], False
    for p in range(n_ports):
        bank = ports[p, WANTED]
        for q in range(n_ports):
            if bank != NONE and ports[q, WANTED] == bank and (q - turns[bank]) % n_ports < (p - turns[bank]) % n_ports:
                ports[p, LOOK_AT] = now + 1
                is_conflict = True
    for p in range(n_ports):
        if ports[p, WANTED] != NONE and ports[p, LOOK_AT] == now:
            turns[ports[p, WANTED]] = (p + 1) % n_ports
    return is_conflict


@kernel
def _count(now: int, layout: Any, operation: Any, ports: Any, buffers: Any) -> None:
    """Change the counters of a buffer by an operation, and have those that wait look again."""
    kind, b, count = operation[KIND], operation[BUFFER], operation[COUNT]
    n_words = layout[b, CAPACITY] * layout[b, TOKEN_WORDS]
    if kind == RESERVE:
        buffers[b, N_USED] += count
    elif kind == CLAIM:
        buffers[b, N_VISIBLE] -= count
    elif kind == PUSH:
        buffers[b, N_VISIBLE] += count
        buffers[b, TAIL] = (buffers[b, TAIL] + count * layout[b, TOKEN_WORDS]) % n_words
    elif kind == POP:
        buffers[b, N_USED] -= count
        buffers[b, HEAD] = (buffers[b, HEAD] + count * layout[b, TOKEN_WORDS]) % n_words
    if kind in (PUSH, POP):
        for p in range(ports.shape[0]):
            if ports[p, LOOK_AT] == _WAITS:
                ports[p, LOOK_AT] = now + 1
