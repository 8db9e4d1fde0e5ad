"""Laws of collectives against their schedules, written down step by step."""

from __future__ import annotations

import itertools
import math

import pytest

import archmodel as am
from archmodel.kernels import collectives as law
from archmodel.mapping.collectives import time_exchange
from archmodel.workload.operators.collective import Collective

LATENCY_S, MESSAGE_S, BYTES_PER_S = 2e-6, 0.3e-6, 100e9
SIZES = (1.0, 64e3, 1e9)
REDUCING = (law.ALL_REDUCE, law.ALL_GATHER, law.REDUCE_SCATTER)


def time_s(function, algorithm, n_bytes, n_chips, topology=law.SWITCH, n_domain=64):
    return law.collective_time(
        function, algorithm, n_bytes, n_chips, topology, n_domain, LATENCY_S, MESSAGE_S, BYTES_PER_S
    )


def by_steps(messages, n_peers=1):
    """Steps one after another: bytes that one chip sends in each, to so many peers."""
    return sum(LATENCY_S + (n_peers - 1) * MESSAGE_S + n_bytes / BYTES_PER_S for n_bytes in messages)


def halves(function):
    return 2 if function == law.ALL_REDUCE else 1


@pytest.mark.parametrize("n_bytes", SIZES)
@pytest.mark.parametrize("n_chips", [2, 3, 8, 16])
@pytest.mark.parametrize("function", REDUCING)
def test_schedules_step_by_step(function, n_chips, n_bytes):
    ring = [n_bytes / n_chips] * (n_chips - 1) * halves(function)
    assert time_s(function, law.BY_RING, n_bytes, n_chips) == pytest.approx(by_steps(ring))
    direct = [n_bytes * (n_chips - 1) / n_chips] * halves(function)
    assert time_s(function, law.BY_DIRECT, n_bytes, n_chips) == pytest.approx(by_steps(direct, n_chips - 1))
    if n_chips & (n_chips - 1):
        assert math.isinf(time_s(function, law.BY_HALVING, n_bytes, n_chips))
    else:
        halving = [n_bytes / 2**step for step in range(1, n_chips.bit_length())] * halves(function)
        assert time_s(function, law.BY_HALVING, n_bytes, n_chips) == pytest.approx(by_steps(halving))


def test_one_shot_sends_everything_to_everyone():
    assert time_s(law.ALL_REDUCE, law.BY_ONE_SHOT, 8e3, 8) == pytest.approx(by_steps([7 * 8e3], 7))
    assert math.isinf(time_s(law.ALL_GATHER, law.BY_ONE_SHOT, 8e3, 8))


@pytest.mark.parametrize("n_chips", [2, 5, 16])
@pytest.mark.parametrize("n_bytes", SIZES)
def test_tree_has_the_best_number_of_chunks(n_chips, n_bytes):
    depth = 2 * math.ceil(math.log2(n_chips))
    best = min((depth - 1 + c) * (LATENCY_S + 2 * n_bytes / (c * BYTES_PER_S)) for c in range(1, 2000))
    given = time_s(law.ALL_REDUCE, law.BY_TREE, n_bytes, n_chips)
    assert given <= best * (1 + 1e-12)
    assert given == pytest.approx(best, rel=0.01)  # chunks are whole in the schedule
    assert math.isinf(time_s(law.ALL_GATHER, law.BY_TREE, n_bytes, n_chips))


def distances(n_chips, side):
    """Hops from one chip to each other: a ring, or a torus if it has a side."""

    def around(a, b, n):
        return min((a - b) % n, (b - a) % n)

    if side == 1:
        return [around(0, chip, n_chips) for chip in range(1, n_chips)]
    return [around(0, x, side) + around(0, y, side) for x, y in itertools.product(range(side), repeat=2)][1:]


@pytest.mark.parametrize(
    ("topology", "n_chips", "side", "links"),
    [(law.RING, 2, 1, 0.5), (law.RING, 5, 1, 1.0), (law.RING, 8, 1, 1.0), (law.TORUS, 8, 1, 0.5),
     (law.TORUS, 2, 1, 0.25), (law.TORUS, 9, 3, 1.0), (law.TORUS, 16, 4, 1.0)],
)  # fmt: skip
def test_neighbours_forward_what_goes_farther(topology, n_chips, side, links):
    assert law.torus_side(n_chips, topology) == side
    hops = distances(n_chips, side)
    assert law.hops(n_chips, topology) == pytest.approx((max(hops), sum(hops) / len(hops)))
    assert law.usable_links(n_chips, topology, 256) == links
    sent = 1e9 * (n_chips - 1) / n_chips * sum(hops) / len(hops)
    expected_s = max(hops) * LATENCY_S + (n_chips - 2) * MESSAGE_S + sent / (BYTES_PER_S * links)
    assert time_s(law.ALL_TO_ALL, law.BY_DIRECT, 1e9, n_chips, topology, 256) == pytest.approx(expected_s)
    n_steps = 2 * (side - 1) if side > 1 else n_chips - 1
    expected_s = 2 * (n_steps * LATENCY_S + 1e9 * (n_chips - 1) / n_chips / (BYTES_PER_S * links))
    assert time_s(law.ALL_REDUCE, law.BY_RING, 1e9, n_chips, topology, 256) == pytest.approx(expected_s)
    assert math.isinf(time_s(law.ALL_REDUCE, law.BY_DIRECT, 1e9, n_chips, topology, 256))


def test_a_part_of_a_mesh_has_the_links_between_its_chips():
    whole = time_s(law.ALL_GATHER, law.BY_DIRECT, 1e9, 8, law.MESH, 8) - LATENCY_S - 6 * MESSAGE_S
    assert whole == pytest.approx(7 / 8 * 1e9 / BYTES_PER_S)
    pair = time_s(law.ALL_GATHER, law.BY_DIRECT, 1e9, 2, law.MESH, 8) - LATENCY_S
    assert pair == pytest.approx(1 / 2 * 1e9 / (BYTES_PER_S / 7))
    assert time_s(law.SEND, law.BY_DIRECT, 1e9, 2, law.MESH, 8) == pytest.approx(LATENCY_S + 7e9 / BYTES_PER_S)


@pytest.mark.parametrize("topology", [law.SWITCH, law.MESH, law.RING, law.TORUS])
@pytest.mark.parametrize("function", [law.ALL_REDUCE, law.ALL_GATHER, law.REDUCE_SCATTER, law.ALL_TO_ALL, law.SEND])
def test_the_fastest_is_chosen_and_none_beats_the_links(function, topology):
    for n_chips, n_bytes in itertools.product((2, 4, 7, 16), SIZES):
        arguments = (n_bytes, n_chips, topology, 16, LATENCY_S, MESSAGE_S, BYTES_PER_S)
        algorithm, best_s = law.fastest_algorithm(function, *arguments)
        every = [law.collective_time(function, each, *arguments) for each in range(law.N_ALGORITHMS)]
        assert best_s == min(every) == every[algorithm]
        sent = n_bytes if function == law.SEND else halves(function) * n_bytes * (n_chips - 1) / n_chips
        assert LATENCY_S + sent / BYTES_PER_S <= best_s * (1 + 1e-9) < math.inf


def test_one_chip_exchanges_nothing():
    assert law.fastest_algorithm(law.ALL_REDUCE, 1e9, 1, law.SWITCH, 8, LATENCY_S, MESSAGE_S, BYTES_PER_S)[1] == 0.0


@pytest.mark.parametrize(
    ("function", "n_bytes", "n_chips", "topology", "message_s", "fastest"),
    [
        # Set-ups of messages cost nothing: nothing takes fewer steps than sending to all.
        (law.ALL_REDUCE, 1e3, 64, law.SWITCH, 0.0, law.BY_ONE_SHOT),
        (law.ALL_REDUCE, 1e6, 64, law.SWITCH, 0.0, law.BY_DIRECT),
        # They cost a step each: messages to few peers win, until bytes hide the set-ups.
        (law.ALL_REDUCE, 1e3, 64, law.SWITCH, LATENCY_S, law.BY_HALVING),
        (law.ALL_REDUCE, 1e3, 72, law.SWITCH, LATENCY_S, law.BY_TREE),
        (law.ALL_GATHER, 1e3, 64, law.SWITCH, LATENCY_S, law.BY_HALVING),
        (law.ALL_REDUCE, 1e9, 72, law.SWITCH, LATENCY_S, law.BY_RING),
        (law.ALL_REDUCE, 1e3, 8, law.MESH, MESSAGE_S, law.BY_ONE_SHOT),
        (law.ALL_REDUCE, 1e6, 8, law.MESH, MESSAGE_S, law.BY_DIRECT),
        (law.ALL_REDUCE, 1e3, 16, law.TORUS, MESSAGE_S, law.BY_RING),
        (law.ALL_TO_ALL, 1e3, 16, law.TORUS, MESSAGE_S, law.BY_DIRECT),
    ],
)
def test_every_algorithm_is_the_fastest_somewhere(function, n_bytes, n_chips, topology, message_s, fastest):
    arguments = (n_bytes, n_chips, topology, n_chips, LATENCY_S, message_s, BYTES_PER_S)
    assert law.fastest_algorithm(function, *arguments)[0] == fastest


@pytest.mark.parametrize(
    ("machine", "found"),
    [
        ("h200_sxm", {"one_shot", "direct"}),
        ("mi300x", {"one_shot", "direct"}),
        ("mtia_300", {"one_shot", "direct"}),
        ("mtia_400", {"one_shot", "direct"}),
        ("mtia_2i", {"ring", "tree", "halving", "one_shot"}),
        ("rivos_like", {"one_shot", "direct"}),
        ("tpu_v5e", {"ring"}),
    ],
)
def test_algorithms_that_shipped_machines_choose_for_all_reduces(machine, found):
    link = am.machine(machine).scale_up
    assert link is not None
    sizes = itertools.product((2, 4, 6, 8, 12, 16, 32, 64, 72), (2**log for log in range(8, 31, 2)))
    chosen = {
        time_exchange(Collective("all_reduce", n, n_chips), "bf16", link).algorithm
        for n_chips, n in sizes
        if n_chips <= link.n_chips
    }
    assert chosen == found
