"""Laws of a set-associative cache that replaces the least recently used line: what hits, and when things happen.

Line number l lives in set ``l mod sets``. Contract: ``docs/methods/timing.md``; hardware: ``rtl_stubs/llc``.
"""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel

HIT = -2
CLEAN_MISS = -1  # a miss that writes nothing back; other outcomes are the line written back
EMPTY = -1


@kernel
def access_line(line: int, is_write: bool, state: Any) -> int:
    """Access a line of a cache and say what it does: `HIT`, `CLEAN_MISS`, or the dirty line that it writes back.

    Model
    -----
    Each set keeps its lines in the order of their last use. A line that is found moves to the front; one that is not
    pushes the last one out. Writes allocate, and make a line dirty until it is pushed out.

    Parameters
    ----------
    line : int
        Number of the line, 0 or more.
    is_write : bool
        Whether the access writes.
    state : ndarray (S, W) int64
        Sets × ways, kept between calls: ``2 · line + is_dirty``, the latest used first. Starts as `EMPTY`. State and
        lines may be int32 where lines are below 2³⁰: half the memory, and faster for that.

    Sources
    -------
    R. L. Mattson et al., Evaluation techniques for storage hierarchies, IBM Systems Journal 9(2), 1970: a cache that
    replaces the least recently used line is the top of a stack in the order of use.
    """
    row = line % state.shape[0]
    n_ways = state.shape[1]
    moved = state[row, 0]
    if moved >> 1 == line:
        state[row, 0] = moved | is_write
        return HIT
    for way in range(1, n_ways):
        found = state[row, way]
        state[row, way] = moved
        if found >> 1 == line:
            state[row, 0] = found | is_write
            return HIT
        moved = found
    state[row, 0] = 2 * line + is_write
    return moved >> 1 if moved >= 0 and moved & 1 else CLEAN_MISS


@kernel
def simulate_cache(lines: Any, is_write: Any, state: Any, out_outcome: Any) -> None:
    """Access lines one after the other; a long stream may be given in parts.

    Parameters
    ----------
    lines : ndarray (N,) int64
        Numbers of the lines.
    is_write : ndarray (N,) bool
        Whether each access writes.
    state : ndarray (S, W) int64
        As in `access_line`; written to.
    out_outcome : ndarray (N,) int64
        Written to: outcome of each access, as in `access_line`.
    """
    for i in range(lines.size):
        out_outcome[i] = access_line(lines[i], is_write[i], state)


@kernel
def cache_cycles(
    n_accesses: int, n_misses: int, n_written_back: int, line_words: int, memory_latency: int, latency: int
) -> int:
    """Cycles in which a cache that blocks on a miss makes accesses, one after the other, and has all answers.

    Model
    -----
    ``accesses + misses · (1 + memory latency + line) + written back · line + latency``: asking for a line takes a
    cycle, a word moves per cycle, and the victim leaves before its successor is asked for. Nothing stalls, and there is
    room for more than ``latency`` answers.

    Parameters
    ----------
    n_accesses, n_misses, n_written_back : int
        Accesses, 1 or more; those that miss; those of them that write a dirty line back.
    line_words : int
        Words of a line.
    memory_latency : int
        From asking for a line to its first word [cycles], 1 or more.
    latency : int
        From serving an access to its answer [cycles], 1 or more.
    """
    return n_accesses + n_misses * (1 + memory_latency + line_words) + n_written_back * line_words + latency


@kernel
def cache_events(
    outcome: Any, line_words: int, memory_latency: int, latency: int, outstanding: int, in_gap: Any, out_gap: Any,
    victim_gap: Any, fetch_gap: Any, fill_gap: Any, out_entered: Any, out_served: Any, out_answered: Any,
    out_victim: Any, out_fetched: Any, out_filled: Any,
) -> None:  # fmt: skip
    """Cycles in which everything happens in a cache that blocks on a miss, when all sides stall.

    Model
    -----
    An access enters when it is offered, the one before was served in an earlier cycle, and there is room for its
    answer. A hit is served as it enters. A miss moves the words of a dirty victim out from the next cycle on, asks for
    its line when they are gone, takes its words, and is served in the cycle after the last. Each word, request and
    answer moves ``1 + gap`` cycles after the one before it on its way, or later.

    Parameters
    ----------
    outcome : ndarray (N,) int64
        Of each access, from `simulate_cache`.
    line_words, memory_latency, latency : int
        As in `cache_cycles`.
    outstanding : int
        Accesses served and not answered, at most.
    in_gap, out_gap, victim_gap, fetch_gap, fill_gap : ndarray int64
        Cycles for which a side waits before it offers or takes the next item; used in turn.
    out_entered, out_served, out_answered : ndarray (N,) int64
        Written to, per access.
    out_victim, out_fetched, out_filled : ndarray int64
        Written to: per word written back, per line asked for, per word fetched.
    """
    n_victim, n_fetched, n_filled = 0, 0, 0
    for i in range(outcome.size):
        offered = in_gap[i % in_gap.size] + (out_entered[i - 1] + 1 if i > 0 else 0)
        free = out_served[i - 1] + 1 if i > 0 else 0
        room = out_answered[i - outstanding] + 1 if i >= outstanding else 0
        now = max(offered, free, room)
        out_entered[i] = now
        if outcome[i] != HIT:
            if outcome[i] != CLEAN_MISS:
                for _ in range(line_words):
                    now = move(now + 1, n_victim, victim_gap, out_victim)
                    n_victim += 1
            now = move(now + 1, n_fetched, fetch_gap, out_fetched) + memory_latency - 1
            n_fetched += 1
            for _ in range(line_words):
                now = move(now + 1, n_filled, fill_gap, out_filled)
                n_filled += 1
            now += 1
        out_served[i] = now
        move(now + latency, i, out_gap, out_answered)


@kernel
def move(soonest: int, i: int, gap: Any, out_moved: Any) -> int:
    """Item i of a stream moves in cycle ``soonest``, but not until ``1 + gap`` cycles after the one before.

    Parameters
    ----------
    soonest : int
        Cycle from which it can be had.
    i : int
        Its number.
    gap : ndarray int64
        Waits [cycles]; used in turn.
    out_moved : ndarray int64
        Written to at i; holds the cycles of those before.
    """
    wanted: int = gap[i % gap.size] + (out_moved[i - 1] + 1 if i > 0 else 0)
    now = max(soonest, wanted)
    out_moved[i] = now
    return now
