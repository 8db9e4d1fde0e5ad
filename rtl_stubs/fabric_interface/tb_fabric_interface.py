"""Bench of the fabric interface: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from bisect import bisect
from itertools import pairwise
from typing import Any

import cocotb
import numpy as np
from tb_common import play

ADDRESS, ROWS, WORDS = 12, 8, 256
FIELDS = (
    ("indexed", 1),
    ("n_rows", 4),
    ("row_bytes", ADDRESS),
    ("address", ADDRESS),
    ("stride", ADDRESS),
    ("local", ADDRESS),
)


def _commands(stimulus: dict[str, Any]) -> list[dict[str, Any]]:
    """Commands by field, with the address of each row."""
    indices = iter(stimulus["sources"]["index"]["data"])
    commands = []
    for word in stimulus["sources"]["command"]["data"]:
        bits = f"{word:0{sum(n for _, n in FIELDS)}b}"
        command: dict[str, Any] = {}
        for name, n in FIELDS:
            command[name], bits = int(bits[:n], 2), bits[n:]
        steps = [next(indices) if command["indexed"] else row for row in range(command["n_rows"])]
        command["rows"] = [(command["address"] + step * command["stride"]) % (1 << ADDRESS) for step in steps]
        commands.append(command)
    return commands


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Cut each row at every fragment and every beat, and pack its bytes into local memory."""
    width, fragment = parameters["WIDTH"], parameters["FRAGMENT"]
    words = [word.to_bytes(width, "little") for word in stimulus["memories"]["memory"]]
    memory = np.frombuffer(b"".join(words), np.uint8)
    asked, written = [], []
    for command in _commands(stimulus):
        local, n_bytes = command["local"], command["row_bytes"]
        for row in command["rows"]:
            positions = np.arange(row, row + n_bytes)
            for piece in np.split(positions, np.flatnonzero(positions % fragment == 0)):
                for beat in np.split(piece, np.flatnonzero(piece % width == 0)):
                    if beat.size == 0:
                        continue
                    is_head = beat[0] == piece[0]
                    length = piece.size if is_head else 0
                    asked.append(_join((int(is_head), 1), (int(beat[0]), ADDRESS), (length, fragment.bit_length())))
                    data = int.from_bytes(memory[beat % (WORDS * width)].tobytes(), "little")
                    fields = [(0, 1), (local, ADDRESS), (beat.size, width.bit_length()), (data, 8 * width)]
                    written.append(fields)
                    local += beat.size
        written[-1][0] = (1, 1)
    return {"ask": asked, "write": [_join(*fields) for fields in written]}


def _join(*fields: tuple[int, int]) -> int:
    """Put fields (value, bits) side by side, the first one highest; values wrap around."""
    word = 0
    for value, bits in fields:
        word = word << bits | int(value) % (1 << bits)
    return word


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what was played and what happened."""
    return _played(parameters, stimulus) | _happened(parameters, stimulus, measured["events"])


def _played(parameters: dict[str, int], stimulus: dict[str, Any]) -> set[str]:
    width, fragment = parameters["WIDTH"], parameters["FRAGMENT"]
    commands = _commands(stimulus)
    is_hit = {
        "strided": any(not c["indexed"] and c["n_rows"] > 1 for c in commands),
        "indexed": any(c["indexed"] for c in commands),
        "single_row": any(c["n_rows"] == 1 for c in commands),
        "most_rows": any(c["n_rows"] == ROWS for c in commands),
        "unaligned": any(row % width for c in commands for row in c["rows"]),
        "several_fragments": any(row % fragment + c["row_bytes"] > fragment for c in commands for row in c["rows"]),
        "one_byte": any(c["row_bytes"] == 1 for c in commands),
    }
    return {name for name, hit in is_hit.items() if hit}


def _happened(parameters: dict[str, int], stimulus: dict[str, Any], events: dict[str, list[int]]) -> set[str]:
    sources, sinks, config = stimulus["sources"], stimulus["sinks"], stimulus["config"]
    slots = _slots(parameters)
    is_paced = any(_has_been_early(parameters, stimulus, events))
    asked, arrived, written = events["ask"], events["response"], events["write"]
    unhindered = [t + config["latency"] - 1 for t in asked]
    taken, finished = events["command"], events["finish"]
    ends = [written.index(now) for now in finished]  # the last beat of each command
    n_at_once = sum(now - 1 in set(asked) for now in taken)  # when the command before had asked for its last beat
    is_hit = {
        "spread": is_paced and config["rate"] == 0,
        "shaped": is_paced and config["round_trip"] == 0,
        "burst_from_bucket": config["rate"] > 0 and _has_burst(parameters, config["rate"], events),
        "slots_taken": any(later == sooner + 1 for sooner, later in zip(written, asked[slots:], strict=False)),
        "fabric_waits": any(_has_waited(sinks["ask"]["gap"], asked)),
        "index_waits": any(_has_waited(sources["index"]["gap"], events["index"])),
        "memory_late": any(now > due for due, now in zip(unhindered, arrived, strict=False)),
        "memory_catches_up": any(
            now > due and now == before + 1
            for due, before, now in zip(unhindered[1:], arrived, arrived[1:], strict=False)
        ),
        "local_memory_waits": any(now > came + 1 for came, now in zip(arrived, written, strict=False)),
        "engine_waits_for_command": len(taken) > n_at_once + 1,
        "command_waits_for_engine": n_at_once > 0,
        "late": bool(events["late"]),
        "late_within_slack": any(
            now not in events["late"] and now > asked[i] + config["latency"]
            for i, now in zip(ends, finished, strict=True)
        ),
        "missed": bool(events["missed"]),
        "missed_before_the_last_beat": any(
            now in events["missed"] and not sources["delay"]["data"][i] >> 16
            for i, now in zip(ends, finished, strict=True)
        ),
        "all_at_once": bool(set(asked) & set(arrived) & set(written)),
    }
    return {name for name, hit in is_hit.items() if hit}


def _slots(parameters: dict[str, int]) -> int:
    return (parameters["OUTSTANDING"] + 1) * parameters["FRAGMENT"] // parameters["WIDTH"]


def _has_been_early(parameters: dict[str, int], stimulus: dict[str, Any], events: dict[str, list[int]]) -> list[bool]:
    """Where a beat behind another one of its command waited though the fabric, a slot and its index were there."""
    ask_gap, index_gap = stimulus["sinks"]["ask"]["gap"], stimulus["sources"]["index"]["gap"]
    has_slot = dict(enumerate((now + 1 for now in events["write"]), _slots(parameters)))  # from this cycle on
    has_index = {
        now: before + 1 + index_gap[k % len(index_gap)]
        for k, (before, now) in enumerate(pairwise([-1, *events["index"]]))
    }
    is_early = []
    for i, (before, now) in enumerate(pairwise(events["ask"]), 1):
        could_leave = max(before + 1 + ask_gap[i % len(ask_gap)], has_slot.get(i, 0), has_index.get(now, 0))
        is_first = any(before < taken < now for taken in events["command"])
        is_early.append(could_leave < now and not is_first)
    return is_early


def _has_burst(parameters: dict[str, int], rate: int, events: dict[str, list[int]]) -> bool:
    """Whether the first three beats of a command left one after another, with more bytes than were earned by then."""
    asked = events["ask"]
    for taken in events["command"]:
        begun, first = taken + parameters["REQUEST"], bisect(asked, taken)
        three = asked[first : first + 3]
        is_one_run = len(three) == 3 and three[2] - three[0] == 2
        if is_one_run and 3 * parameters["WIDTH"] > rate * (three[2] - begun + 1):
            return True
    return False


def _has_waited(gaps: list[int], cycles: list[int]) -> list[bool]:
    """Where a stream moved in the first cycle that its gap allowed, after a gap: the other side was waiting for it."""
    return [0 < gaps[(i + 1) % len(gaps)] == later - sooner - 1 for i, (sooner, later) in enumerate(pairwise(cycles))]


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
