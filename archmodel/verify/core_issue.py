"""When a core issues the programs of the cycle model: what its machine code pushes, and how long that takes.

What a core with given parameters pushes is found by the model of the instruction set, and when it does so by the law of
the core; a command processor that is full delays what follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.program import EVENT_COMMAND, EVENT_STARTED_AT, ISSUE, UNIT, WRITE_BACK
from archmodel.kernels.scalar_core import LOAD_DISTANCE, N_PUSHES, CoreTimes
from archmodel.lowering.program import MAX_TOKENS, CommandTable, Grid
from archmodel.lowering.record import new_record
from archmodel.lowering.run import run_table
from archmodel.verify.command_words import expand, head_bits
from archmodel.verify.core_law import core_cycles
from archmodel.verify.core_programs import DATA_WORDS, CoreProgram
from archmodel.verify.riscv import Context, run_contexts

Ints = NDArray[np.int64]


def core_times(parameters: Mapping[str, int]) -> CoreTimes:
    """Say the times of the core of a PE, which hands commands over as it pushes them."""
    divide = 32 // parameters["DIVIDE"] + 2
    return CoreTimes(1 + parameters["DECODE"], parameters["LOAD"], parameters["MULTIPLY"], divide, queue=0)


def run_core(program: CoreProgram, parameters: Mapping[str, int]) -> list[Context]:
    """Run machine code on the model of the instruction set, each context to its end.

    Parameters
    ----------
    program
        What the host writes.
    parameters
        Of the PE.
    """
    return run_contexts(
        program.image.text, program.image.data, DATA_WORDS, parameters["CONTEXTS"], is_auto=bool(parameters["AUTO"]),
        n_slots=parameters["SLOTS"],
    )  # fmt: skip


def pushed_words(context: Context, kinds: Mapping[int, int], parameters: Mapping[str, int]) -> list[int]:
    """Command words that come of what a context pushes.

    Parameters
    ----------
    context
        After its run.
    kinds
        As of `kind_table`.
    parameters
        Of the PE.
    """
    low = head_bits(parameters)
    return [
        sum(word << 32 * i for i, word in enumerate(words)) << low | kinds[kind] for kind, words in context.commands
    ]


def follow_core(
    table: CommandTable, program: CoreProgram, contexts: Sequence[Context], parameters: Mapping[str, int]
) -> CommandTable:
    """Write out the program in the order in which the core pushes it, each command with the cycles to issue it.

    Parameters
    ----------
    table, program
        The program and its machine code.
    contexts
        After their run.
    parameters
        Of the PE.

    Returns
    -------
    CommandTable
        A prologue of all commands; what a cache writes back follows what was stored. Of one context, cycles are those
        while all commands are taken at once, and the queues of the model do the rest. Two contexts hold each other up,
        so that cycles depend on what is taken when: they are those that the law of the core says when there is room in
        the queues as the event engine says.
    """
    numbers = [[program.kinds.index(kind) for kind, _ in context.commands] for context in contexts]
    core, n = core_times(parameters), sum(map(len, numbers))
    if len(contexts) == 1:
        _check_loads(contexts[0].trace(), core)
        return _write_out(table, numbers, *_follow(contexts, core, np.zeros(n, np.int64)))
    # What is pushed depends on what came before alone, so that each round settles one command more, or many.
    owner = {number: c for c, of_context in enumerate(numbers) for number in of_context}
    who = np.array([owner[number] for _, number in expand(table)])
    written = _write_out(table, numbers, np.arange(n), who)
    room = _find_room(written, who, parameters["QUEUE"], parameters["QUEUE"])
    for _ in range(n + 1):
        pushed, who = _follow(contexts, core, room)
        written = _write_out(table, numbers, pushed, who)
        now = _find_room(written, who, parameters["QUEUE"], MAX_TOKENS)
        if np.array_equal(now, room):
            return written
        room = now
    raise RuntimeError("the cycles of two contexts do not settle")


def mean_issue(contexts: Sequence[Context], parameters: Mapping[str, int]) -> tuple[int, int]:
    """Say what a machine file would about the core: cycles to launch a program, and to issue a command of it.

    Parameters
    ----------
    contexts
        After their run.
    parameters
        Of the PE.

    Returns
    -------
    (int, int)
        Cycles before the core begins with its first command, and the mean from push to push, in whole cycles.
    """
    n = sum(len(context.commands) for context in contexts)
    pushed, _ = _follow(contexts, core_times(parameters), np.zeros(n, np.int64))
    issue = max(1, round(int(pushed[-1] - pushed[0]) / max(1, n - 1)))
    return max(0, int(pushed[0]) + 1 - issue), issue


def issue_by_command(
    program: CoreProgram, contexts: Sequence[Context], parameters: Mapping[str, int]
) -> tuple[int, list[int]]:
    """Say what the generator of a program could about the core: cycles to launch it, and to issue each command.

    Parameters
    ----------
    program
        The kinds of its commands.
    contexts
        After their run.
    parameters
        Of the PE.

    Returns
    -------
    (int, list of int)
        Cycles before the core begins with its first command; for each command of the program the mean from the push
        before it, of all times that it is pushed but the very first push, in whole cycles.
    """
    n = sum(len(context.commands) for context in contexts)
    pushed, who = _follow(contexts, core_times(parameters), np.zeros(n, np.int64))
    pushes = [iter(context.commands) for context in contexts]
    kinds = np.array([next(pushes[c])[0] for c in who.tolist()])
    took = np.diff(pushed)
    of_kinds = [took[kinds[1:] == kind] for kind in program.kinds]
    issue = [max(1, round(cycles.mean())) if cycles.size else 1 for cycles in of_kinds]
    return max(0, int(pushed[0]) + 1 - issue[0]), issue


def _follow(contexts: Sequence[Context], core: CoreTimes, room: Ints) -> tuple[Ints, Ints]:
    """Ask the law of the core: when each command is pushed, and by whom."""
    found = core_cycles(core, [context.trace() for context in contexts], room=room)
    return found.pushed, found.context


def _write_out(table: CommandTable, numbers: Sequence[Sequence[int]], pushed: Ints, who: Ints) -> CommandTable:
    given = [iter(of_context) for of_context in numbers]
    order = np.array([next(given[c]) for c in who.tolist()])
    rows = table.commands[order]
    rows[:, ISSUE] = np.diff(pushed, prepend=-1)
    follows = np.append(table.commands[1:, UNIT] == WRITE_BACK, False)[order]  # what is stored is written back
    rows = np.insert(rows, np.flatnonzero(follows) + 1, table.commands[order[follows] + 1], axis=0)
    return CommandTable(rows, np.array([len(rows), 0, 0, 0, 1]), table.capacity)


def _find_room(written: CommandTable, who: Ints, queue: int, held: int) -> Ints:
    """Cycles from which there is room for each command, those of context 0 first: a place is free when it is left.

    The commands are run as they are pushed, with queues of ``held`` places.
    """
    record = new_record(1, written.capacity.size, len(who))
    run_table(written, Grid(), "grid", held, record=record)
    started = np.zeros(len(who), np.int64)
    started[record.events[:, EVENT_COMMAND]] = record.events[:, EVENT_STARTED_AT]
    room = np.zeros(len(who), np.int64)
    for unit in np.unique(written.commands[:, UNIT]):
        own = np.flatnonzero(written.commands[:, UNIT] == unit)
        room[own[queue:]] = started[own[:-queue]]
    return np.concatenate([room[who == c] for c in range(2)])


def _check_loads(trace: Ints, core: CoreTimes) -> None:
    """Refuse code whose cycles from push to push depend on when a command is taken: that may hide a wait for a word."""
    near = np.flatnonzero((trace[:, LOAD_DISTANCE] > 1) & (trace[:, LOAD_DISTANCE] <= core.load))
    if any(trace[i - trace[i, LOAD_DISTANCE] + 1 : i, N_PUSHES].any() for i in near):
        raise ValueError("a push lies between a load and what waits for its word")
