"""What to play on the systolic array, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.systolic_array import N_EVENTS, systolic_cycles, systolic_events
from archmodel.verify.stimulus import draw_gaps

EVENTS = ("command", "a", "b", "loaded", "tile", "sums", "out", "done")


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: one to three products of random matrices; a third of the points without stalls."""
    gemms, commands, left, right, n_results = [], [], [], [], 0
    for _ in range(rng.integers(1, 4)):
        gemm = _draw_gemm(rng, parameters)
        gemms.append(gemm)
        commands.append(_to_command(gemm, parameters))
        a, b = _draw_operands(rng, gemm)
        left += _stream_left(a, gemm, parameters)
        right += _stream_right(b, gemm, parameters)
        n_results += _count_results(gemm, parameters)
    is_busy = rng.random() < 1 / 3
    sizes = (len(commands), len(left), len(right), n_results)
    longest = (80, *(int(some) for some in rng.choice([2, 4, 12], 3)))
    gaps = [[0] if is_busy else draw_gaps(rng, n, longest=most) for n, most in zip(sizes, longest, strict=True)]
    return {
        "gemms": gemms,
        "sources": {
            "command": {"data": commands, "gap": gaps[0]},
            "a": {"data": left, "gap": gaps[1]},
            "b": {"data": right, "gap": gaps[2]},
        },
        "sinks": {"out": {"n": n_results, "gap": gaps[3]}},
    }


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of all events; the closed form where nothing stalls."""
    rows, cols = parameters["ROWS"], parameters["COLS"]
    sides = [*stimulus["sources"].values(), stimulus["sinks"]["out"]]
    gaps = [side["gap"] for side in sides]
    commands = np.array([_to_fields(gemm, parameters) for gemm in stimulus["gemms"]], np.int64)
    longest = int((commands[:, 3] * np.maximum(commands[:, 2], rows)).sum())
    cycles, counts = np.zeros((N_EVENTS, longest), np.int64), np.zeros(N_EVENTS, np.int64)
    systolic_events(commands, rows, cols, *(np.array(gap) for gap in gaps), cycles, counts)
    total = int(cycles.max()) + 1
    if all(gap == [0] for gap in gaps):
        # Each command is accepted in a cycle of its own, and a last cycle counted from 0 is one cycle more.
        total = sum(systolic_cycles(m, n, k, rows, cols, *modes) + 2 for m, n, k, *modes in stimulus["gemms"])
    events = {name: cycles[i, : counts[i]].tolist() for i, name in enumerate(EVENTS)}
    return {"cycles": total, "events": events}


def _draw_gemm(rng: np.random.Generator, parameters: dict[str, int]) -> list[int]:
    """Draw m, n, k, whether weights stay, whether tiles overlap; few tiles, some of them not full."""
    rows, cols, depth = parameters["ROWS"], parameters["COLS"], parameters["DEPTH"]
    weights_stay, overlaps = int(rng.integers(2)), int(rng.integers(2))
    stream = int(rng.choice([1, int(rng.integers(1, rows)), int(rng.integers(rows, depth)), depth, depth + 3]))
    tall, wide = _draw_size(rng, rows, 4), _draw_size(rng, cols, 2)
    if weights_stay:
        return [stream, wide, tall if stream <= depth else int(rng.integers(1, rows + 1)), 1, overlaps]
    return [tall, wide, stream, 0, overlaps]


def _draw_size(rng: np.random.Generator, edge: int, most: int) -> int:
    """Draw a size of up to ``most`` tiles, half of them full."""
    full = int(rng.integers(1, most + 1)) * edge
    return full - int(rng.integers(edge) if rng.random() < 1 / 2 else 0)


def _draw_operands(rng: np.random.Generator, gemm: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw both matrices; some hold nothing but the most negative number, whose products are the largest."""
    m, n, k = gemm[:3]
    if rng.random() < 1 / 8:
        return np.full((m, k), -128), np.full((k, n), -128)
    return rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))


def _to_fields(gemm: list[int], parameters: dict[str, int]) -> list[int]:
    """Fields of the command of a product: both modes, stream, tiles, tiles that are added up."""
    m, n, k, weights_stay, overlaps = gemm
    tall = -(-(k if weights_stay else m) // parameters["ROWS"])
    n_tiles = tall * -(-n // parameters["COLS"])
    return [weights_stay, overlaps, m if weights_stay else k, n_tiles, tall if weights_stay else 1]


def _to_command(gemm: list[int], parameters: dict[str, int]) -> int:
    weights_stay, overlaps, stream, n_tiles, n_added = _to_fields(gemm, parameters)
    return weights_stay | overlaps << 1 | stream << 2 | n_tiles << 18 | n_added << 34


def _count_results(gemm: list[int], parameters: dict[str, int]) -> int:
    weights_stay, _, stream, n_tiles, n_added = _to_fields(gemm, parameters)
    return stream * n_tiles // n_added if weights_stay else n_tiles * parameters["ROWS"]


def _stream_left(a: np.ndarray, gemm: list[int], parameters: dict[str, int]) -> list[int]:
    """Words of the left operand: rows of its blocks of columns for each tile, or columns of its blocks of rows."""
    height, width, weights_stay = parameters["ROWS"], parameters["COLS"], gemm[3]
    padded = _pad(a if weights_stay else a.T, 1, height)
    blocks = [padded[:, first : first + height] for first in range(0, padded.shape[1], height)]
    n_wide = -(-gemm[1] // width)
    order = blocks * n_wide if weights_stay else [block for block in blocks for _ in range(n_wide)]
    return [word for block in order for word in _to_words(block)]


def _stream_right(b: np.ndarray, gemm: list[int], parameters: dict[str, int]) -> list[int]:
    """Words of the right operand: rows of its blocks of columns, for each row of tiles where sums stay."""
    m, height, width, weights_stay = gemm[0], parameters["ROWS"], parameters["COLS"], gemm[3]
    padded = _pad(_pad(b, 1, width), 0, height) if weights_stay else _pad(b, 1, width)
    blocks = [padded[:, first : first + width] for first in range(0, padded.shape[1], width)]
    order = blocks if weights_stay else blocks * -(-m // height)
    return [word for block in order for word in _to_words(block)]


def _pad(matrix: np.ndarray, axis: int, edge: int) -> np.ndarray:
    """Fill up with zeros to a multiple of ``edge``."""
    missing = [(0, 0), (0, 0)]
    missing[axis] = (0, -matrix.shape[axis] % edge)
    return np.pad(matrix, missing)


def _to_words(block: np.ndarray) -> list[int]:
    return [int.from_bytes(row.tobytes(), "little") for row in block.astype(np.int8)]
