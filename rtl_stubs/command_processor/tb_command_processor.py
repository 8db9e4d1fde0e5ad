"""Bench of the command processor: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import cocotb
from tb_common import offered_cycles, play

# Columns of a command in the stimulus.
UNIT, OCCUPANCY, SERVICE, IN_A, POP_A, IN_B, POP_B, OUT, RESERVE, PUSH = 0, 2, 5, 8, 10, 11, 13, 14, 15, 16
NEED_A, NEED_B = 9, 12


class Seen(NamedTuple):
    """A command as it was measured; ``k`` counts those of its unit."""

    row: list[int]
    k: int
    accepted: int
    started: int
    ended: int
    visible: int


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Hand each unit the payloads of its commands, in the order in which the cores are expected to issue them."""
    unit_bits = max(1, (parameters["UNITS"] - 1).bit_length())
    buffer_bits, count_bits = max(1, (parameters["BUFFERS"] - 1).bit_length()), parameters["TOKENS"].bit_length()
    words = [word for core in range(parameters["CORES"]) for word in stimulus["sources"][f"command[{core}]"]["data"]]
    payloads: dict[str, list[int]] = {f"start[{unit}]": [] for unit in range(parameters["UNITS"])}
    for number in stimulus["order"]:
        unit = words[number] % (1 << unit_bits)
        payloads[f"start[{unit}]"].append(words[number] >> (unit_bits + 3 * (buffer_bits + 2 * count_bits)))
    return payloads


def _follow(stimulus: dict[str, Any], events: dict[str, list[int]]) -> list[list[Seen]]:
    """Commands of each unit in the order of their starts; none where commands are missing."""
    accepts = [cycle for core, _ in enumerate(stimulus["programs"]) for cycle in events[f"accept{core}"]]
    rows = [row for program in stimulus["programs"] for row in program]
    units: list[list[Seen]] = [[] for name in events if name.startswith("start")]
    for number in stimulus["order"]:
        row = rows[number]
        own = units[row[UNIT]]
        k = len(own)
        times = [events[f"{name}{row[UNIT]}"] for name in ("start", "end", "visible")]
        if number >= len(accepts) or k >= min(len(cycles) for cycles in times):
            return []
        own.append(Seen(row, k, accepts[number], *(cycles[k] for cycles in times)))
    return units


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what was played, who waited for what, and what happened at once."""
    events, units = measured["events"], _follow(stimulus, measured["events"])
    commands = [command for own in units for command in own]
    rows = [command.row for command in commands]
    starts, notices = ([events[f"{name}{unit}"] for unit, _ in enumerate(units)] for name in ("start", "visible"))
    is_hit = {
        "one_token": 1 in stimulus["capacity"],
        "two_inputs": any(row[IN_A] >= 0 and row[IN_B] >= 0 for row in rows),
        "no_buffers": any(row[IN_A] < 0 and row[OUT] < 0 for row in rows),
        "needs_more_than_it_pops": any(row[NEED_A] > row[POP_A] for row in rows),
        "reserves_without_pushing": any(row[RESERVE] > row[PUSH] for row in rows),
        "pushes_what_another_reserved": any(row[RESERVE] < row[PUSH] for row in rows),
        "several_tokens": any(row[PUSH] > 1 for row in rows),
        "units_start_at_once": _has_common(starts),
        "results_at_once": _has_common(notices),
        "ends_after_unit_is_free": any(c.ended > c.started + c.row[OCCUPANCY] for c in commands),
        "several_under_way": any(later.started < sooner.visible for own in units for sooner, later in pairwise(own)),
        "idle_in_between": any(later.accepted > sooner.visible for own in units for sooner, later in pairwise(own)),
    }
    return {name for name, hit in is_hit.items() if hit} | _waits(parameters, units) | _issues(stimulus, events)


def _has_common(lists: list[list[int]]) -> bool:
    cycles = [cycle for one in lists for cycle in one]
    return len(set(cycles)) < len(cycles)


def _waits(parameters: dict[str, int], units: list[list[Seen]]) -> set[str]:
    """Name what the starts waited for."""
    hit = set()
    pushed: dict[int, set[int]] = {}
    popped: dict[int, set[int]] = {}
    for command in (command for own in units for command in own):
        pushed.setdefault(command.row[OUT], set()).add(command.visible)
        popped.setdefault(command.row[IN_A], set()).add(command.ended)
        popped.setdefault(command.row[IN_B], set()).add(command.ended)
    for own in units:
        for command in own:
            row, started = command.row, command.started
            before = own[command.k - 1] if command.k else None
            free_at = before.started + before.row[OCCUPANCY] if before else 0
            if started == command.accepted + 1:
                hit.add("starts_right_away")
            elif started == free_at:
                hit.add("waits_for_unit")
            elif any(row[b] >= 0 and started in pushed.get(row[b], ()) for b in (IN_A, IN_B)):
                hit.add("waits_for_tokens")
            elif row[RESERVE] > 0 and started in popped.get(row[OUT], ()):
                hit.add("waits_for_space")
            elif command.k >= parameters["UNDER_WAY"] and started == own[command.k - parameters["UNDER_WAY"]].visible:
                hit.add("waits_for_what_is_under_way")
    return hit


def _issues(stimulus: dict[str, Any], events: dict[str, list[int]]) -> set[str]:
    """Say what stopped the cores: full queues, or each other."""
    hit, accepts = set(), [events[f"accept{core}"] for core, _ in enumerate(stimulus["programs"])]
    starts = {cycle for name, cycles in events.items() if name.startswith("start") for cycle in cycles}
    for core, own in enumerate(accepts):
        offered = offered_cycles(stimulus["sources"][f"command[{core}]"], own)
        waited = [(first, cycle) for first, cycle in zip(offered, own, strict=True) if cycle > first]
        if any(cycle > first + 1 for first, cycle in waited):
            hit.add("queue_full")
        if any(cycle > first + 1 and cycle in starts for first, cycle in waited):
            hit.add("place_taken_as_it_is_freed")
        if len(accepts) == 2 and any(first + 1 == cycle and first in accepts[1 - core] for first, cycle in waited):
            hit.add(f"core_{core}_gives_way")
    return hit


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
