"""What to play on the matrix engine, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.dot_product import dot_product_events
from archmodel.kernels.matrix_engine import count_held_blocks, divide_up, dot_product_bytes, dot_product_cycles
from archmodel.verify.stimulus import draw_gaps

MOST_COLUMNS = 1000  # of a point, as many as its source has room for
PAIRS = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])  # two of four
STREAMS = ("command", "row", "column", "out")


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: up to three multiplies of random shapes and modes; a third of the points without stalls."""
    commands: list[list[int]] = []
    n_commands = rng.integers(1, 4)
    while len(commands) < n_commands:
        commands.append(_draw_command(rng, parameters))
        if sum(_count_passes(parameters, c) * c[0] for c in commands) > MOST_COLUMNS:
            commands.pop()
            break
    words: dict[str, list[int]] = {"command": [], "row": [], "column": []}
    for command in commands:
        n_streamed, _, _, is_int16, is_sparse = command
        n_blocks = _count_blocks(parameters, command)
        words["command"].append(n_streamed | n_blocks << 16 | is_int16 << 32 | is_sparse << 33)
        words["row"] += _draw_rows(rng, parameters, command)
        words["column"] += _draw_columns(rng, parameters, command)
    n_words = {name: len(rows) for name, rows in words.items()} | {"out": len(words["column"])}
    is_busy = rng.random() < 1 / 3
    gaps = {
        name: [0] if is_busy else draw_gaps(rng, n_words[name], longest=int(rng.choice([1, 4, 30]))) for name in STREAMS
    }
    return {
        "commands": commands,
        "read_bytes": [_count_bytes(parameters, command) for command in commands],
        "sources": {name: {"data": words[name], "gap": gaps[name]} for name in words},
        "sinks": {"out": {"n": n_words["out"], "gap": gaps["out"]}, "bytes": {"n": len(commands), "gap": [0]}},
    }


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of each event; the closed form where nothing stalls."""
    commands = stimulus["commands"]
    rows, latency = parameters["ROWS"], parameters["LATENCY"]
    table = np.array([_lower(parameters, command) for command in commands], np.int64)
    gaps = [np.array((stimulus["sources"] | stimulus["sinks"])[name]["gap"], np.int64) for name in STREAMS]
    n_columns = table[:, 0] * table[:, 1]
    command, row = np.zeros(len(table), np.int64), np.zeros(table[:, 1].sum() * rows, np.int64)
    opened, column, given = np.zeros((3, n_columns.sum()), np.int64)
    dot_product_events(table, rows, parameters["COLS"], latency, *gaps, command, row, opened, column, given)
    columns_of_pass = np.repeat(table[:, 0], table[:, 1])
    cycles = int(given[-1]) + 1
    if all(not gap.any() for gap in gaps):
        cycles = 1 + sum(_count_cycles(parameters, command) for command in commands) + latency
    events = {
        "command": command,
        "row": row,
        "block": row[rows - 1 :: rows],
        "setup": _set_up(parameters, table, opened),
        "column": column,
        "pass": column[np.cumsum(columns_of_pass) - 1],
        "done": column[np.cumsum(n_columns) - 1],
        "out": given,
    }
    return {"cycles": cycles, "events": {name: at.tolist() for name, at in events.items()}}


def _draw_command(rng: np.random.Generator, parameters: dict[str, int]) -> list[int]:
    """Columns streamed, rows held, depth, whether elements have 16 bits, whether the held operand is sparse."""
    is_int16, is_sparse = rng.integers(0, 2, 2)
    most_streamed = 1 if rng.random() < 0.1 else 3 * max(parameters["COLS"], parameters["ROWS"]) // 2
    depth = _tile_depth(parameters, [0, 0, 0, is_int16, is_sparse])
    most = [most_streamed, 2 * parameters["ROWS"], 3 * depth]
    return [*(int(rng.integers(1, size + 1)) for size in most), int(is_int16), int(is_sparse)]


def _draw_rows(rng: np.random.Generator, parameters: dict[str, int], command: list[int]) -> list[int]:
    """Rows of all blocks, padded with zeros; random ones where a tile has no block, which nobody may read."""
    _, n_held, k, is_int16, is_sparse = command
    depth, kept = parameters["DEPTH"], parameters["DEPTH"] // (1 + is_int16)
    block, first_row, first_element = _number_blocks(parameters, command)
    shape = (block.size, parameters["ROWS"])
    pairs = PAIRS[rng.integers(0, len(PAIRS), (*shape, depth // 2))].reshape(*shape, depth)
    positions = pairs[..., :kept] if is_sparse else np.zeros((*shape, kept), np.int64)
    element = np.arange(kept) // 2 * 4 + positions if is_sparse else np.arange(kept)
    is_row = first_row[:, None] + np.arange(shape[1]) < n_held
    is_inside = is_row[..., None] & (first_element[:, None, None] + element < k)
    is_idle = block >= _count_blocks(parameters, command)
    values = _draw_elements(rng, (*shape, kept), is_int16) * (is_inside | is_idle[:, None, None])
    packed = (pairs.reshape(*shape, -1, 4) << np.array([0, 2, 4, 6])).sum(-1).astype(np.uint8)
    blocks = np.concatenate([values.view(np.uint8), packed], axis=-1)
    return _to_words(blocks.reshape(-1, parameters["N_TILES"], *blocks.shape[1:]))


def _draw_columns(rng: np.random.Generator, parameters: dict[str, int], command: list[int]) -> list[int]:
    """Columns that each block meets, padded with zeros; random ones where a tile has no block."""
    n_streamed, _, k, is_int16, _ = command
    block, _, first_element = _number_blocks(parameters, command)
    n_elements = 2 * parameters["DEPTH"] // (1 + is_int16)  # the second half is read if the block is sparse
    is_inside = first_element[:, None] + np.arange(n_elements) < k
    is_inside |= block[:, None] >= _count_blocks(parameters, command)
    values = _draw_elements(rng, (block.size, n_streamed, n_elements), is_int16) * is_inside[:, None, :]
    return _to_words(values.view(np.uint8).reshape(-1, parameters["N_TILES"], n_streamed, 2 * parameters["DEPTH"]))


def _draw_elements(rng: np.random.Generator, shape: tuple[int, ...], is_int16: int) -> np.ndarray:
    info = np.iinfo("<i2" if is_int16 else "i1")
    return rng.integers(info.min, info.max, shape, info.dtype, endpoint=True)


def _number_blocks(parameters: dict[str, int], command: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give each block, idle tiles included, its number, first row and first element: along k first."""
    depth = _tile_depth(parameters, command)
    block = np.arange(_count_passes(parameters, command) * parameters["N_TILES"])
    n_deep = divide_up(command[2], depth)
    return block, block // n_deep * parameters["ROWS"], block % n_deep * depth


def _to_words(fields: np.ndarray) -> list[int]:
    """Words of bytes (pass, tile, row or column, byte): those of all tiles side by side, tile 0 in the lowest bits."""
    lines = np.ascontiguousarray(fields.swapaxes(1, 2)).reshape(fields.shape[0] * fields.shape[2], -1)
    return [int.from_bytes(line.tobytes(), "little") for line in lines]


def _tile_depth(parameters: dict[str, int], command: list[int]) -> int:
    """Elements per row of a block: half as many of 16 bits, twice as many if two of four are kept."""
    _, _, _, is_int16, is_sparse = command
    return parameters["DEPTH"] * (1 + is_sparse) // (1 + is_int16)


def _step_depth(parameters: dict[str, int], command: list[int]) -> int:
    return parameters["STEP"] or _tile_depth(parameters, command)


def _count_blocks(parameters: dict[str, int], command: list[int]) -> int:
    _, n_held, k, _, _ = command
    return count_held_blocks(n_held, k, parameters["ROWS"], _tile_depth(parameters, command))


def _count_passes(parameters: dict[str, int], command: list[int]) -> int:
    return divide_up(_count_blocks(parameters, command), parameters["N_TILES"])


def _count_bytes(parameters: dict[str, int], command: list[int]) -> int:
    n_streamed, n_held, k, is_int16, is_sparse = command
    element_bytes = 1 + is_int16
    held_bytes = element_bytes / 2 + 1 / 8 if is_sparse else element_bytes
    depth = _tile_depth(parameters, command)
    return int(dot_product_bytes(n_streamed, n_held, k, parameters["ROWS"], depth, held_bytes, element_bytes))


def _count_cycles(parameters: dict[str, int], command: list[int]) -> int:
    n_streamed, n_held, k, _, _ = command
    rows, cols, depth = parameters["ROWS"], parameters["COLS"], _tile_depth(parameters, command)
    step_depth, n_tiles, gap = _step_depth(parameters, command), parameters["N_TILES"], parameters["GAP"]
    return dot_product_cycles(n_streamed, n_held, k, rows, cols, depth, step_depth, n_tiles, rows, gap)


def _lower(parameters: dict[str, int], command: list[int]) -> list[int]:
    """Row of the table that `dot_product_events` reads."""
    depth, step_depth = _tile_depth(parameters, command), _step_depth(parameters, command)
    setup = divide_up(depth, step_depth) * parameters["GAP"]
    return [command[0], _count_passes(parameters, command), setup, divide_up(step_depth, depth)]


def _set_up(parameters: dict[str, int], table: np.ndarray, opened: np.ndarray) -> np.ndarray:
    """Cycles in which steps are set up: those just before their first column could be taken."""
    cycles, column = [], 0
    for n_streamed, n_passes, setup, passes_per_step in table:
        for p in range(n_passes):
            if p % passes_per_step == 0:
                for first in range(column, column + n_streamed, parameters["COLS"]):
                    cycles += range(opened[first] - setup, opened[first])
            column += n_streamed
    return np.array(cycles, np.int64)
