"""Ports of the grid: for how long loads hold them, and which waits its counters leave out."""

from __future__ import annotations

import numpy as np
import pytest

from archmodel.kernels.program import HOLD, LOAD, MATRIX, N_COMMAND_FIELDS, NONE, OWN, SAME_B, SERVICE, SRAM, STORE
from archmodel.kernels.tile_commands import put
from archmodel.lowering.program import CommandTable
from archmodel.verify.contract import find_unit
from archmodel.verify.grid_ports import asks_in_time, hold_ports, slack_cycles

GRID = {"GRID_ROWS": 4, "GRID_COLS": 4, "WIDTH": 4}


def table(own, shared, store=16):
    """Write a turn: a load of one PE, one that a column shares, a multiply and a store, with these services."""
    commands, n = np.zeros((4, N_COMMAND_FIELDS), np.int64), 0
    for unit, resource, service, cast in (
        (LOAD, SRAM, own, OWN), (LOAD, SRAM, shared, SAME_B), (MATRIX, NONE, 0, OWN), (STORE, SRAM, store, OWN)
    ):  # fmt: skip
        n = put(commands, n, unit, 1, 10, 0, resource, service, cast)
    return CommandTable(commands, np.array([4, 0, 0, 0, 5]), np.ones(12, np.int64))


@pytest.mark.parametrize(
    # Requests of the column: 4 · 16 and 256 and 4 · 16 of stores; data: 4 · 32, half of the shared read, 4 · 16.
    ("own", "shared", "fragment", "held"),
    [
        (32, 256, 8, [16, 256, 0, 16]),  # 384 requests, 320 beats
        (32, 64, 8, [32, 64, 0, 16]),  # 192 requests, 224 beats
        (32, 256, 16, [32, 256, 0, 16]),  # a request is for as many beats as a column has PEs
    ],
)
def test_load_holds_its_port_for_the_slower_of_requests_and_data(own, shared, fragment, held):
    before = table(own, shared)
    after = hold_ports(before, {**GRID, "FRAGMENT": fragment})
    assert after.commands[:, HOLD].tolist() == held
    np.testing.assert_array_equal(after.commands[:, SERVICE], before.commands[:, SERVICE])
    assert before.commands[0, HOLD] == own


def test_one_request_is_for_at_least_a_beat_of_each_pe_of_a_column():
    assert asks_in_time({**GRID, "FRAGMENT": 16})
    assert not asks_in_time({**GRID, "FRAGMENT": 8})


def test_slack_is_that_of_the_hardware():
    builds = find_unit("grid").contract.builds
    # 2 · (1 + 3 · 2) + 4 + 2 + 2, a line of 20 + 8 + 4 and opening its row, 10 + 10
    assert slack_cycles(builds["square"]) == 22 + 32 + 20
