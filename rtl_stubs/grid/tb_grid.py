"""Bench of the grid: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from tb_common import play

STATIONARY = ("output", "weight", "input")


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Say what the words of the results are, in SRAM or behind the cache."""
    width = parameters["WIDTH"]
    image = gather(stimulus) if "gather" in stimulus else multiply(parameters, stimulus)
    return {"c": [int.from_bytes(image[i : i + width], "little") for i in range(0, len(image), width)]}


def gather(stimulus: dict[str, Any]) -> bytes:
    """Take the rows of a table that the lists of each PE name."""
    return np.array(stimulus["rows"], np.int8)[np.array(stimulus["gather"]["lists"])].tobytes()


def multiply(parameters: dict[str, int], stimulus: dict[str, Any]) -> bytes:
    """Multiply, quantise, and lay out what each PE stores: its share of every block, one behind the other."""
    product = stimulus["product"]
    a, b = (np.array(stimulus[name], np.int64) for name in ("a", "b"))
    ((_, _, shift),) = product["operations"]
    c = np.clip((a @ b.T + (1 << shift >> 1)) >> shift, -128, 127).astype(np.int8)
    block_m, block_n, _ = product["block"]
    n_members = parameters["GRID_COLS"]
    image = b""
    n_rows = c.shape[0] // parameters["GRID_ROWS"]
    for pe in range(parameters["GRID_ROWS"] * n_members):
        row, member = divmod(pe, n_members)
        mine = c[row * n_rows : (row + 1) * n_rows]
        tiles = mine.reshape(n_rows // block_m, block_m, -1, block_n).swapaxes(1, 2)
        if product["stationary"] == 1:  # the panels of b are the outer loop
            tiles = tiles.swapaxes(0, 1)
        tiles = tiles.reshape(-1, block_m, n_members, block_n // n_members)[:, :, member]
        image += (tiles if product["holds_b"] else tiles.swapaxes(1, 2)).tobytes()
    return image


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what was played, and what units waited for, by the counters of the hardware."""
    hit = {f"waits_for_{name.rpartition('_')[2]}" for name, cycles in measured["counters"].items() if cycles > 0}
    hit -= {"waits_for_issue", "waits_for_arbitration"}  # a matter of the core; too short in small points to be counted
    hit.add(stimulus["kernel"])
    if "gather" in stimulus:
        return hit
    product = stimulus["product"]
    stalled = sum(cycles for name, cycles in measured["counters"].items() if name.startswith("matrix_"))
    is_hit = {
        "several_steps": product["block"][2] * parameters["GRID_COLS"] < product["size"][2],
        "matrix_engine_at_work": stalled < measured["cycles"] // 2,
        "matrix_engine_stalled": stalled >= measured["cycles"] // 2,
    }
    return hit | {f"{STATIONARY[product['stationary']]}_stationary"} | {name for name, is_so in is_hit.items() if is_so}


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Words of every point are exact, cycles and stalls those of the model within the tolerance of the contract."""
    await play(dut, golden, bins)
