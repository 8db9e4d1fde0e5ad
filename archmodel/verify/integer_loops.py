"""Loops that the vector unit of the hardware PE runs, and their code: one text gives it and the cycles of the model.

The notation is that of `archmodel.lowering.rvv`; arithmetic is in whole numbers of 32 bits, because the unit has no
other, so a loop is not the one that a model of a machine has for the same pass. Addresses are by register:

``a0``, ``a2``
    The row that is read and the one that is written.
``a1``
    The number of the row; a load with a stride repeats it in all lanes.
``a3``, ``a4``
    What all rows share.
``a5``
    What is written once for each row, as long as a turn.

``s0`` and ``s1`` are scalars of 16 bits. The unit has no subtraction: what is to be subtracted is kept negated.
"""

from __future__ import annotations

from functools import lru_cache

from archmodel.kernels.vector_rows import row_cycles
from archmodel.kernels.vector_unit import VectorCore
from archmodel.lowering.rvv import assemble
from archmodel.lowering.vector_loops import Loop

_SUM_OF_LANES = "e32 vmv.v.i v16, 0 ; 1\n e32 vredsum.vs v16, v0, v16"
_LOOK_UP = "e32 vsra.vx v16, v16, s0\n e32 vand.vi v16, v16, -4\n e32 vluxei32.v v24, (a3), v16\n"
_GIVE = "e32 vsse32.v v24, (a1), zero"
_NUMBER = "e32 vlse32.v v16, (a1), zero"

LOOPS = {
    "maximum": Loop(  # s0: less than all elements; s1: −1
        "e32 vle32.v v8, (a0)\n e32 vmax.vv v0, v0, v8\n e32 vse32.v v8, (a2)",
        before="e32 vmv.v.x v0, s0",
        fold="e32 vredmax.vs v0, v0, v0",
        give="e32 vmul.vx v24, v0, s1\n" + _GIVE,
    ),
    "exponential": Loop(  # of the difference, in a table before a3 that ends with that of 0; s1: 4, s0: −4 · places
        "e32 vle32.v v8, (a0)\n e32 vadd.vv v8, v8, v16\n e32 vmul.vx v8, v8, s1\n e32 vmax.vx v8, v8, s0\n"
        "e32 vluxei32.v v24, (a3), v8\n e32 vse32.v v24, (a2)",
        before=_NUMBER,
    ),
    "reciprocal_of_sum": Loop(  # in a table; s0: bits that do not count, less 2
        "e32 vle32.v v8, (a0)\n e32 vadd.vv v0, v0, v8\n e32 vse32.v v8, (a2)",
        before="e32 vmv.v.i v0, 0",
        fold=_SUM_OF_LANES,
        give=_LOOK_UP + _GIVE,
    ),
    "mean": Loop(  # negated; s0: −2^s1 / elements
        "e32 vle32.v v8, (a0)\n e32 vadd.vv v0, v0, v8\n e32 vse32.v v8, (a2)",
        before="e32 vmv.v.i v0, 0",
        fold=_SUM_OF_LANES,
        give="e32 vmul.vx v16, v16, s0\n e32 vsra.vx v24, v16, s1\n" + _GIVE,
    ),
    "subtract": Loop(
        "e32 vle32.v v8, (a0)\n e32 vadd.vv v8, v8, v16\n e32 vse32.v v8, (a2)",
        before=_NUMBER,
    ),
    "inverse_root_of_squares": Loop(  # as the reciprocal
        "e32 vle32.v v8, (a0)\n e32 vmul.vv v24, v8, v8\n e32 vadd.vv v0, v0, v24\n e32 vse32.v v8, (a2)",
        before="e32 vmv.v.i v0, 0",
        fold=_SUM_OF_LANES,
        give=_LOOK_UP + _GIVE,
    ),
    "scale": Loop(  # s0: bits of the fraction that are dropped
        "e32 vle32.v v8, (a0)\n e32 vmul.vv v8, v8, v16\n e32 vsra.vx v8, v8, s0\n e32 vse32.v v8, (a2)",
        before=_NUMBER,
    ),
    "gain_shift": Loop(  # s0: bits of the fraction of a gain
        "e32 vle32.v v8, (a0)\n e32 vle32.v v16, (a3)\n e32 vmul.vv v8, v8, v16\n e32 vsra.vx v8, v8, s0\n"
        "e32 vle32.v v24, (a4)\n e32 vadd.vv v8, v8, v24\n e32 vse32.v v8, (a2)",
    ),
    "bag": Loop(  # a row of the bag is a turn
        "e32 vle32.v v8, (a0)\n e32 vadd.vv v0, v0, v8",
        before="e32 vmv.v.i v0, 0",
        fold="e32 vse32.v v0, (a5)",
    ),
}
"""Loops by name, in the order in which they lie in the memory of the unit."""

_OPERATIONS = {
    "vadd": 0, "vmul": 1, "vmax": 2, "vand": 3, "vmv": 4, "vredsum": 5, "vredmax": 6, "vsra": 7,
    "vle": 8, "vlse": 9, "vluxei": 10, "vse": 12, "vsse": 13,
}  # fmt: skip
_WIDTHS = {"e8": 0, "e16": 1, "e32": 2}
_ROWS, _NUMBERS, _TURNS, _SHARED = range(4)  # how far the next row is
_ADDRESSES = {  # base of a command, distance of rows
    "a0": (0, _ROWS), "a1": (1, _NUMBERS), "a2": (2, _ROWS), "a3": (3, _SHARED), "a4": (1, _SHARED), "a5": (2, _TURNS),
}  # fmt: skip
_IMMEDIATE, _SCALARS = 1, {"s0": 2, "s1": 3}


def loop_code() -> tuple[list[int], dict[str, int]]:
    """Code of all loops, a word per instruction, and where each begins; fields as in ``vector_core.sv``."""
    words: list[int] = []
    first = {}
    for name, loop in LOOPS.items():
        first[name] = len(words)
        words += _code(loop)
    return words, first


@lru_cache(maxsize=4096)
def loop_cycles(name: str, n_rows: int, n_elements: int, n_per_turn: int, core: VectorCore) -> int:
    """Cycles of a loop, by the law of the cycle model (`archmodel.kernels.vector_rows.row_cycles`).

    Parameters
    ----------
    name
        One of `LOOPS`.
    n_rows, n_elements, n_per_turn
        Rows, elements of each, and of each turn but the last.
    core
        The vector unit.
    """
    code = assemble(LOOPS[name], "int32", "int32")
    return int(row_cycles(core, code["before"], code["turn"], code["after"], n_rows, n_elements, n_per_turn))


def gives_numbers(name: str) -> bool:
    """Whether a loop leaves a number for each row, and so does not read one."""
    return bool(LOOPS[name].give)


def _code(loop: Loop) -> list[int]:
    parts = [_lines(text) for text in (loop.before, loop.turn, loop.after())]
    words = [_word(line) for part in parts for line in part]
    first, last = len(parts[0]), len(parts[0]) + len(parts[1]) - 1
    words[first] |= 1 << 26
    words[last] |= 1 << 25
    words[-1] |= 1 << 24
    return words


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _word(line: str) -> int:
    """Code of an instruction: what it does, registers, and what takes the place of the first source."""
    line, _, count = line.partition(";")
    width, mnemonic, *operands = line.replace(",", " ").split()
    op = _OPERATIONS[mnemonic.split(".")[0].rstrip("0123456789")]
    vd, vs2, vs1, operand = int(operands[0][1:]), 0, 0, 0
    if op >= _OPERATIONS["vle"]:
        base, distance = _ADDRESSES[operands[1].strip("()")]
        vs1 = distance << 2 | base
        vs2 = int(operands[2][1:]) if op == _OPERATIONS["vluxei"] else 0
    else:
        *between, last = operands[1:]
        vs2 = int(between[0][1:]) if between else 0
        if last[0] == "v":
            vs1 = int(last[1:])
        elif last in _SCALARS:
            operand = _SCALARS[last]
        else:
            operand, vs1 = _IMMEDIATE, int(last) & 0x1F
    word = vs2 << 14 | vs1 << 9 | vd << 4 | op
    return bool(count) << 23 | operand << 21 | _WIDTHS[width] << 19 | word
