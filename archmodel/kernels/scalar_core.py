"""Laws of the scalar core that issues commands. Contract: ``docs/methods/timing.md``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.streams import offered_after

# What an instruction is to the pipeline
PLAIN, LOADS, MULTIPLIES, DIVIDES = range(4)
# Columns of a trace of instructions
KIND, IS_TAKEN, LOAD_DISTANCE, N_PUSHES, N_TRACE_FIELDS = range(5)
# Columns of the state of a context
_NEXT, _END, _FREE, _LEFT, _PUSHED, _N_CONTEXT_FIELDS = range(6)


class CoreTimes(NamedTuple):
    """Times of a core.

    Parameters
    ----------
    refill
        From a jump to the next instruction, beyond the cycle of any instruction [cycles].
    load
        From a load to the cycle in which its word arrives [cycles].
    multiply
        For which a product occupies its context and the multiplier [cycles].
    divide
        The same of a quotient or a remainder [cycles].
    queue
        Commands that wait at the port; with 0, a push executes when its command is taken.
    """

    refill: int
    load: int
    multiply: int
    divide: int
    queue: int


@kernel
def loop_cycles(
    n_instructions: int, n_taken: int, n_waits: int, n_products: int, n_quotients: int, n_repeats: int, core: CoreTimes
) -> int:
    """Cycles of a stretch of instructions on a core with one context, while its commands are taken.

    Model
    -----
    ``instructions + taken · refill + waits · load + products · (multiply − 1) + quotients · (divide − 1) + repeats``.
    Commands are taken as fast as they come, and the queue has room for two.

    Parameters
    ----------
    n_instructions : int
        Instructions.
    n_taken : int
        Jumps, and branches that are taken.
    n_waits : int
        Instructions that name the register that the instruction before loads.
    n_products : int
        Products.
    n_quotients : int
        Quotients and remainders.
    n_repeats : int
        Commands of repeated pushes beyond the first of each.
    core : CoreTimes
        Where.

    Sources
    -------
    Follows from the pipeline of ``rtl_stubs/riscv_core``, which is this project's own.
    """
    waits = n_taken * core.refill + n_waits * core.load
    return n_instructions + waits + n_products * (core.multiply - 1) + n_quotients * (core.divide - 1) + n_repeats


@kernel_part
def ready_cycle(
    core: CoreTimes, trace: Any, context: Any, product_free: int, n_pushed: int, offered: int, room: Any, retired: Any,
    left: Any,
) -> int:  # fmt: skip
    """First cycle in which a context can execute its next instruction, or the next push of a repeat.

    Parameters
    ----------
    core : CoreTimes
        Where.
    trace : ndarray (N, 4) int64
        Instructions, as of `core_events`.
    context : ndarray (5,) int64
        Next instruction, end of its instructions, first cycle that jumps and products leave it, pushes left, commands
        pushed.
    product_free : int
        Cycle from which the multiplier is free.
    n_pushed : int
        Commands that have been pushed.
    offered : int
        Cycle from which the port takes the next command.
    room : ndarray (P,) int64
        Cycles from which the port takes each command, as of `core_events`.
    retired : ndarray (N,) int64
        Cycles of the instructions before.
    left : ndarray (P,) int64
        Cycles in which the commands before left.
    """
    i = context[_NEXT]
    cycle = context[_FREE]
    if trace[i, LOAD_DISTANCE] > 0:
        cycle = max(cycle, retired[i - trace[i, LOAD_DISTANCE]] + core.load + 1)
    if trace[i, KIND] == MULTIPLIES or trace[i, KIND] == DIVIDES:
        cycle = max(cycle, product_free)
    if context[_LEFT] > 0:
        if core.queue == 0:
            cycle = max(cycle, offered, room[context[_PUSHED]])
        elif n_pushed >= core.queue:
            cycle = max(cycle, left[n_pushed - core.queue] + 1)
    return int(cycle)


@kernel
def core_events(
    core: CoreTimes, trace: Any, n_instructions: Any, command_gap: Any, room: Any,
    out_retired: Any, out_pushed: Any, out_context: Any, out_left: Any,
) -> None:  # fmt: skip
    """Cycles in which instructions retire and commands are pushed and leave, when the port of commands stalls.

    Model
    -----
    One instruction per cycle. An instruction of a context executes from the cycle after the one before; ``refill``
    later if that jumped, ``multiply − 1`` or ``divide − 1`` later if it was a product or a quotient. Further, it waits
    until the cycle after a word that it needs, or would overwrite, has been loaded; for the multiplier, if it needs
    that; and for room in the queue, if it pushes: from the cycle after the command ``queue`` places earlier has left. A
    repeat pushes a command each time that it executes. Of two contexts the one that can execute earlier does, of the
    same cycle the one that did not execute last. A command leaves from the cycle after its push, when it is taken: from
    ``1 + gap`` cycles after the one before. Without a queue it leaves in the cycle of its push, which waits for that.
    Before the first instruction of a context there is a jump in cycle −1.

    Parameters
    ----------
    core : CoreTimes
        Where.
    trace : ndarray (N, 4) int64
        Instructions of context 0, then those of context 1: kind, whether it jumps, how many instructions ago the last
        word was loaded that it needs or overwrites (0: none), commands that it pushes.
    n_instructions : ndarray (2,) int64
        Instructions of each context.
    command_gap : ndarray (G,) int64
        Cycles for which the port waits before it takes the next command; used in turn.
    room : ndarray (P,) int64
        Cycles from which the port takes each command, if there is no queue: those of context 0, then of context 1.
    out_retired : ndarray (N,) int64
        Written to: cycle in which each instruction retires; of a repeat, the last one.
    out_pushed, out_context, out_left : ndarray (P,) int64
        Written to: of each command, the cycle of its push, who pushed it, the cycle in which it leaves.
    """
    contexts = np.zeros((2, _N_CONTEXT_FIELDS), np.int64)
    contexts[0, _END] = contexts[1, _NEXT] = n_instructions[0]
    contexts[1, _END] = n_instructions[0] + n_instructions[1]
    contexts[1, _PUSHED] = trace[: n_instructions[0], N_PUSHES].sum()
    for c in range(2):
        contexts[c, _FREE] = core.refill
        if contexts[c, _NEXT] < contexts[c, _END]:
            contexts[c, _LEFT] = trace[contexts[c, _NEXT], N_PUSHES]
    cycle, last, product_free, n_pushed = -1, 1, 0, 0
    while contexts[0, _NEXT] < contexts[0, _END] or contexts[1, _NEXT] < contexts[1, _END]:
        chosen, first = -1, 0
        offered = offered_after(command_gap, n_pushed, out_left[n_pushed - 1] if n_pushed > 0 else -1)
        for turn in range(1, 3):
            c = (last + turn) % 2
            if contexts[c, _NEXT] == contexts[c, _END]:
                continue
            ready = ready_cycle(core, trace, contexts[c], product_free, n_pushed, offered, room, out_retired, out_left)
            ready = max(ready, cycle + 1)
            if chosen < 0 or ready < first:
                chosen, first = c, ready
        cycle, last = first, chosen
        context = contexts[chosen]
        i = context[_NEXT]
        if context[_LEFT] > 0:
            out_pushed[n_pushed], out_context[n_pushed] = cycle, chosen
            out_left[n_pushed] = max(offered, cycle + 1) if core.queue > 0 else cycle
            n_pushed += 1
            context[_PUSHED] += 1
            context[_LEFT] -= 1
            if context[_LEFT] > 0:
                continue
        out_retired[i] = cycle
        context[_FREE] = cycle + 1 + (core.refill if trace[i, IS_TAKEN] else 0)
        if trace[i, KIND] == MULTIPLIES or trace[i, KIND] == DIVIDES:
            product_free = cycle + (core.multiply if trace[i, KIND] == MULTIPLIES else core.divide)
            context[_FREE] = product_free
        context[_NEXT] = i + 1
        if i + 1 < context[_END]:
            context[_LEFT] = trace[i + 1, N_PUSHES]
