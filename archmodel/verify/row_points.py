"""Draws embedding bags, softmax and layer norm for the hardware PE: shapes, numbers, and the tables that they need.

Numbers are whole: exponentials, reciprocals and inverse roots come from tables of `PLACES` entries, and what is
multiplied by a fraction is shifted to the right afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.vector_unit import VectorCore
from archmodel.lowering.program import CommandTable
from archmodel.verify.command_words import capacities
from archmodel.verify.row_programs import RowKernel, Step, write_program
from archmodel.verify.row_words import Layout, lay_out, write_row_words

PLACES = 64
_EXP_STEPS, _EXP_ONE = 8, 255  # entries of the table for a factor of e; its last entry
_GAIN_BITS, _MEAN_BITS, _ROOT_BITS, _RECIPROCAL_BITS = 4, 10, 12, 20
Ints = NDArray[np.int64]


def core_of(parameters: Mapping[str, int]) -> VectorCore:
    """Describe the vector unit of a build to the law: addresses are there at once."""
    vlen, dlen, chain, load = (parameters[name] for name in ("VLEN", "DLEN", "CHAIN", "VECTOR_LOAD"))
    return VectorCore(vlen, dlen, chain, load, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class RowPoint:
    """A kernel of rows on a PE.

    Parameters
    ----------
    table, words
        Its program, and the command words of that in the order in which they are issued.
    stimulus
        What else is played, and what the golden model needs.
    """

    table: CommandTable
    words: list[int]
    stimulus: dict[str, Any]


def draw_rows(rng: np.random.Generator, parameters: Mapping[str, int], timing: PeTiming) -> RowPoint:
    """Draw a kernel of rows for a PE with the given parameters."""
    name = str(rng.choice(["embedding_bag", "softmax", "layer_norm"], p=[0.4, 0.3, 0.3]))  # bags are short
    is_wide = bool(rng.random() < 0.4)
    kernel, x, indices, fixed = (_draw_bags if name == "embedding_bag" else _draw_whole)(rng, parameters, name, is_wide)
    table = write_program(kernel, timing, core_of(parameters))
    layout = lay_out(kernel, len(x), parameters["FRAGMENT"])
    n_bytes = kernel.n_tiles * kernel.rows_per_tile * kernel.n_cols * kernel.element_bytes
    stimulus = {
        "config": {"capacity": capacities(table, parameters), "round_trip": parameters["FABRIC"] + 1, "missed": 0},
        "sinks": {"store": {"n": n_bytes // parameters["WIDTH"], "gap": [0]}},
        "memories": {"memory": _image(kernel, layout, x, indices, parameters["WIDTH"])},
        "table": [part.tolist() for part in table],
        "kernel": name,
        "rows": {
            "is_wide": is_wide, "n_tiles": kernel.n_tiles, "rows_per_tile": kernel.rows_per_tile,
            "per_bag": kernel.per_bag, "n_elements": kernel.n_elements, "n_per_turn": kernel.n_per_turn,
            "x": x.tolist(), "indices": indices.tolist(), "results": layout.results,
        } | fixed,
    }  # fmt: skip
    return RowPoint(table, write_row_words(table, kernel, layout, parameters), stimulus)


def _image(kernel: RowKernel, layout: Layout, x: Ints, indices: Ints, width: int) -> list[int]:
    """Write what is behind the fabric: rows, lists of indices, tables."""
    image = bytearray(layout.results)

    def put(address: int, numbers: Ints, dtype: str) -> None:
        data = numbers.astype(dtype).tobytes()
        image[address : address + len(data)] = data

    put(layout.rows, x, "<i4" if kernel.is_wide else "i1")
    for tile, of_tile in enumerate(indices):
        put(layout.lists + tile * layout.list_bytes, of_tile, "<i4")
    for address, step in zip(layout.held, kernel.steps, strict=True):
        put(address, np.array(step.held, np.int64), "<i4")
    image += bytes(-len(image) % width)
    return [int.from_bytes(image[i : i + width], "little") for i in range(0, len(image), width)]


def _draw_bags(
    rng: np.random.Generator, parameters: Mapping[str, int], _name: str, is_wide: bool
) -> tuple[RowKernel, Ints, Ints, dict[str, Any]]:
    unit, most = _unit(parameters), (1 << parameters["ADDRESS"]) // 16
    widths = [n for n in (unit, 2 * unit, 3 * unit) if n <= parameters["VLEN"] // 4]  # eight registers of words
    n_cols = int(rng.choice(widths))
    n_bags = int(rng.integers(1, 5))
    per_bag = int(rng.integers(1, max(2, min(12, most // n_cols // n_bags))))
    shift = int(rng.integers(0, 4))
    steps = [Step(loop="bag")]
    if not is_wide:
        steps = [_widen(1, 0), *steps, _narrow(shift)]
    n_tiles, n_rows = int(rng.integers(1, 9)), int(rng.integers(4, 17))
    kernel = RowKernel("embedding_bag", n_tiles, n_bags, n_cols, n_cols, is_wide, tuple(steps), per_bag)
    x = _draw_numbers(rng, (n_rows, n_cols), is_wide)
    indices = rng.integers(0, n_rows, (n_tiles, n_bags * per_bag))
    return kernel, x, indices, {"shift": shift}


def _draw_whole(
    rng: np.random.Generator, parameters: Mapping[str, int], name: str, is_wide: bool
) -> tuple[RowKernel, Ints, Ints, dict[str, Any]]:
    """Draw rows for softmax or layer norm; the generator cuts them into four tiles, or fewer rows into as many."""
    unit, most = _unit(parameters), (1 << parameters["ADDRESS"]) // 128
    n_cols = int(rng.choice([n for n in (unit, 2 * unit, 3 * unit, 4 * unit) if n <= most]))
    rows_per_tile = int(rng.integers(1, max(2, min(4, most // n_cols + 1))))
    n_tiles = 4 if rows_per_tile > 1 else int(rng.integers(1, 5))
    x = _draw_numbers(rng, (n_tiles * rows_per_tile, n_cols), is_wide)
    scale, offset = (1, 0) if is_wide else (int(rng.integers(1, 3)), int(rng.integers(-9, 10)))
    wide = x * scale + offset
    steps, fixed = _softmax_steps(wide, is_wide) if name == "softmax" else _layer_norm_steps(rng, wide, is_wide)
    if not is_wide:
        steps = [_widen(scale, offset), *steps, _narrow(0)]
    n_per_turn = parameters["VLEN"] // 32 * int(rng.choice([1, 2, 4, 8]))
    kernel = RowKernel(name, n_tiles, rows_per_tile, n_cols, n_per_turn, is_wide, tuple(steps))
    return kernel, x, np.zeros((0, 0), np.int64), {"scale": scale, "offset": offset} | fixed


def _softmax_steps(x: Ints, is_wide: bool) -> tuple[list[Step], dict[str, Any]]:
    """Write the steps of a softmax: a table for e^(x / 8) of what is at most 0, one for reciprocals of sums."""
    exponentials = np.round(_EXP_ONE * np.exp(np.arange(1 - PLACES, 1) / _EXP_STEPS)).astype(np.int64)
    dropped = max(2, (_EXP_ONE * x.shape[1]).bit_length() - 6)
    reciprocals = np.round(2**_RECIPROCAL_BITS / _middles(dropped)).astype(np.int64)
    fraction = 4 if is_wide else _RECIPROCAL_BITS - 7
    steps = [
        Step(loop="maximum", scalars=(-(1 << 15), -1)),
        Step(
            loop="exponential", scalars=(-4 * (PLACES - 1), 4), held=tuple(exponentials.tolist()),
            held_offset=4 * (PLACES - 1),
        ),
        Step(loop="reciprocal_of_sum", scalars=(dropped - 2, 0), held=tuple(reciprocals.tolist())),
        Step(loop="scale", scalars=(fraction, 0)),
    ]  # fmt: skip
    fixed = {"exponentials": exponentials.tolist(), "reciprocals": reciprocals.tolist()}
    return steps, fixed | {"dropped": dropped, "fraction": fraction}


def _layer_norm_steps(rng: np.random.Generator, x: Ints, is_wide: bool) -> tuple[list[Step], dict[str, Any]]:
    """Write the steps of a layer norm: a table for inverse roots of sums of squares as large as those of the rows."""
    n_cols = x.shape[1]
    share = -round(2**_MEAN_BITS / n_cols)
    difference = x + (x.sum(axis=1, keepdims=True) * share >> _MEAN_BITS)
    dropped = max(2, int((difference**2).sum(axis=1).max()).bit_length() - 6)
    roots = np.round(2**_ROOT_BITS / np.sqrt(_middles(dropped) / n_cols)).astype(np.int64)
    gains, shifts = rng.integers(8, 25, n_cols), rng.integers(-20, 21, n_cols)
    fraction = 4 if is_wide else 8
    steps = [
        Step(loop="mean", scalars=(share, _MEAN_BITS)),
        Step(loop="subtract"),
        Step(loop="inverse_root_of_squares", scalars=(dropped - 2, 0), held=tuple(roots.tolist())),
        Step(loop="scale", scalars=(fraction, 0)),
        Step(loop="gain_shift", scalars=(_GAIN_BITS, 0), held=tuple(np.concatenate([gains, shifts]).tolist())),
    ]
    fixed = {"roots": roots.tolist(), "gains": gains.tolist(), "shifts": shifts.tolist(), "share": share}
    return steps, fixed | {"dropped": dropped, "fraction": fraction, "gain_bits": _GAIN_BITS, "mean_bits": _MEAN_BITS}


def _middles(dropped: int) -> NDArray[np.floating[Any]]:
    """Middle of the numbers that share an entry of a table when so many of their lowest bits do not count."""
    return (np.arange(PLACES) + 0.5) * 2.0**dropped


def _widen(scale: int, offset: int) -> Step:
    return Step(operation=(1, offset, scale), is_wide_in=False)


def _narrow(shift: int) -> Step:
    """Divide by a power of two, half up, and saturate to 8 bits."""
    return Step(operation=(2, 0, shift), is_wide_out=False)


def _draw_numbers(rng: np.random.Generator, shape: tuple[int, int], is_wide: bool) -> Ints:
    """Draw numbers whose spread differs from point to point."""
    most = int(rng.choice([400, 60] if is_wide else [127, 20]))
    return rng.integers(-most, most + 1, shape)


def _unit(parameters: Mapping[str, int]) -> int:
    """Elements of which a row has a multiple: whole vectors of the SIMD engine, whole fragments."""
    return math.lcm(parameters["ROWS"], parameters["FRAGMENT"])
