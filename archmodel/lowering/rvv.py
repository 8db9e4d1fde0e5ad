"""Kernels of the vector cores: loops of RISC-V vector instructions, as assembly, and what they take.

A loop is written for any element width. What a line means beyond the RISC-V mnemonic:

``load v8``, ``lses v8``, ``store v8``, ``sses v8``
    ``vle``, ``vlse``, ``vse`` and ``vsse`` of elements as they are stored; behind a load, and before a store, the
    conversions to and from the format of the arithmetic, a step for each factor of two. ``load v8, (a0), v24`` loads
    into v24 what it converts into v8.
``macc vd, va, vb, vt``
    ``vfmacc.vv vd, va, vb`` on cores that count a fused multiply-add as two operations, else ``vfmul.vv`` into ``vt``
    and ``vfadd.vv``.
``e32`` in front
    32-bit elements whatever the arithmetic; ``vfw…`` is then the widening form, or the plain one of 32-bit elements.
``em`` in front
    Elements as wide as in memory.
``; 1`` behind
    One element.

Registers are v0, v8, v16 and v24, which exist with every LMUL. Scalars (fa0, …) wait for nobody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.dtypes import dtype_bytes
from archmodel.kernels.vector_rows import row_cycles
from archmodel.kernels.vector_unit import (
    BITS,
    ELEMENTWISE,
    LOAD_INDEXED,
    LOAD_STRIDED,
    LOAD_UNIT,
    NONE,
    REDUCTION,
    STORE_INDEXED,
    STORE_STRIDED,
    STORE_UNIT,
    VectorCore,
)
from archmodel.lowering.vector_loops import LOOPS, PLACING_STEP, Loop
from archmodel.machine.types import Machine

_FLOATS = ("fp16", "bf16", "fp32", "tf32")
_LOADS = {"load": LOAD_UNIT, "lses": LOAD_STRIDED}
_STORES = {"store": STORE_UNIT, "sses": STORE_STRIDED}
_MEMORY = {
    "vle": LOAD_UNIT, "vlse": LOAD_STRIDED, "vluxei": LOAD_INDEXED,
    "vse": STORE_UNIT, "vsse": STORE_STRIDED, "vsuxei": STORE_INDEXED,
}  # fmt: skip


class VectorCores(NamedTuple):
    """The vector cores of a PE.

    Parameters
    ----------
    core
        One of them.
    lmul
        Registers per group.
    n_cores
        How many; each has rows, or parts of a loop, of its own.
    has_fma
        A fused multiply-add is one instruction.
    own
        Formats with arithmetic of their own width; others are converted to fp32.
    """

    core: VectorCore
    lmul: int
    n_cores: int
    has_fma: bool
    own: tuple[str, ...]


class _Formats(NamedTuple):
    """Formats that decide what a loop becomes: of elements in memory before and behind, of the arithmetic."""

    loaded: str
    stored: str
    arithmetic: str


@dataclass(frozen=True, eq=False, slots=True)
class _Code:
    """A loop as instructions, (B, 6) int64 each, and bits of its widest element."""

    before: NDArray[np.int64]
    turn: NDArray[np.int64]
    after: NDArray[np.int64]
    widest_bits: int


def lower_cores(machine: Machine) -> VectorCores | None:
    """Lower the vector cores of a machine; ``None`` where they are not described.

    A format has arithmetic of its own width if the lanes of the machine file are as many as fit the data paths.
    """
    vector = machine.timing.vector if machine.timing else None
    if vector is None or machine.vector is None:
        return None
    start_up = math.ceil(vector.start_up_cycles)
    load = start_up if vector.load_cycles is None else math.ceil(vector.load_cycles)
    n_cores = vector.n_cores or 1
    paths = n_cores * vector.dlen
    own = tuple(dtype for dtype in _FLOATS if machine.vector.lanes.get(dtype, 0) * 8 * dtype_bytes(dtype) >= paths)
    core = VectorCore(vector.vlen, vector.dlen, start_up, load, 0, 0, 0)
    return VectorCores(core, vector.lmul, n_cores, machine.vector.flop_per_lane > 1, own)


def loop_cycles(
    name: str, n_rows: int, n_cols: int, dtype: str, arithmetic: str, cores: VectorCores, stored: str | None = None
) -> int:
    """Cycles in which the vector cores of a PE run a loop over every row.

    Parameters
    ----------
    name
        One of `archmodel.lowering.vector_loops.LOOPS`.
    n_rows, n_cols
        Rows of the PE, and elements of each.
    dtype
        Format of the elements in memory.
    arithmetic
        Format of the arithmetic; fp32 in its place where the cores have none of that width.
    cores
        The vector cores.
    stored
        Format of elements that the loop stores, if another.

    Model
    -----
    Each core has ``⌈rows / cores⌉`` rows, one after another (`archmodel.kernels.vector_rows.row_cycles`). Elements of
    flat loops, and of a single row that is not folded, are shared evenly. A turn has as many elements as LMUL registers
    hold of the widest ones. A loop over rows that fit one turn may also have its lanes on as many rows, and step
    through their columns by accesses with a stride; it does so where that is faster.
    """
    loop = LOOPS[name]
    formats = _Formats(dtype, stored or dtype, arithmetic if arithmetic in cores.own else "fp32")
    if loop.is_flat or (n_rows == 1 and not loop.fold):
        return _cycles(loop, 1, math.ceil(n_rows * n_cols / cores.n_cores), formats, cores)
    return _cycles(loop, math.ceil(n_rows / cores.n_cores), n_cols, formats, cores)


def loop_of(function: str) -> str:
    """Name the loop of an elementwise function: a scale is a product with a vector that all rows share."""
    return "mul" if function == "scale" else function


def bag_cycles(n_bags: int, n_per_bag: int, dim: int, dtype: str, cores: VectorCores, *, is_weighted: bool) -> int:
    """Cycles in which the vector cores of a PE add up bags of rows in fp32.

    Parameters
    ----------
    n_bags, n_per_bag, dim
        Bags of the PE, rows in each, elements of a row.
    dtype
        Format of the rows.
    cores
        The vector cores.
    is_weighted
        Rows are multiplied by a weight each.

    Model
    -----
    A core has ``⌈bags / cores⌉`` bags. It takes as many columns as LMUL registers hold, and for these loads the rows
    of the bag one after another and adds them to sums in registers, which it stores; then the next columns.
    """
    loop = LOOPS["weighted_bag" if is_weighted else "bag"]
    code = _assemble(loop, _Formats(dtype, dtype, "fp32"), cores.has_fma)
    n_at_once = min(dim, cores.core.vlen * cores.lmul // code.widest_bits)
    n_chunks = math.ceil(n_bags / cores.n_cores) * math.ceil(dim / n_at_once)
    return _run(code, n_chunks, n_per_bag * n_at_once, n_at_once, cores.core)


def placing_cycles(n_cols: int, k: int, dtype: str, arithmetic: str, cores: VectorCores) -> int:
    """Cycles in which a vector core finds the largest elements of a row by placing each among the best so far.

    Parameters
    ----------
    n_cols, k
        Elements of the row, and how many are wanted.
    dtype, arithmetic, cores
        As in `loop_cycles`.

    Model
    -----
    ``⌈log₂(k + 1)⌉`` times, every element of a turn is compared with one of a sorted list, by an indexed load. Of
    elements in random order ``k · (1 + ln(n / k))`` enter the list, and half of it moves for each: values and places.

    Sources
    -------
    Number of records of a random sequence: D. Knuth, The Art of Computer Programming, volume 1, section 1.2.10.
    """
    loop = Loop(f"load v8, (a0)\n vmv.v.i v24, 0\n{k.bit_length() * PLACING_STEP}")
    formats = _Formats(dtype, dtype, arithmetic if arithmetic in cores.own else "fp32")
    n_entering = math.ceil(k * (1 + math.log(n_cols / k)))
    move = loop_cycles("copy", 1, math.ceil(k / 2), "fp32", "fp32", cores._replace(n_cores=1))
    return _cycles(loop, 1, n_cols, formats, cores) + 2 * n_entering * move


@lru_cache(maxsize=4096)
def _cycles(loop: Loop, n_rows: int, n_cols: int, formats: _Formats, cores: VectorCores) -> int:
    code = _assemble(loop, formats, cores.has_fma)
    n_lanes = cores.core.vlen * cores.lmul // code.widest_bits
    along = _run(code, n_rows, n_cols, n_lanes, cores.core)
    if n_cols > n_lanes:
        return along
    n_lanes = min(n_lanes, n_rows)
    across = _assemble(loop.across(), formats, cores.has_fma)
    return min(along, _run(across, math.ceil(n_rows / n_lanes), n_cols * n_lanes, n_lanes, cores.core))


def _run(code: _Code, n_rows: int, n_elements: int, n_per_turn: int, core: VectorCore) -> int:
    return int(row_cycles(core, code.before, code.turn, code.after, n_rows, n_elements, n_per_turn))


@lru_cache(maxsize=1024)
def _assemble(loop: Loop, formats: _Formats, has_fma: bool) -> _Code:
    """Turn a loop into instructions."""
    before, turn, after = (_instructions(text, formats, has_fma) for text in (loop.before, loop.turn, loop.after()))
    return _Code(before, turn, after, max(int(part[:, BITS].max(initial=8)) for part in (before, turn, after)))


def instructions(name: str, dtype: str, arithmetic: str, *, has_fma: bool = False) -> dict[str, NDArray[np.int64]]:
    """Give the instructions of a loop by its name, as `assemble`.

    Parameters
    ----------
    name, dtype
        As in `loop_cycles`.
    arithmetic
        Format of the arithmetic.
    has_fma
        As in `VectorCores`.
    """
    return assemble(LOOPS[name], dtype, arithmetic, has_fma=has_fma)


def assemble(loop: Loop, dtype: str, arithmetic: str, *, has_fma: bool = False) -> dict[str, NDArray[np.int64]]:
    """Give the instructions of a loop, (B, 6) int64 each: ``before``, ``turn`` and ``after``.

    Parameters
    ----------
    loop
        The loop.
    dtype, arithmetic, has_fma
        As in `instructions`.
    """
    code = _assemble(loop, _Formats(dtype, dtype, arithmetic), has_fma)
    return {"before": code.before, "turn": code.turn, "after": code.after}


def _instructions(text: str, formats: _Formats, has_fma: bool) -> NDArray[np.int64]:
    rows: list[list[int]] = []
    for line in filter(None, (line.split("#")[0].strip() for line in text.splitlines())):
        rows += _line(line, formats, has_fma)
    return np.array(rows, dtype=np.int64).reshape(-1, 6)


def _line(line: str, formats: _Formats, has_fma: bool) -> list[list[int]]:
    """Turn a line of assembly into instructions."""
    line, _, count = line.partition(";")
    n_elements = int(count or 0)
    width, _, rest = line.partition(" ")
    bits = {"e32": 32, "em": bits_of(formats.loaded)}.get(width, bits_of(formats.arithmetic))
    mnemonic, *operands = (rest if width in ("e32", "em") else line).replace(",", " ").split()
    registers = [int(name[1:]) if name[0] == "v" else NONE for name in operands] + [NONE] * 3
    first, second, third = registers[:3]
    if mnemonic in _LOADS:
        widths = _conversions(formats.loaded, formats.arithmetic)
        into = third if widths and third != NONE else first
        rows = [[_LOADS[mnemonic], into, NONE, NONE, n_elements, bits_of(formats.loaded)]]
        for bits in widths:
            rows.append([ELEMENTWISE, first, NONE, into, n_elements, bits])
            into = first
        return rows
    if mnemonic in _STORES:
        widths = _conversions(formats.stored, formats.arithmetic)
        narrowed = [[ELEMENTWISE, first, NONE, first, n_elements, bits] for bits in reversed(widths)]
        return [*narrowed, [_STORES[mnemonic], NONE, first, NONE, n_elements, bits_of(formats.stored)]]
    if mnemonic == "macc":
        if has_fma:
            return [[ELEMENTWISE, first, second, third, n_elements, bits]]
        product = [ELEMENTWISE, registers[3], second, third, n_elements, bits]
        return [product, [ELEMENTWISE, first, first, registers[3], n_elements, bits]]
    stem = mnemonic.split(".")[0].rstrip("0123456789")
    if stem in _MEMORY:
        target, data = (NONE, first) if stem.startswith("vs") else (first, NONE)
        return [[_MEMORY[stem], target, data, third if stem.endswith("uxei") else NONE, n_elements, bits]]
    kind = REDUCTION if stem.startswith(("vred", "vfred")) else ELEMENTWISE
    return [[kind, first, third, second, n_elements, bits]]


def bits_of(dtype: str) -> int:
    """Bits of an element in a register: shared scales and halves of bytes are not loaded on their own."""
    return max(8, 1 << (int(8 * dtype_bytes(dtype)).bit_length() - 1))


def _conversions(memory: str, arithmetic: str) -> list[int]:
    """Widths of the conversions from a format in memory to that of the arithmetic, from narrow to wide."""
    if memory == arithmetic:
        return []
    narrow, wide = sorted((bits_of(memory), bits_of(arithmetic)))
    if narrow == wide:
        return [wide]
    return [narrow << (step + 1) for step in range((wide // narrow).bit_length() - 1)]
