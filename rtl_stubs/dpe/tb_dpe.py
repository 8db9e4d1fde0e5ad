"""Bench of the matrix engine: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from tb_common import offered_cycles, play


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Multiply the operands, block by block, and count the bytes of all blocks and of the columns that they meet.

    Operands are those that were drawn, without padding, not the words that the bench plays. ``model_bytes`` takes the
    words of ``bytes`` once more, to be compared with the model.
    """
    words: list[int] = []
    n_bytes = []
    for (*_, is_int16, is_sparse), operands in zip(stimulus["commands"], stimulus["operands"], strict=True):
        held, streamed = (np.array(operand, np.int64) for operand in operands)
        sums = _multiply(held, streamed, parameters["ROWS"], parameters["DEPTH"] * (1 + is_sparse) // (1 + is_int16))
        row_bits = parameters["DEPTH"] * 8
        if is_sparse:
            row_bits += parameters["DEPTH"] // (1 + is_int16) * 2  # a position of two bits for each value
        column_bits = parameters["DEPTH"] * (1 + is_sparse) * 8
        n_bytes.append(len(sums) * (parameters["ROWS"] * row_bits + len(streamed) * column_bits) // 8)
        n_tiles = parameters["N_TILES"]
        padded = np.pad(sums, ((0, -len(sums) % n_tiles), (0, 0), (0, 0)))
        passes = padded.reshape(-1, n_tiles, *sums.shape[1:]).swapaxes(1, 2)
        lines = (passes & 0xFFFFFFFF).astype("<u4").reshape(-1, n_tiles * parameters["ROWS"])
        words += [int.from_bytes(line.tobytes(), "little") for line in lines]
    return {"out": words, "bytes": n_bytes, "model_bytes": stimulus["model_bytes"]}


def _multiply(held: np.ndarray, streamed: np.ndarray, n_rows: int, depth: int) -> np.ndarray:
    """Compute the sums of each block (block, column, row), along k first; 0 in rows that the held operand lacks."""
    (n_held, k), blocks = held.shape, []
    for row in range(0, n_held, n_rows):
        for first in range(0, k, depth):
            sums = np.zeros((len(streamed), n_rows), np.int64)
            rows = held[row : row + n_rows, first : first + depth]
            sums[:, : len(rows)] = streamed[:, first : first + depth] @ rows.T
            blocks.append(sums)
    return np.array(blocks)


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what happened: shapes and modes of the commands, and who waited for whom."""
    hit, modes = set(), set()
    for command in stimulus["commands"]:
        hit |= _shape_bins(parameters, *command)
        modes.add(tuple(command[3:]))
    return hit | ({"mode_changes"} if len(modes) > 1 else set()) | _event_bins(parameters, stimulus, measured["events"])


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


def _event_bins(parameters: dict[str, int], stimulus: dict[str, Any], events: dict[str, list[int]]) -> set[str]:
    rows, columns, outs, latency = events["row"], events["column"], events["out"], parameters["LATENCY"]
    row_offered, column_offered = (
        offered_cycles(stimulus["sources"][name], events[name]) for name in ("row", "column")
    )
    frees, set_up = set(events["pass"]) - set(events["done"]), set(events["setup"])
    loaded = dict(zip([0, *np.searchsorted(columns, events["pass"]) + 1], events["block"], strict=False))
    happened = {
        # The last column of a pass frees the block, and a row that was offered meanwhile is taken then.
        "block_waits_for_columns": any(o < at and at - 1 in frees for o, at in zip(row_offered, rows, strict=True)),
        # The first column of a pass is offered before the last row of its block is taken.
        "columns_wait_for_block": any(column_offered[i] <= at for i, at in loaded.items() if i < len(columns)),
        # In the cycle before, a column is offered to a loaded block and to a step that is set up; a stage was missing.
        "pipeline_full": any(
            column_offered[i] < at == outs[i - latency] and at - 1 not in set_up and loaded.get(i, 0) < at - 1
            for i, at in enumerate(columns[: len(outs) + latency])
            if i >= latency
        ),
        "row_and_column_at_once": bool(set(rows) & set(columns)),
        "commands_back_to_back": bool(set(events["command"]) & set(events["done"])),
        "out_waits": any(out - column > latency for column, out in zip(columns, outs, strict=False)),
    }
    return {name for name, is_hit in happened.items() if is_hit}


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
