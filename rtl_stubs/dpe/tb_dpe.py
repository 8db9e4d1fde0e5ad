"""Bench of the matrix engine: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from tb_common import play


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Multiply each block with its columns, command by command; the bytes read are those that the model says."""
    n_tiles, rows, depth = parameters["N_TILES"], parameters["ROWS"], parameters["DEPTH"]
    sources, words = stimulus["sources"], []
    row, column = 0, 0
    for command in sources["command"]["data"]:
        n_columns, n_blocks = command & 0xFFFF, command >> 16 & 0xFFFF
        n_passes = -(-n_blocks // n_tiles)
        held = _to_bytes(sources["row"]["data"][row : row + n_passes * rows], n_tiles, depth * 10 // 8)
        streamed = _to_bytes(sources["column"]["data"][column : column + n_passes * n_columns], n_tiles, depth * 2)
        row, column = row + len(held), column + len(streamed)
        blocks, columns = _decode(held, streamed, depth, bool(command >> 32 & 1), bool(command >> 33))
        blocks = blocks.reshape(n_passes, rows, n_tiles, -1)
        columns = columns.reshape(n_passes, n_columns, n_tiles, -1)
        sums = np.einsum("prtk,pctk->pctr", blocks, columns)
        is_idle = np.arange(n_passes * n_tiles).reshape(n_passes, n_tiles) >= n_blocks
        sums[np.broadcast_to(is_idle[:, None, :, None], sums.shape)] = 0
        lines = (sums & 0xFFFFFFFF).astype("<u4").reshape(n_passes * n_columns, -1)
        words += [int.from_bytes(line.tobytes(), "little") for line in lines]
    return {"out": words, "bytes": stimulus["read_bytes"]}


def _to_bytes(words: list[int], n_tiles: int, n_bytes: int) -> np.ndarray:
    """Bytes of the words (word, tile, byte)."""
    text = b"".join(word.to_bytes(n_tiles * n_bytes, "little") for word in words)
    return np.frombuffer(text, np.uint8).reshape(len(words), n_tiles, n_bytes)


def _decode(
    held: np.ndarray, streamed: np.ndarray, depth: int, is_int16: bool, is_sparse: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Elements of rows and columns; of a sparse row those that are not kept are 0."""
    dtype = np.dtype("<i2" if is_int16 else "i1")
    values = np.ascontiguousarray(held[..., :depth]).view(dtype).astype(np.int64)
    columns = np.ascontiguousarray(streamed).view(dtype).astype(np.int64)
    if not is_sparse:
        return values, columns[..., : values.shape[-1]]
    positions = (held[..., depth:, None] >> np.array([0, 2, 4, 6], np.uint8) & 3).reshape(*held.shape[:2], -1)
    kept = values.shape[-1]
    blocks = np.zeros((*values.shape[:2], 2 * kept), np.int64)
    np.put_along_axis(blocks, np.arange(kept) // 2 * 4 + positions[..., :kept], values, axis=-1)
    return blocks, columns


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what happened: shapes and modes of the commands, and who waited for whom."""
    hit, modes = set(), set()
    for command in stimulus["commands"]:
        hit |= _shape_bins(parameters, *command)
        modes.add(tuple(command[3:]))
    return hit | ({"mode_changes"} if len(modes) > 1 else set()) | _event_bins(parameters, measured["events"])


def _shape_bins(
    parameters: dict[str, int], n_streamed: int, n_held: int, k: int, is_int16: int, is_sparse: int
) -> set[str]:
    n_tiles, rows, cols, step = (parameters[name] for name in ("N_TILES", "ROWS", "COLS", "STEP"))
    depth = parameters["DEPTH"] * (1 + is_sparse) // (1 + is_int16)
    n_blocks = -(-n_held // rows) * -(-k // depth)
    happened = {
        "one_column": n_streamed == 1,
        "one_pass": n_blocks <= n_tiles,
        "idle_tile": n_blocks % n_tiles != 0,
        "ragged_rows": n_held % rows != 0,
        "ragged_depth": k % depth != 0,
        "ragged_group": n_streamed % cols != 0 and n_streamed > cols,
        "stream_hides_load": n_blocks > n_tiles and n_streamed >= rows,
        "load_outlasts_stream": n_blocks > n_tiles and n_streamed < rows,
        "step_of_two_passes": n_blocks > n_tiles and depth < step,
        "two_steps_per_block": 0 < step < depth,
    }
    mode = ("sparse_" if is_sparse else "") + ("int16" if is_int16 else "int8")
    return {mode} | {name for name, is_hit in happened.items() if is_hit}


def _event_bins(parameters: dict[str, int], events: dict[str, list[int]]) -> set[str]:
    columns, outs, passes = events["column"], events["out"], set(events["pass"])
    happened = {
        "block_waits_for_columns": any(row - 1 in passes for row in events["row"]),
        "columns_wait_for_block": any(column - 1 in set(events["block"]) for column in columns),
        "pipeline_full": any(
            columns[i] == outs[i - parameters["LATENCY"]]
            for i in range(parameters["LATENCY"], min(len(columns), len(outs)))
        ),
        "row_and_column_at_once": bool(set(events["row"]) & set(columns)),
        "commands_back_to_back": bool(set(events["command"]) & set(events["done"])),
        "out_waits": any(out - column > parameters["LATENCY"] for column, out in zip(columns, outs, strict=False)),
    }
    return {name for name, is_hit in happened.items() if is_hit}


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
