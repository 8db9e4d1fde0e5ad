from __future__ import annotations

import numpy as np
import pytest

from archmodel.kernels.noc import (
    DELIVER,
    EAST,
    GRANT,
    INJECT,
    LOCAL,
    MOVE,
    N_PORTS,
    NORTH,
    count_hops,
    follow_flits,
    link_mesh,
    packet_cycles,
    route,
)


def follow(n_cols, n_rows, depth, link, packets, gap=0):
    """Events of packets, each ``[source, to_x, to_y, is_multicast, n_flits]``; all streams stall alike."""
    n = n_cols * n_rows
    nodes, leads_to, entry = np.zeros((n, 2), np.int64), np.zeros(n * N_PORTS, np.int64), np.zeros(n, np.int64)
    link_mesh(n_cols, n_rows, nodes, leads_to, entry)
    table = np.array(sorted(packets, key=lambda packet: packet[0]))
    first_packet = np.searchsorted(table[:, 0], np.arange(n + 1))
    gaps, trace = np.full((n, 1), gap), np.zeros((20_000, 4), np.int64)
    n_events = follow_flits(nodes, leads_to, entry, depth, link, first_packet, table[:, 1:].copy(), gaps, gaps, trace)
    assert n_events <= len(trace)
    return trace[:n_events]


def n_cycles(trace):
    return int(trace[trace[:, 1] == DELIVER, 0].max()) + 1


def test_packet_alone_takes_what_the_closed_form_says():
    rng = np.random.default_rng(3)
    for _ in range(200):
        n_cols, n_rows = rng.integers(1, 6, 2)
        depth, link, n_flits = rng.integers(2, 9), rng.integers(1, 4), rng.integers(1, 30)
        source, to_x, to_y = rng.integers(n_cols * n_rows), rng.integers(n_cols), rng.integers(n_rows)
        trace = follow(n_cols, n_rows, depth, link, [[source, to_x, to_y, rng.integers(2), n_flits]])
        n_hops = count_hops(source % n_cols, source // n_cols, to_x, to_y)
        assert n_cycles(trace) == packet_cycles(n_hops, n_flits, link, depth)


def test_packet_by_hand():
    # One link of one register between two routers: in at 0, moves at 1 and 3, taken at 5, a flit behind each cycle
    trace = follow(2, 1, 4, 1, [[0, 1, 0, 0, 2]])
    by_hand = [
        [0, INJECT, 0], [1, INJECT, 0], [1, GRANT, EAST], [1, MOVE, LOCAL], [2, MOVE, LOCAL],
        [3, GRANT, N_PORTS + LOCAL], [3, MOVE, N_PORTS + 3], [4, MOVE, N_PORTS + 3], [5, DELIVER, 1], [6, DELIVER, 1],
    ]  # fmt: skip
    assert trace[:, :3].tolist() == by_hand
    assert packet_cycles(1, 2, 1, 4) == 7


@pytest.mark.parametrize("depth", [2, 4, 9])
def test_no_longer_way_and_no_longer_packet_is_faster(depth):
    cycles = [[packet_cycles(n_hops, n_flits, 1, depth) for n_flits in range(1, 40)] for n_hops in range(8)]
    assert np.all(np.diff(cycles, axis=0) > 0)
    assert np.all(np.diff(cycles, axis=1) > 0)


def test_multicast_is_delivered_on_its_way_to_the_north_only():
    assert route(1, 1, 1, 3, True) == 1 << NORTH | 1 << LOCAL
    north = follow(2, 4, 2, 1, [[0, 1, 3, True, 5]])
    assert sorted(set(north[north[:, 1] == DELIVER, 2])) == [1, 3, 5, 7]
    south = follow(2, 4, 2, 1, [[6, 1, 0, True, 5]])
    assert set(south[south[:, 1] == DELIVER, 2]) == {1}


def test_everything_arrives_and_outputs_keep_packets_together():
    rng = np.random.default_rng(4)
    for _ in range(20):
        packets = [[rng.integers(9), *rng.integers(3, size=2), rng.integers(2), rng.integers(1, 12)] for _ in range(60)]
        trace = follow(3, 3, 2, int(rng.integers(1, 3)), packets, gap=int(rng.integers(3)))
        assert np.count_nonzero(trace[:, 1] == INJECT) == sum(packet[-1] for packet in packets)
        for sink in range(9):
            arrived = trace[(trace[:, 1] == DELIVER) & (trace[:, 2] == sink), 3]
            assert 1 + np.count_nonzero(np.diff(arrived)) == max(1, len(set(arrived.tolist())))
        n_wanted = sum(
            packet[-1] * (max(0, packet[2] - packet[0] // 3) if packet[3] else 0) + packet[-1] for packet in packets
        )
        assert np.count_nonzero(trace[:, 1] == DELIVER) == n_wanted
