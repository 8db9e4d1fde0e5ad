"""Laws of the vector core: chained instructions and loops of them. Contract: ``docs/methods/timing.md``.

Instructions are rows of an array, so that operators can be written down as RISC-V vector programs::

    # kind, destination, first source, second source, elements (0: as many as the turn of the loop has), bits
    [[LOAD_UNIT, 8, NONE, NONE, 0, 16],
     [ELEMENTWISE, 16, NONE, 8, 0, 16],
     [REDUCTION, 0, 0, 16, 0, 16]]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.matrix_engine import divide_up
from archmodel.kernels.streams import offered_after

# Kinds of instructions; those from LOAD_UNIT on run in the memory pipe.
ELEMENTWISE, REDUCTION = 0, 1
LOAD_UNIT, LOAD_STRIDED, LOAD_INDEXED, STORE_UNIT, STORE_STRIDED, STORE_INDEXED = 2, 3, 4, 5, 6, 7
# Columns of an instruction. Sources: of an arithmetic instruction vs1 and vs2, of a store data and index, of a load
# nothing and index.
KIND, DESTINATION, FIRST, SECOND, ELEMENTS, BITS = 0, 1, 2, 3, 4, 5
NONE = -1
# Entries of VectorState.clock: when the last command was accepted, the last steps of both pipes, the end of all.
ACCEPTED, ARITHMETIC, MEMORY, END = 0, 1, 2, 3


class VectorCore(NamedTuple):
    """What of a vector core matters for time.

    ``vlen`` and ``dlen`` are bits of a register and of the data path; ``dlen`` divides ``vlen``. ``chain`` and ``load``
    are cycles from a step of the arithmetic pipe, and from a request to memory, to the first cycle in which the group
    can be read. The others are cycles in which an instruction of the memory pipe sets up addresses, by its kind.
    """

    vlen: int
    dlen: int
    chain: int
    load: int
    unit_setup: int
    strided_setup: int
    indexed_setup: int


class VectorState(NamedTuple):
    """What later instructions can wait for.

    ``readable`` and ``writable``, ndarray (32 · vlen / dlen,) int64: cycle from which a group of dlen bits of the
    register file holds what was last written, and from which all earlier readers have read it. ``clock``, ndarray (4,)
    int64: see the constants.
    """

    readable: Any
    writable: Any
    clock: Any


@kernel
def new_state(core: VectorCore) -> VectorState:
    """State of a vector core after reset: all registers readable, nothing accepted before cycle 0."""
    n_groups = 32 * (core.vlen // core.dlen)
    clock = np.zeros(4, np.int64)
    clock[ACCEPTED], clock[ARITHMETIC], clock[MEMORY] = -1, -1, -1
    return VectorState(np.zeros(n_groups, np.int64), np.zeros(n_groups, np.int64), clock)


@kernel_part
def copy_state(state: VectorState, cycles: int, out: VectorState) -> None:
    """Copy a state, seen some cycles later; element by element, as numba takes seconds to compile array assignments.

    Parameters
    ----------
    state : VectorState
        What is copied.
    cycles : int
        Added to all times [cycles].
    out : VectorState
        Written to; it may be ``state`` itself.
    """
    for i in range(state.readable.size):
        out.readable[i], out.writable[i] = state.readable[i] + cycles, state.writable[i] + cycles
    for i in range(state.clock.size):
        out.clock[i] = state.clock[i] + cycles


@kernel_part
def count_steps(core: VectorCore, kind: int, n_elements: int, bits: int) -> tuple[int, int, int]:
    """Count the steps of an instruction: those that touch registers, those that fold a reduction, those per group.

    Model
    -----
    A step is a group of ``dlen`` bits; in strided and indexed accesses an element, so that a group has ``dlen / bits``
    steps. A reduction folds its ``dlen / bits`` lanes in halves, in ``log2`` of that many further steps.

    Parameters
    ----------
    core : VectorCore
        The core.
    kind, n_elements, bits : int
        Kind of the instruction, elements that it treats, their width [bit].

    Returns
    -------
    tuple
        Steps that touch registers, steps that fold, steps per group.
    """
    lanes, n_folds = core.dlen // bits, 0
    if kind in (LOAD_STRIDED, LOAD_INDEXED, STORE_STRIDED, STORE_INDEXED):
        return n_elements, 0, lanes
    n_groups = divide_up(n_elements * bits, core.dlen)
    while kind == REDUCTION and lanes > 1:
        lanes //= 2
        n_folds += 1
    return n_groups, n_folds, 1


@kernel_part
def setup_cycles(core: VectorCore, kind: int) -> int:
    """Cycles in which an instruction sets up addresses before its first request; 0 in the arithmetic pipe."""
    if kind in (LOAD_UNIT, STORE_UNIT):
        return core.unit_setup
    if kind in (LOAD_STRIDED, STORE_STRIDED):
        return core.strided_setup
    if kind in (LOAD_INDEXED, STORE_INDEXED):
        return core.indexed_setup
    return 0


@kernel_part
def run_instruction(
    core: VectorCore, instruction: Any, n_elements: int, command_gap: Any, n_commands: int, memory_gap: Any,
    n_requests: int, state: VectorState, out_step: Any,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Cycles of one instruction behind those that made ``state``, which it moves on.

    Model
    -----
    An instruction is accepted a cycle after the one before, and not before the cycle of the last step of its pipe. Its
    first step is ``1 + setup`` cycles later, each further one a cycle after the one before, at the earliest. The first
    step that touches a group waits until its sources are readable, its destination has no earlier write under way and
    no earlier instruction has still to read it. A group is readable ``chain`` or ``load`` cycles after the last step
    that writes to it.

    Parameters
    ----------
    core, instruction, n_elements
        The core; ndarray (6,) int64, see the columns; elements that the instruction treats, 1 or more.
    command_gap : ndarray (G,) int64
        Cycles after each command in which no other is offered; used in turn.
    n_commands : int
        Commands before this instruction.
    memory_gap : ndarray (G,) int64
        Cycles after each request in which memory takes no other; used in turn.
    n_requests : int
        Requests before this instruction.
    state : VectorState
        Read and written.
    out_step : ndarray (S,) int64
        Written to: cycle of each step; not if it is empty.

    Returns
    -------
    tuple
        Cycles in which it is accepted, takes its first step, has its first group readable (a store: has made the
        requests of its first group), and is over.
    """
    kind, clock = instruction[KIND], state.clock
    is_memory, is_reduction = kind >= LOAD_UNIT, kind == REDUCTION
    pipe, latency = (MEMORY, core.load) if is_memory else (ARITHMETIC, core.chain)
    latency = 1 if kind >= STORE_UNIT else latency
    n_steps, n_folds, per_group = count_steps(core, kind, n_elements, instruction[BITS])
    accepted = max(offered_after(command_gap, n_commands, clock[ACCEPTED]), clock[pipe])
    now, started, first_result = accepted + setup_cycles(core, kind), NONE, NONE
    group, left, per_register = 0, per_group, core.vlen // core.dlen
    for i in range(n_steps + n_folds):
        is_first, is_last, is_reading = left == per_group, i == n_steps + n_folds - 1, i < n_steps
        one = _group_of(instruction[FIRST], per_register, group, is_reading and (i == 0 or not is_reduction))
        two = _group_of(instruction[SECOND], per_register, group, is_reading)
        target = _group_of(
            instruction[DESTINATION], per_register, 0 if is_reduction else group, is_last or not is_reduction
        )
        now += 1
        if is_memory:
            now = max(now, offered_after(memory_gap, n_requests + i, clock[MEMORY]))
        if is_first:
            now = max(now, _earliest(one, two, target, state.readable, state.writable))
        clock[pipe] = now
        left -= 1
        if left == 0 or is_last:
            _touch(one, two, target, now + 1, now + latency, state.readable, state.writable)
            if first_result == NONE and (is_last or not is_reduction):
                first_result = now + latency
            group, left = group + 1, per_group
        started = now if i == 0 else started
        if out_step.size > 0:
            out_step[i] = now
    clock[ACCEPTED] = accepted
    clock[END] = max(clock[END], now + latency)
    return accepted, started, first_result, now + latency


@kernel_part
def _group_of(register: int, per_register: int, group: int, is_touched: bool) -> int:
    """Group of the register file that an operand stands for in a step; ``NONE`` where it stands for nothing."""
    return register * per_register + group if register != NONE and is_touched else NONE


@kernel_part
def _earliest(one: int, two: int, target: int, readable: Any, writable: Any) -> int:
    """Cycle from which nothing earlier forbids to read two groups and to write a third."""
    cycle = 0
    if one != NONE:
        cycle = readable[one]
    if two != NONE:
        cycle = max(cycle, readable[two])
    if target != NONE:
        cycle = max(cycle, readable[target], writable[target])
    return cycle


@kernel_part
def _touch(one: int, two: int, target: int, read: int, written: int, readable: Any, writable: Any) -> None:
    """Note from when two groups have been read, and from when a third has been written."""
    if one != NONE:
        writable[one] = max(writable[one], read)
    if two != NONE:
        writable[two] = max(writable[two], read)
    if target != NONE:
        readable[target] = written


@kernel
def vector_events(
    core: VectorCore, instructions: Any, command_gap: Any, memory_gap: Any,
    out_accepted: Any, out_started: Any, out_first_result: Any, out_ended: Any, out_step: Any,
) -> int:  # fmt: skip
    """Cycles of all instructions of a program, and of all their steps, when commands and memory stall.

    Parameters
    ----------
    core, instructions
        The core; ndarray (N, 6) int64, with elements in every row.
    command_gap, memory_gap : ndarray (G,) int64
        Cycles for which a command is not offered, and memory takes no request, after the one before; used in turn.
    out_accepted, out_started, out_first_result, out_ended : ndarray (N,) int64
        Written to, see ``run_instruction``.
    out_step : ndarray (S,) int64
        Written to: cycles of all steps in program order; not if it is empty.

    Returns
    -------
    int
        Cycle in which everything is over.
    """
    state, n_steps, n_requests = new_state(core), 0, 0
    for i in range(instructions.shape[0]):
        kind, n_elements, bits = instructions[i, KIND], instructions[i, ELEMENTS], instructions[i, BITS]
        touching, folding, _ = count_steps(core, kind, n_elements, bits)
        out_accepted[i], out_started[i], out_first_result[i], out_ended[i] = run_instruction(
            core, instructions[i], n_elements, command_gap, i, memory_gap, n_requests, state,
            out_step[n_steps : n_steps + touching + folding],
        )  # fmt: skip
        n_steps += touching + folding
        n_requests += touching if kind >= LOAD_UNIT else 0
    return int(state.clock[END])


@kernel_part
def run_turn(core: VectorCore, body: Any, n_elements: int, state: VectorState, never: Any, nothing: Any) -> None:
    """Run some instructions once, without stalls.

    Parameters
    ----------
    core, body
        The core; ndarray (B, 6) int64. Rows with 0 elements treat ``n_elements``.
    n_elements : int
        Elements, 1 or more.
    state : VectorState
        Read and written.
    never : ndarray (1,) int64
        Of zeros: no gaps.
    nothing : ndarray (0,) int64
        Steps are not written down.
    """
    for i in range(body.shape[0]):
        n = body[i, ELEMENTS] if body[i, ELEMENTS] > 0 else n_elements
        run_instruction(core, body[i], n, never, 0, never, 0, state, nothing)


@kernel_part
def repeats(state: VectorState, kept: VectorState) -> bool:
    """Whether later instructions cannot tell two states apart, each seen from its last accepted command.

    What is over in the cycle after that makes nobody wait.

    Parameters
    ----------
    state, kept : VectorState
        The two.
    """
    now, then = state.clock[ACCEPTED], kept.clock[ACCEPTED]
    for times, others in ((state.clock, kept.clock), (state.readable, kept.readable), (state.writable, kept.writable)):
        for i in range(times.size):
            if max(times[i] - now, 1) != max(others[i] - then, 1):
                return False
    return True


@kernel
def run_loop(core: VectorCore, body: Any, n_elements: int, n_per_turn: int, state: VectorState) -> None:
    """Run a strip-mined loop: all turns treat ``n_per_turn`` elements, the last one what is left.

    Model
    -----
    Turns are followed one by one until the state repeats, seen from the last accepted command. The turns between then
    repeat, too, as the law consists of sums and maxima: whole periods are added at once, and the rest is followed. The
    state that is compared with is replaced after 1, 2, 4, … turns (R. P. Brent, BIT 20, 1980), so that a period of any
    length is found. The result is the same as if every turn were followed.

    Parameters
    ----------
    core, body
        The core; ndarray (B, 6) int64. Rows with 0 elements treat those of the turn.
    n_elements, n_per_turn : int
        Elements in all, 0 or more, and in each turn but the last.
    state : VectorState
        Read and written.
    """
    if n_elements == 0:
        return
    n_full, turn, kept_turn, next_kept = divide_up(n_elements, n_per_turn) - 1, 0, 0, 1
    never, nothing = np.zeros(1, np.int64), np.zeros(0, np.int64)
    kept = new_state(core)
    copy_state(state, 0, kept)
    while turn < n_full:
        run_turn(core, body, n_per_turn, state, never, nothing)
        turn += 1
        if next_kept > 0 and repeats(state, kept):
            n_periods = (n_full - turn) // (turn - kept_turn)
            copy_state(state, n_periods * (state.clock[ACCEPTED] - kept.clock[ACCEPTED]), state)
            turn += n_periods * (turn - kept_turn)
            next_kept = 0  # less than a period is left
        if turn == next_kept:
            next_kept, kept_turn = 2 * turn, turn
            copy_state(state, 0, kept)
    run_turn(core, body, n_elements - n_full * n_per_turn, state, never, nothing)


@kernel
def vector_cycles(core: VectorCore, n_elements: int, bits: int, n_instructions: int, lmul: int) -> int:
    """Cycles of a strip-mined loop that loads elements and hands them down a chain of arithmetic instructions.

    Model
    -----
    A turn treats ``vlen · lmul / bits`` elements, the last one what is left. Its first instruction is a unit-stride
    load, each further one uses the result of the one before, and the last one also its own result of the turn before
    (maximum, sum). See ``run_loop``.

    Parameters
    ----------
    core : VectorCore
        The core.
    n_elements, bits, n_instructions : int
        Elements, their width [bit], vector instructions per turn.
    lmul : int
        Registers per group.

    Sources
    -------
    RISC-V V extension 1.0, sections 3.4 and 6 (VLEN, LMUL); chaining as in Ara, M. Perotti et al., arXiv 2311.07493.
    """
    body = np.full((n_instructions, 6), NONE)
    body[:, ELEMENTS], body[:, BITS] = 0, bits
    for i in range(n_instructions):
        body[i, KIND] = ELEMENTWISE if i > 0 else LOAD_UNIT
        body[i, DESTINATION] = 8 + 8 * (i % 3)
        if i > 0:
            body[i, SECOND] = body[i - 1, DESTINATION]
    if n_instructions > 1:
        body[-1, DESTINATION], body[-1, FIRST] = 0, 0
    state = new_state(core)
    run_loop(core, body, n_elements, core.vlen * lmul // bits, state)
    return int(state.clock[END])
