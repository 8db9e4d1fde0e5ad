"""Load on the links of a network: the law against flits that are followed, closed forms, and what programs get."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from archmodel.kernels.noc import (
    EAST,
    LOCAL,
    MOVE,
    N_PORTS,
    NORTH,
    SOUTH,
    WEST,
    count_hops,
    follow_flits,
    link_mesh,
)
from archmodel.kernels.noc_load import link_loads
from archmodel.lowering.noc import UNLIMITED, noc_widths
from archmodel.lowering.timing import lower_timing
from archmodel.machine import load_machine
from archmodel.machine.timing import NocTiming

MESH = NocTiming("mesh", 8, 8, "left_right", 64.0, 3.0)


def loads_of(n_cols, n_rows, ports, groups, is_torus=False, is_y_first=False, is_write=False):
    n = n_cols * n_rows
    seen, loads = np.zeros((n, 4), np.int64), np.zeros((n, 4))
    groups = np.array(groups, np.int64)
    given = is_torus, is_y_first, np.array(ports, np.int64), groups, int(groups.max()) + 1, is_write
    busiest = link_loads(n_cols, n_rows, *given, seen, loads)
    return busiest, loads


def moves_through_inputs(n_cols, n_rows, packets):
    """Flits that each router takes from each neighbour."""
    n = n_cols * n_rows
    nodes, leads_to, entry = np.zeros((n, 2), np.int64), np.zeros(n * N_PORTS, np.int64), np.zeros(n, np.int64)
    link_mesh(n_cols, n_rows, nodes, leads_to, entry)
    table = np.array(sorted(packets))
    first_packet = np.searchsorted(table[:, 0], np.arange(n + 1))
    no_gap, trace = np.zeros((n, 1), np.int64), np.zeros((50_000, 4), np.int64)
    given = first_packet, table[:, 1:].copy(), no_gap, no_gap, trace
    n_events = follow_flits(nodes, leads_to, entry, 4, 1, *given)
    where = trace[:n_events][trace[:n_events, 1] == MOVE, 2]
    counted = np.bincount(where, minlength=n * N_PORTS).reshape(n, N_PORTS)
    return np.delete(counted, LOCAL, axis=1), leads_to


@pytest.mark.parametrize(("n_cols", "n_rows"), [(3, 4), (4, 2), (1, 5)])
@pytest.mark.parametrize("is_write", [False, True])
def test_loads_are_the_flits_that_cross_each_link(n_cols, n_rows, is_write):
    n = n_cols * n_rows
    ports = [(0, y) for y in range(n_rows)]
    pairs = [(y * n_cols, node) for _, y in ports for node in range(n)]
    ways = [(node, port) if is_write else (port, node) for port, node in pairs]
    crossed, leads_to = moves_through_inputs(n_cols, n_rows, [[a, b % n_cols, b // n_cols, 0, 1] for a, b in ways])
    _, loads = loads_of(n_cols, n_rows, ports, range(n), is_write=is_write)
    for node in range(n):
        for way in (NORTH, EAST, SOUTH, WEST):
            fifo = leads_to[node * N_PORTS + way]
            found = crossed[fifo // N_PORTS, fifo % N_PORTS] if fifo >= 0 else 0
            assert loads[node, way] * len(pairs) == pytest.approx(found)


def test_a_multicast_along_a_column_takes_each_link_once():
    n_cols, n_rows = 2, 4
    crossed, leads_to = moves_through_inputs(n_cols, n_rows, [[0, 1, 3, 1, 1]])
    _, loads = loads_of(n_cols, n_rows, [(0, 0)], np.arange(8) % n_cols)
    # The tree to column 1 is what the packet takes; that to column 0 stays in it
    for node, way in ((0, EAST), (1, NORTH), (3, NORTH), (5, NORTH)):
        fifo = leads_to[node * N_PORTS + way]
        assert crossed[fifo // N_PORTS, fifo % N_PORTS] == 1
        assert loads[node, way] == 0.5
    assert loads.sum() * 2 == 4 + 3


@pytest.mark.parametrize("size", [2, 3, 8])
def test_the_middle_of_a_mesh_carries_a_quarter_of_a_columns_traffic(size):
    ports = [(x, y) for y in range(size) for x in (0, size - 1)]
    _, loads = loads_of(size, size, ports, range(size * size))
    below, above = size // 2, size - size // 2
    assert loads[:, NORTH].max() == pytest.approx(below * above / size**2 / size)
    hops = [count_hops(x, y, node % size, node // size) for x, y in ports for node in range(size * size)]
    assert loads.sum() == pytest.approx(np.mean(hops))


def test_a_torus_goes_one_way():
    _, loads = loads_of(5, 4, [(x, y) for y in range(4) for x in range(5)], range(20), is_torus=True)
    assert loads[:, [WEST, SOUTH]].max() == 0
    assert loads[:, EAST] == pytest.approx((5 - 1) / 2 / 5 / 4)
    assert loads[:, NORTH] == pytest.approx((4 - 1) / 2 / 4 / 5)


def test_reductions_along_a_chain_take_links_of_their_own():
    """A partial sum goes one link further at a time: no link is part of two chains."""
    for row in range(4):
        _, loads = loads_of(6, 4, [(0, row)], np.where(np.arange(24) // 6 == row, 0, 1))
        taken = np.argwhere(loads[row * 6 : row * 6 + 6, EAST] > 0)
        assert len(taken) == 5


def test_widths_of_a_mesh():
    widths = noc_widths(MESH)
    assert widths.own == 64 * 16  # sixteen ports at the ends of rows
    assert (
        widths.store == 64 * 8
    )  # half of all writes go down or up a column at the side, half of these cross its middle
    assert widths.row < widths.own
    assert widths.column < widths.own
    # Who shares a read gets more altogether than on its own
    assert 8 * min(widths.row, widths.column) >= 4 * widths.own
    wider = noc_widths(replace(MESH, link_width_bytes_per_cycle=128.0))
    assert wider[:4] == pytest.approx([2 * width for width in widths[:4]])


@pytest.mark.parametrize(
    ("name", "widths", "hops"),
    [
        ("mtia_v1", (1024, 512, 585, 512), 6.1),
        ("mtia_300", (4416, 4416, 2208, 4416), 2.2),
        ("rivos_like", (8192, 4096, 8192, 4096), 10.1),
    ],
)
def test_machines_have_the_widths_that_the_documentation_prints(name, widths, hops):
    found = noc_widths(load_machine(name).timing.noc)
    assert found[:4] == pytest.approx(widths, abs=0.5)
    assert found.mean_hops == pytest.approx(hops, abs=0.05)


def test_a_crossbar_limits_nothing():
    assert noc_widths(None)[:4] == (UNLIMITED,) * 4
    machine = load_machine("mtia_2i")
    timing = lower_timing(machine, machine.timing, "fp16", 0.0)
    assert timing.sram_width == timing.own_width == timing.row_width == timing.column_width == timing.store_width


def test_hops_are_part_of_the_latency_of_the_sram():
    machine = load_machine("mtia_v1")
    there_and_back = 2 * noc_widths(machine.timing.noc).mean_hops * machine.timing.noc.hop_cycles
    timing = lower_timing(machine, machine.timing, "fp16", 0.0)
    assert timing.sram_latency == np.ceil(machine.timing.memory.sram_latency_cycles + there_and_back)
    assert timing.sram_latency == 120
    assert timing.own_width == machine.sram.width_bytes_per_cycle  # links of 64 B just carry the published reads
