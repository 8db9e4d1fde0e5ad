"""What to play on the matrix engine, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.dot_product import dot_product_events
from archmodel.kernels.matrix_engine import dot_product_bytes, dot_product_cycles
from archmodel.verify.stimulus import draw_gaps, ready_cycles

STREAMS = ("command", "row", "column", "out")


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: up to three multiplies of random shapes and modes; a third of the points without stalls."""
    commands = [_draw_command(rng, parameters) for _ in range(rng.integers(1, 4))]
    operands = [_draw_operands(rng, command) for command in commands]
    words: dict[str, list[int]] = {"command": [], "row": [], "column": []}
    for command, (held, streamed) in zip(commands, operands, strict=True):
        n_streamed, _, _, is_int16, is_sparse = command
        n_blocks = _count_blocks(parameters, command)
        words["command"].append(n_streamed | n_blocks << 16 | is_int16 << 32 | is_sparse << 33)
        words["row"] += _write_rows(rng, parameters, command, held)
        words["column"] += _write_columns(rng, parameters, command, streamed)
    n_words = {name: len(rows) for name, rows in words.items()} | {"out": len(words["column"])}
    is_busy = rng.random() < 1 / 3
    gaps = {
        name: [0] if is_busy else draw_gaps(rng, n_words[name], longest=int(rng.choice([1, 4, 30]))) for name in STREAMS
    }
    return {
        "commands": commands,
        "operands": [[operand.tolist() for operand in pair] for pair in operands],
        "model_bytes": [_count_bytes(parameters, command) for command in commands],
        "sources": {name: {"data": words[name], "gap": gaps[name]} for name in words},
        "sinks": {"out": {"n": n_words["out"], "gap": gaps["out"]}}
        | {name: {"n": len(commands), "gap": [0]} for name in ("bytes", "model_bytes")},
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


def words(
    parameters: dict[str, int], stimulus: dict[str, Any], events: dict[str, list[int]]
) -> dict[str, list[int] | np.ndarray]:
    """Say when columns could enter the pipeline, but for what it holds; entered; left it as sums, and were wanted."""
    rows, columns = events["row"], events["column"]
    offered = ready_cycles(stimulus["sources"]["column"]["gap"], columns)
    column, row = 0, -1
    for command in stimulus["commands"]:
        n_columns, n_passes, setup, passes_per_step = _lower(parameters, command)
        for p in range(n_passes):
            row += parameters["ROWS"]
            for i in range(n_columns):
                is_first_of_step = p % passes_per_step == 0 and i % parameters["COLS"] == 0
                at = max(rows[row], columns[column - 1] if column > 0 else 0) + 1 + setup * is_first_of_step
                offered[column] = max(offered[column], at)
                column += 1
    wanted = ready_cycles(stimulus["sinks"]["out"]["gap"], events["out"])
    return {"offered": offered, "entered": columns, "left": events["out"], "wanted": wanted}


def _draw_command(rng: np.random.Generator, parameters: dict[str, int]) -> list[int]:
    """Columns streamed, rows held, depth, whether elements have 16 bits, whether the held operand is sparse."""
    is_int16, is_sparse = rng.integers(0, 2, 2)
    rows, cols = parameters["ROWS"], parameters["COLS"]
    most_streamed = int(rng.choice([1, rows, 3 * max(rows, cols) // 2]))
    depth = _tile_depth(parameters, [0, 0, 0, is_int16, is_sparse])
    most = [most_streamed, 2 * rows, 3 * depth]
    return [*(int(rng.integers(1, size + 1)) for size in most), int(is_int16), int(is_sparse)]


def _draw_operands(rng: np.random.Generator, command: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Held (row, k) and streamed operand (column, k); of a sparse one, two of four elements along k are kept."""
    n_streamed, n_held, k, is_int16, is_sparse = command
    held, streamed = (_draw_elements(rng, (n, k), is_int16) for n in (n_held, n_streamed))
    if is_sparse:
        is_kept = rng.permuted(np.tile([True, True, False, False], (n_held, _divide_up(k, 4), 1)), axis=-1)
        held = held * is_kept.reshape(n_held, -1)[:, :k]
    return held, streamed


def _write_rows(
    rng: np.random.Generator, parameters: dict[str, int], command: list[int], held: np.ndarray
) -> list[int]:
    """Words of the rows of all blocks; random positions where they are not read."""
    *_, is_sparse = command
    blocks = _cut(held, parameters["ROWS"], _tile_depth(parameters, command))
    blocks = _add_idle(rng, parameters, blocks)
    positions = rng.integers(0, 4, (*blocks.shape[:2], parameters["DEPTH"]))
    if is_sparse:  # values that are not 0 come first, in the order of their positions
        groups = blocks.reshape(*blocks.shape[:2], -1, 4)
        kept = np.sort(np.argsort(groups == 0, axis=-1, kind="stable")[..., :2], axis=-1)
        blocks = np.take_along_axis(groups, kept, axis=-1).reshape(*blocks.shape[:2], -1)
        positions[..., : blocks.shape[-1]] = kept.reshape(blocks.shape)
    packed = (positions.reshape(*positions.shape[:2], -1, 4) << np.array([0, 2, 4, 6])).sum(-1).astype(np.uint8)
    return _to_words(parameters, np.concatenate([np.ascontiguousarray(blocks).view(np.uint8), packed], axis=-1))


def _write_columns(
    rng: np.random.Generator, parameters: dict[str, int], command: list[int], streamed: np.ndarray
) -> list[int]:
    """Words of the columns that each block meets; random bytes where they are not read."""
    n_streamed, n_held, _, _, _ = command
    of_row = _cut(streamed, n_streamed, _tile_depth(parameters, command))
    blocks = _add_idle(rng, parameters, np.tile(of_row, (_divide_up(n_held, parameters["ROWS"]), 1, 1)))
    read = np.ascontiguousarray(blocks).view(np.uint8)
    unread = rng.integers(0, 256, (*read.shape[:2], 2 * parameters["DEPTH"] - read.shape[-1]), np.uint8)
    return _to_words(parameters, np.concatenate([read, unread], axis=-1))


def _draw_elements(rng: np.random.Generator, shape: tuple[int, ...], is_int16: bool | int) -> np.ndarray:
    info = np.iinfo("<i2" if is_int16 else "i1")
    return rng.integers(info.min, info.max, shape, info.dtype, endpoint=True)


def _cut(operand: np.ndarray, n_rows: int, depth: int) -> np.ndarray:
    """Cut into blocks (block, row, element), along k first, and pad the last ones with zeros."""
    padded = np.pad(operand, [(0, -size % part) for size, part in zip(operand.shape, (n_rows, depth), strict=True)])
    blocks = padded.reshape(padded.shape[0] // n_rows, n_rows, -1, depth).swapaxes(1, 2)
    return blocks.reshape(-1, n_rows, depth)


def _add_idle(rng: np.random.Generator, parameters: dict[str, int], blocks: np.ndarray) -> np.ndarray:
    """Add random blocks for the tiles that have none in the last pass; nobody may read them."""
    n_idle = -len(blocks) % parameters["N_TILES"]
    return np.concatenate([blocks, _draw_elements(rng, (n_idle, *blocks.shape[1:]), blocks.itemsize == 2)])


def _to_words(parameters: dict[str, int], blocks: np.ndarray) -> list[int]:
    """Words of blocks (block, row or column, byte): those of all tiles side by side, tile 0 in the lowest bits."""
    n_tiles, (_, n_lines, n_bytes) = parameters["N_TILES"], blocks.shape
    lines = blocks.reshape(-1, n_tiles, n_lines, n_bytes).swapaxes(1, 2).reshape(-1, n_tiles * n_bytes)
    return [int.from_bytes(line.tobytes(), "little") for line in lines]


def _tile_depth(parameters: dict[str, int], command: list[int]) -> int:
    """Elements per row of a block: half as many of 16 bits, twice as many if two of four are kept."""
    _, _, _, is_int16, is_sparse = command
    return parameters["DEPTH"] * (1 + is_sparse) // (1 + is_int16)


def _step_depth(parameters: dict[str, int], command: list[int]) -> int:
    return parameters["STEP"] or _tile_depth(parameters, command)


def _divide_up(n: int, size: int) -> int:
    return -(-n // size)


def _count_blocks(parameters: dict[str, int], command: list[int]) -> int:
    """Blocks that are played; not asked of the model, which has to find as many."""
    _, n_held, k, _, _ = command
    return _divide_up(n_held, parameters["ROWS"]) * _divide_up(k, _tile_depth(parameters, command))


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
    n_passes = _divide_up(_count_blocks(parameters, command), parameters["N_TILES"])
    setup = _divide_up(depth, step_depth) * parameters["GAP"]
    return [command[0], n_passes, setup, _divide_up(step_depth, depth)]


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
