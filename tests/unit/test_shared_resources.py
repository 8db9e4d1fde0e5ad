"""Memories and links that requests share: who is served when, and by what."""

from __future__ import annotations

import pytest
from followed_programs import busy, follow, load, matrix, served, stalls

from archmodel.errors import InputError
from archmodel.lowering.program import UNITS, Command, Grid, Input


def test_memory_serves_one_request_at_a_time():
    result = follow(load(3, "a", 10), matrix(1, "a"), grid=Grid(n_m=3))
    assert result.cycles == 3 * 10 + 1
    assert served(result, "sram") == 30
    assert [stalls(result, "matrix", pe) for pe in range(3)] == [{"arbitration": at} for at in (10, 20, 30)]


def test_memories_serve_side_by_side():
    far = Command("prefetch", 0, 0, 0, (), "far", resource="dram", service_cycles=20)
    result = follow(load(0, "a", 10), far, matrix(1, "a", "far"))
    assert result.cycles == 21
    assert (served(result, "sram"), served(result, "dram")) == (10, 20)


def test_load_ends_with_the_later_of_dma_and_memory():
    assert follow(load(3, "a", 10), matrix(1, "a")).cycles == 11
    assert follow(load(30, "a", 10), matrix(1, "a")).cycles == 31


@pytest.mark.parametrize(("capacity", "cycles"), [(4, 3 * 5 + 5 + 100 + 5), (1, 4 * (5 + 100 + 5)), (2, 2 * 110 + 5)])
def test_loads_under_way_overlap_their_latency(capacity, cycles):
    asked = Command("load", 0, 5, 100, (), "a", resource="sram", service_cycles=1)
    assert follow(asked, matrix(5, "a"), n_inner=4, buffers={"a": capacity}).cycles == cycles


def test_dma_takes_the_next_command_while_the_memory_still_serves_the_last():
    result = follow(load(1, "a", 10), n_inner=4, buffers={"a": 4})
    assert busy(result, "load") == 4
    assert stalls(result, "load") == {}
    assert result.cycles == 40


@pytest.mark.parametrize(("is_round_robin", "cycles"), [(False, 30 + 10 + 100), (True, 10 + 10 + 100)])
def test_oldest_request_goes_first_unless_units_take_turns(is_round_robin, cycles):
    """Three loads ask at 0, 1, 2 and a write-back at 3; what follows it takes longest."""
    write_back = Command("write_back", 3, 0, 0, (), "written", resource="sram", service_cycles=10)
    result = follow(
        *[load(1, "a", 10)] * 3, write_back, Command("vector", 0, 100, 0, (Input("written"),)),
        buffers={"a": 3}, is_round_robin=is_round_robin,
    )  # fmt: skip
    assert result.cycles == cycles


def test_ports_of_the_sram_serve_side_by_side():
    body = (load(1, "a", 10), matrix(2, "a"))
    # PEs 0 and 2 are behind the first port, 1 and 3 behind the second: the multiplies start at 10 and at 20.
    result = follow(*body, grid=Grid(n_m=4, n_ports=2))
    assert result.cycles == 10 + 10 + 2
    assert [stalls(result, "matrix", pe) for pe in range(4)] == [
        {"arbitration": 10}, {"arbitration": 10}, {"arbitration": 20}, {"arbitration": 20},
    ]  # fmt: skip
    assert result.served_cycles.tolist() == [20, 0, 0, 0, 20]
    assert follow(*body, grid=Grid(n_m=4)).cycles == 4 * 10 + 2


def test_busy_port_keeps_only_its_own_pes_waiting():
    # Three PEs are behind the first of two ports, two behind the second: nobody there waits for the fifth load.
    result = follow(load(1, "a", 10), matrix(2, "a"), grid=Grid(n_m=5, n_ports=2))
    assert [stalls(result, "matrix", pe)["arbitration"] for pe in range(5)] == [10, 10, 20, 20, 30]
    assert result.cycles == 30 + 2


@pytest.mark.parametrize(("slack_cycles", "late"), [(0, [10, 20, 30, 40]), (19, [30, 40]), (29, [40]), (39, [])])
def test_waits_within_the_slack_are_no_arbitration(slack_cycles, late):
    # The loads are done at 10, 20, 30 and 40, the DMA after a cycle.
    result = follow(load(1, "a", 10), matrix(2, "a"), grid=Grid(n_m=4), slack_cycles=slack_cycles)
    waits = [stalls(result, "matrix", pe) for pe in range(4)]
    assert [wait["arbitration"] for wait in waits if "arbitration" in wait] == late
    assert [sum(wait.values()) for wait in waits] == [10, 20, 30, 40]
    assert result.cycles == 42


def test_dram_has_no_ports():
    body = (Command("load", 0, 1, 0, (), "a", resource="dram", service_cycles=10), matrix(2, "a"))
    assert follow(*body, grid=Grid(n_m=4, n_ports=2)).cycles == 4 * 10 + 2


def test_request_shared_behind_a_port_is_served_by_that():
    result = follow(load(1, "a", 10, cast="same_b"), matrix(2, "a"), grid=Grid(n_m=4, n_k=2, n_ports=2))
    assert result.served_cycles.tolist() == [10, 0, 0, 0, 10]
    assert result.cycles == 10 + 2


@pytest.mark.parametrize("mode", ["grid", "representative"])
def test_request_of_several_ports_is_refused(mode):
    with pytest.raises(InputError) as caught:
        follow(load(1, "a", 10, cast="same_c"), matrix(2, "a"), grid=Grid(n_m=4, n_k=2, n_ports=2), mode=mode)
    assert str(caught.value) == (
        "1 error in program\n"
        "  cast 'same_c': is shared by PEs behind several ports of the SRAM; allowed are groups behind one port"
    )


def test_one_pe_waits_for_those_behind_its_port():
    # Loads follow one another every 4 · 10 cycles at each port, and three of the four PEs end up to 30 cycles later.
    grid = Grid(n_m=4, n_k=2, n_ports=2)
    result = follow(load(1, "a", 10), matrix(2, "a"), grid=grid, mode="representative", n_inner=3)
    assert (
        result.cycles == 2 * 40 + 10 + 2 + 30 == follow(load(1, "a", 10), matrix(2, "a"), grid=grid, n_inner=3).cycles
    )


@pytest.mark.parametrize(("cast", "n_served"), [("own", 4), ("same_a", 2), ("same_b", 2), ("same_c", 4)])
def test_request_of_several_pes_is_served_once(cast, n_served):
    result = follow(load(1, "a", 10, cast=cast), matrix(1, "a"), grid=Grid(n_m=2, n_n=2))
    assert served(result, "sram") == 10 * n_served
    assert result.cycles == 10 * n_served + 1


@pytest.mark.parametrize(
    ("cast", "grid", "n_groups"),
    [
        ("same_a", Grid(2, 3, 5, 7), 2 * 3 * 7), ("same_b", Grid(2, 3, 5, 7), 2 * 5 * 7),
        ("same_c", Grid(2, 3, 5, 7), 2 * 3 * 5), ("own", Grid(2, 3, 5, 7), 210),
    ],
)  # fmt: skip
def test_pes_share_what_their_parts_have_in_common(cast, grid, n_groups):
    assert len(set(grid.groups(cast).tolist())) == grid.n_groups(cast) == n_groups


def test_shared_request_waits_for_the_last_of_its_pes():
    far = Command("prefetch", 0, 0, 0, (), "far", resource="dram", service_cycles=10)
    near = Command("load", 0, 0, 0, (Input("far"),), "a", resource="sram", service_cycles=5, cast="same_a")
    result = follow(far, near, matrix(1, "a"), grid=Grid(n_n=4))
    # Prefetches end at 10, 20, 30 and 40; the load that all share is served from 40 on.
    assert result.cycles == 40 + 5 + 1
    assert served(result, "sram") == 5
    assert [result.stall_cycles[pe, UNITS.index("matrix")].sum() for pe in range(4)] == [45] * 4


def test_chains_have_their_links_to_themselves():
    add_up = Command("reduce", 0, 1, 0, (), "sum", resource="link", service_cycles=10, cast="same_c")
    result = follow(add_up, n_inner=3, buffers={"sum": 3}, grid=Grid(n_m=2, n_k=2))
    # Each chain adds up three results one after the other, both at the same time.
    assert result.cycles == 30
    assert served(result, "link") == 60
