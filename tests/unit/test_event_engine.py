"""What commands wait for, one rule at a time, on programs small enough to follow by hand."""

from __future__ import annotations

import pytest
from followed_programs import busy, follow, load, matrix, served, stalls

from archmodel.errors import InputError
from archmodel.lowering.program import Command, Input, Program
from archmodel.lowering.run import run

# The core.


def test_core_issues_in_program_order():
    result = follow(Command("load", 10, 5), Command("matrix", 10, 5), Command("simd", 10, 5))
    assert result.cycles == 3 * 10 + 5
    assert [stalls(result, unit) for unit in ("load", "matrix", "simd")] == [
        {"issue": 10},
        {"issue": 20},
        {"issue": 30},
    ]


@pytest.mark.parametrize(
    # Matrix commands start at 1, 11, 21: one place is free for the third at 11, two at 1.
    ("queue_depth", "issued_at"),
    [(1, 13), (2, 4), (8, 4)],
)
def test_full_queue_stops_the_core(queue_depth, issued_at):
    body = (*[Command("matrix", 1, 10)] * 3, Command("simd", 1, 100))
    assert follow(*body, queue_depth=queue_depth).cycles == issued_at + 100


def test_full_queue_stops_commands_of_other_units_too():
    slow = Command("load", 0, 100, 0, (), "a")
    body = (slow, matrix(1, "a"), matrix(1), Command("vector", 0, 7))
    # The second multiply finds a place when the first starts at 100; only then is the vector command issued.
    assert follow(*body, queue_depth=1).cycles == 107
    assert follow(*body, queue_depth=2).cycles == 102


# Units.


def test_units_overtake_each_other_but_not_themselves():
    slow = Command("load", 0, 100, 0, (), "a")
    result = follow(slow, matrix(10, "a"), Command("simd", 0, 20), matrix(10))
    assert result.cycles == 120
    assert busy(result, "matrix") == 20
    assert stalls(result, "matrix") == {"data": 100}
    assert stalls(result, "simd") == {}


def test_result_is_visible_a_latency_after_the_unit_is_free():
    body = (Command("matrix", 0, 10, 40, (), "sums"), Command("simd", 0, 1, 0, (Input("sums"),)))
    # Multiplies end at 10 and 20, their sums are there at 50 and 60.
    result = follow(*body, n_inner=2, buffers={"sums": 2})
    assert result.cycles == 61
    assert stalls(result, "simd") == {"data": 50 + 9}


def test_command_waits_for_as_many_tokens_as_it_needs_and_frees_those_it_pops():
    feed = Command("load", 0, 10, 0, (), "a")
    look = Command("matrix", 0, 1, 0, (Input("a", 2, 0),))
    take = Command("matrix", 0, 1, 0, (Input("a", 2, 2),))
    # Tokens at 10 and 20: both multiplies follow. With space for two, the third load starts at 22.
    assert follow(feed, feed, look, take, buffers={"a": 2}).cycles == 22
    assert follow(feed, feed, look, take, feed, buffers={"a": 2}).cycles == 32
    assert follow(feed, feed, look, take, feed, buffers={"a": 3}).cycles == 30


def test_command_waits_for_the_later_of_two_inputs():
    body = (Command("load", 0, 10, 0, (), "a"), Command("simd", 0, 30, 0, (), "b"), matrix(5, "a", "b"))
    assert follow(*body).cycles == 35


def test_full_buffer_stops_its_producer_until_the_consumer_ends():
    body = (Command("load", 0, 1, 0, (), "a"), matrix(10, "a"))
    result = follow(*body, n_inner=3)
    assert result.cycles == 3 * (1 + 10)
    assert stalls(result, "load") == {"space": 10 + 10}
    # What the multiply waits for has itself waited for space.
    assert stalls(result, "matrix") == {"data": 1, "space": 1 + 1}
    result = follow(*body, n_inner=3, buffers={"a": 2})
    assert result.cycles == 1 + 3 * 10
    assert stalls(result, "load") == {"space": 11 - 2}


@pytest.mark.parametrize(("n_accumulators", "cycles"), [(1, 15 + 7 + 15 + 7), (2, 15 + 15 + 7)])
def test_sums_take_their_space_with_the_first_multiply_and_are_handed_over_by_the_last(n_accumulators, cycles):
    result = follow(
        matrix(5, output="sums", n_reserved=0, n_pushed=0),
        prologue=(matrix(5, output="sums", n_reserved=1, n_pushed=0),),
        epilogue=(matrix(5, output="sums", n_reserved=0, n_pushed=1), Command("simd", 0, 7, 0, (Input("sums"),))),
        n_outer=2,
        buffers={"sums": n_accumulators},
    )
    assert result.cycles == cycles


# Loops.


@pytest.mark.parametrize("mode", ["grid", "representative"])
@pytest.mark.parametrize(("n_inner", "n_outer"), [(0, 1), (1, 1), (5, 1), (0, 3), (4, 3), (300, 70)])
def test_prologue_and_epilogue_surround_the_repeated_body(mode, n_inner, n_outer):
    commands = {"prologue": (matrix(3),), "epilogue": (matrix(5), Command("simd", 0, 1))}
    result = follow(matrix(2), mode=mode, n_inner=n_inner, n_outer=n_outer, **commands)
    assert result.cycles == busy(result, "matrix") == n_outer * (3 + 2 * n_inner + 5)
    assert busy(result, "simd") == n_outer
    assert result.n_commands == n_outer * (3 + n_inner)


def test_body_that_never_runs_may_not_even_make_sense():
    impossible = Command("matrix", 0, 1, 0, (Input("a", 9, 9),))
    assert follow(impossible, n_inner=0, epilogue=(matrix(5),)).cycles == 5


# The ledger.


def test_stall_is_charged_to_what_came_last():
    dram = Command("load", 0, 0, 0, (), "a", resource="dram", service_cycles=50)
    assert stalls(follow(dram, matrix(1, "a")), "matrix") == {"dram": 50}
    assert stalls(follow(load(0, "a", 50), matrix(1, "a")), "matrix") == {"arbitration": 50}
    # The memory answers before the DMA engine is done: nobody is to blame but the transfer.
    assert stalls(follow(load(60, "a", 50), matrix(1, "a")), "matrix") == {"data": 60}
    assert stalls(follow(load(60, "a", 50), Command("matrix", 70, 1, 0, (Input("a"),))), "matrix") == {"issue": 70}
    assert stalls(follow(Command("load", 70, 5, 0, (), "a"), matrix(1, "a")), "matrix") == {"issue": 75}


def test_waits_after_the_last_command_are_nobodys():
    result = follow(matrix(1), Command("vector", 0, 100))
    assert result.cycles == 100
    assert stalls(result, "matrix") == {}


def test_ledger_of_a_unit_adds_up_to_the_end_of_its_last_command():
    result = follow(load(2, "a", 3), matrix(10, "a"), n_inner=20, buffers={"a": 2})
    assert busy(result, "matrix") + sum(stalls(result, "matrix").values()) == result.cycles == 3 + 20 * 10


# Programs that cannot run.

REFUSED = {
    "unit": (
        Command("tensor"),
        "command 1 (tensor): unit 'tensor' is unknown; "
        "allowed: prefetch, load, matrix, reduce, simd, vector, layout, network, store, write_back",
    ),
    "resource": (
        Command("load", output="a", resource="hbm"),
        "command 1 (load): resource 'hbm' is unknown; allowed: sram, dram, host, link",
    ),
    "cast": (
        load(1, "a", 1, cast="everyone"),
        "command 1 (load): cast 'everyone' is unknown; allowed: own, same_a, same_b, same_c",
    ),
    "buffer": (matrix(1, "b"), "command 1 (matrix): there is no buffer 'b'"),
    "input": (
        Command("matrix", inputs=(Input("a", 5, 1),)),
        "command 1 (matrix): handles 5 tokens of 'a', which holds 4",
    ),
    "pop": (
        Command("matrix", inputs=(Input("a", 1, 5),)),
        "command 1 (matrix): frees more tokens than it needs",
    ),
    "output": (
        Command("matrix", output="a", n_reserved=5),
        "command 1 (matrix): handles 5 tokens of 'a', which holds 4",
    ),
    "unlimited": (
        Command("load", resource="sram", service_cycles=1),
        "command 1 (load): asks for a shared resource but no buffer limits how often at a time",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_reason(case):
    command, reason = REFUSED[case]
    with pytest.raises(InputError) as caught:
        run(Program(body=(command,), buffers={"a": 4}))
    assert str(caught.value) == f"1 error in program\n  {reason}"


IMPOSSIBLE = {
    "nothing to run": (
        {"body": (Command("matrix", 0, 1),), "buffers": {}, "n_inner": 0},
        "has no commands",
    ),
    "more freed than needed": (
        {"body": (Command("matrix", inputs=(Input("a", 1, 2),), output="a"),), "buffers": {"a": 4}},
        "command 1 (matrix): frees more tokens than it needs",
    ),
    "negative cycles": (
        {"body": (Command("matrix", 0, -5),), "buffers": {}},
        "command 1 (matrix): takes a negative number of cycles",
    ),
    "negative repeats": (
        {"body": (Command("matrix", 0, 5),), "buffers": {}, "n_inner": -1},
        "n_inner: -1 is not allowed; allowed: whole numbers from 0",
    ),
    "unbalanced": (
        {"body": (Command("load", output="a", n_pushed=2),), "buffers": {"a": 4}},
        "buffer 'a': a turn takes space for 1 tokens and adds 2",
    ),
    "queue": (
        {"body": (Command("matrix", 0, 5),), "buffers": {}, "queue_depth": 65},
        "queue_depth: 65 is not allowed; allowed: whole numbers from 1 to 64",
    ),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_an_impossible_program_is_refused(case):
    fields, reason = IMPOSSIBLE[case]
    with pytest.raises(InputError) as caught:
        run(Program(**fields))
    assert str(caught.value) == f"1 error in program\n  {reason}"


def test_all_reasons_are_told_at_once():
    body = (matrix(1, "b", "c"), Command("simd"), Command("load", output="a", n_pushed=2))
    with pytest.raises(InputError) as caught:
        run(Program(body=body, buffers={"a": 1}))
    assert str(caught.value) == (
        "3 errors in program\n"
        "  command 1 (matrix): there is no buffer 'b'\n"
        "  command 1 (matrix): there is no buffer 'c'\n"
        "  command 3 (load): handles 2 tokens of 'a', which holds 1"
    )


@pytest.mark.parametrize("mode", ["grid", "representative"])
@pytest.mark.parametrize(
    ("command", "n_inner"),
    [
        (matrix(1, "a"), 1),  # nobody gives
        (matrix(1, output="a"), 9),  # nobody takes
        (matrix(1, output="a"), 10**6),  # nor is that skipped
    ],
)
def test_halt_is_told(mode, command, n_inner):
    with pytest.raises(InputError) as caught:
        follow(command, mode=mode, n_inner=n_inner)
    assert str(caught.value) == (
        "1 error in program\n  comes to a halt: on PE 0 matrix wait for tokens or space that never come"
    )


# Programs too long to follow.


def test_million_times_a_million_turns():
    body = (Command("load", 0, 1, 0, (), "a"), matrix(1000, "a"))
    result = follow(*body, mode="representative", n_inner=10**6, n_outer=10**6, buffers={"a": 2})
    assert result.cycles == 10**15 + 1
    assert (busy(result, "load"), busy(result, "matrix")) == (10**12, 10**15)
    assert stalls(result, "matrix") == {"data": 1}
    # Loads 3, 4, ... each start when a multiply ends, the last one when the last but two does.
    assert stalls(result, "load") == {"space": 10**15 - 2 * 1000 + 1 - (10**12 - 1)}
    assert result.n_commands == 2 * 10**12
    assert result.n_commands - result.n_skipped < 10_000


def test_million_times_a_million_turns_between_prologue_and_epilogue():
    result = follow(
        Command("load", 1, 10, 50, (), "a", resource="sram", service_cycles=40),
        Command("matrix", 0, 30, 0, (Input("a"), Input("b", 1, 0))),
        prologue=(Command("simd", 5, 100, 0, (), "b"),),
        epilogue=(Command("matrix", 0, 3, 0, (Input("b"),)),),
        mode="representative", n_inner=10**6, n_outer=10**6, buffers={"a": 4, "b": 1},
    )  # fmt: skip
    assert result.n_commands == 10**6 * (2 * 10**6 + 2)
    assert served(result, "sram") == 40 * 10**12
    assert busy(result, "matrix") == 10**6 * (30 * 10**6 + 3)
    assert busy(result, "matrix") + sum(stalls(result, "matrix").values()) == result.cycles


# The heap behind the memories.
