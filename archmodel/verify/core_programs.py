"""Machine code that issues the programs of the cycle model: its parameters, what it pushes, how long it takes.

The kernels are in ``rtl_stubs/pe/kernels``. What a core with given parameters pushes is found by the model of the
instruction set, and when it does so by the law of the core; a command processor that is full delays what follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.matmul_shape import NEAR_A, NEAR_B, OUTPUT, RESULT, WEIGHT
from archmodel.kernels.program import EVENT_COMMAND, EVENT_STARTED_AT, ISSUE, MATRIX, SIMD, STORE, UNIT
from archmodel.kernels.scalar_core import LOAD_DISTANCE, N_PUSHES, CoreTimes
from archmodel.lowering.program import MAX_TOKENS, CommandTable, Grid
from archmodel.lowering.record import new_record
from archmodel.lowering.run import run_table
from archmodel.verify.command_words import Product, expand, head_bits, head_of, place_tiles, write_words
from archmodel.verify.core_law import core_cycles
from archmodel.verify.images import Image, kernel_folder, read_image
from archmodel.verify.riscv import Context, run_contexts

DATA_WORDS = 1024
"""Of the data memory of the core."""
PART_KINDS = 16
"""Kinds of each part of a program: prologue, body, epilogue."""
Ints = NDArray[np.int64]
_WORD = 0xFFFF_FFFF
_MOST, _RECORDS, _RECORD_BYTES = 12, 64, 20  # of the kernel of rows


@dataclass(frozen=True, slots=True)
class CoreProgram:
    """What the host writes for a program.

    Parameters
    ----------
    image
        Machine code; its data are the parameters.
    kinds
        Kind of each command of the program, by its number.
    code
        ``plain_code``, ``auto``, ``contexts`` or ``auto_contexts``.
    """

    image: Image
    kinds: tuple[int, ...]
    code: str = "plain_code"

    @property
    def n_contexts(self) -> int:
        """Contexts that run it."""
        return 2 if "contexts" in self.code else 1


def program_product(
    table: CommandTable, product: Product, parameters: Mapping[str, int], form: str = ""
) -> CoreProgram:
    """Choose the kernel for a matrix product and write its parameters.

    Parameters
    ----------
    table, product
        The program, and what it computes.
    parameters
        Of the PE.
    form
        ``""``, ``_auto``, ``_contexts`` or ``_auto_contexts``; auto-increment needs buffers of two tokens.
    """
    if "auto" in form and max(table.capacity[[NEAR_A, NEAR_B, RESULT]]) > 2:
        raise ValueError("kernels with auto-increment need buffers of two tokens")
    name = "gemm_output" if product.stationary == OUTPUT else "gemm_panel"
    text = read_image(kernel_folder("pe"), name + form).text
    data = _product_block(table, product, parameters)
    return CoreProgram(Image(text, data), _kinds(table), form.removeprefix("_") or "plain_code")


def program_rows(table: CommandTable, words: Sequence[int], parameters: Mapping[str, int]) -> CoreProgram:
    """Write the parameters of the kernel for any program whose commands come round (``rows.S``).

    Parameters
    ----------
    table
        The program.
    words
        Its command words, in the order of `expand`.
    parameters
        Of the PE.

    Raises
    ------
    ValueError
        When the words of a command do not come round, or there are too many.
    """
    lengths = [int(n) for n in table.loops[:3]]
    if max(lengths) > _MOST:
        raise ValueError(f"a part of the program has {max(lengths)} commands; the kernel takes {_MOST}")
    kinds = tuple(part * PART_KINDS + _MOST - length + i for part, length in enumerate(lengths) for i in range(length))
    payloads: dict[int, list[list[int]]] = {}
    for (_, number), word in zip(expand(table), words, strict=True):
        payloads.setdefault(number, []).append(_split(word >> head_bits(parameters)))
    n_inner = int(table.loops[3]) if lengths[1] else 0
    data = [int(table.loops[4]), n_inner, *lengths] + [0] * (DATA_WORDS - 5)
    end = _RECORDS + _RECORD_BYTES * 3 * PART_KINDS
    for number, given in payloads.items():
        ring, steps = _find_ring(given)
        first, end = end, end + 16 * len(ring)
        if end > 4 * DATA_WORDS:
            raise ValueError(f"the data memory of the core has no room for rings of {end} bytes")
        at = (_RECORDS + _RECORD_BYTES * kinds[number]) // 4
        data[at : at + 5] = [first, end, first, *steps]
        data[first // 4 : end // 4] = [word for four in ring for word in four]
    return CoreProgram(Image(read_image(kernel_folder("pe"), "rows").text, data[: end // 4]), kinds)


def _find_ring(given: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[int]]:
    """Find the shortest ring of words whose first two advance by constant steps, each time that they are used."""
    for size in range(1, len(given) + 1):
        steps = [(given[-1][i] - given[-1 - size][i]) & _WORD if size < len(given) else 0 for i in range(4)]
        if steps[2:] == [0, 0] and all(
            (given[v + size][i] - given[v][i]) & _WORD == steps[i] for v in range(len(given) - size) for i in range(4)
        ):
            return [list(four) for four in given[:size]], steps[:2]
    raise AssertionError  # a ring of all of them is one


def _kinds(table: CommandTable) -> tuple[int, ...]:
    """Kind of each command: its place in its part of the program."""
    lengths = [int(n) for n in table.loops[:3]]
    return tuple(part * PART_KINDS + i for part, length in enumerate(lengths) for i in range(length))


def _product_block(table: CommandTable, product: Product, parameters: Mapping[str, int]) -> list[int]:
    """Parameters of a matrix product, in the order of ``parameters.h``."""
    is_output, is_weight = product.stationary == OUTPUT, product.stationary == WEIGHT
    base, tile_bytes = place_tiles(table, product, parameters)
    n_m, n_n, n_k = (
        product.m // product.block_m, product.n // product.block_n, product.k // product.block_k
    )  # fmt: skip
    first = _first_words(table, product, parameters)
    sides = {NEAR_A: (0, product.block_m), NEAR_B: (1, product.block_n)}
    x, y = (NEAR_B, NEAR_A) if is_weight else (NEAR_A, NEAR_B)
    block = [n_m, n_n, n_k] if is_output else [n_n, 1, n_m] if is_weight else [n_m, 1, n_n]
    for buffer in (x, y):
        operand, n_rows = sides[buffer]
        source, stride = product.locate(operand, (0, 0, 0))
        step, row = (product.locate(operand, tile)[0] - source for tile in ((0, 0, 1), (1, 1, 0)))
        end = base[buffer] + tile_bytes[buffer] * int(table.capacity[buffer])
        block += [source, step if is_output else row, row, stride << 16 | product.block_k, n_rows]
        block += [base[buffer], end, tile_bytes[buffer]]
    depths = {part: words[3] for (part, unit), words in first.items() if unit == MATRIX}
    last = depths[2]
    multiply, work = first[2, MATRIX], first[2, SIMD]
    holds_y = _WORD if product.holds_b == (y == NEAR_B) else 0
    block += [holds_y, multiply[2], depths.get(0, last), depths.get(1, last), last]
    block += [work[0] & 0xFFFF_0000, *work[1:]]
    end = base[RESULT] + tile_bytes[RESULT] * int(table.capacity[RESULT])
    block += [base[RESULT], end, tile_bytes[RESULT], product.addresses[2], tile_bytes[RESULT], *first[2, STORE][2:]]
    return block


def _first_words(
    table: CommandTable, product: Product, parameters: Mapping[str, int]
) -> dict[tuple[int, int], list[int]]:
    """Four words of the first command of each unit in each part of a program."""
    found: dict[tuple[int, int], list[int]] = {}
    parts = np.repeat(np.arange(3), table.loops[:3])
    for (_, number), word in zip(expand(table), write_words(table, product, parameters), strict=True):
        key = int(parts[number]), int(table.commands[number, UNIT])
        found.setdefault(key, _split(word >> head_bits(parameters)))
    return found


def _split(payload: int) -> list[int]:
    return [payload >> 32 * i & _WORD for i in range(4)]


def kind_table(table: CommandTable, program: CoreProgram, parameters: Mapping[str, int]) -> dict[int, int]:
    """Say for each kind what the command processor needs to know.

    Parameters
    ----------
    table, program
        The program, and the kinds of its commands.
    parameters
        Of the PE.
    """
    return {kind: head_of(table.commands[number], parameters) for number, kind in enumerate(program.kinds)}


def host_words(
    table: CommandTable, program: CoreProgram, parameters: Mapping[str, int], loops: Sequence[int] = ()
) -> list[int]:
    """Write what the host sends before the core runs: memory, word and value, the last one lets it go.

    Parameters
    ----------
    table, program
        The program and its machine code.
    parameters
        Of the PE.
    loops
        Instructions of the vector loops.
    """
    kinds = kind_table(table, program, parameters)
    memories = [enumerate(program.image.text), enumerate(program.image.data), kinds.items(), enumerate(loops), [(0, 0)]]
    return [memory << 80 | word << 64 | value for memory, words in enumerate(memories) for word, value in words]


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
        A prologue of all commands. Of one context, cycles are those while all commands are taken at once, and the
        queues of the model do the rest. Two contexts hold each other up, so that cycles depend on what is taken when:
        they are those that the law of the core says when there is room in the queues as the event engine says.
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
    rows = table.commands[[next(given[c]) for c in who.tolist()]]
    rows[:, ISSUE] = np.diff(pushed, prepend=-1)
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
