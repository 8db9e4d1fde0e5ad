"""Bench of the SIMD engine: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cocotb
import numpy as np
from tb_common import offered_cycles, play

NAMES = ("lookup", "scale", "quantise", "max", "min", "move")
COUNTS = ("one_operation", "two_operations", "three_operations", "four_operations")


def _commands(parameters: dict[str, int], stimulus: dict[str, Any]) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield the operations of each command, none if it loads the table, and its elements."""
    lanes, first = parameters["LANES"], 0
    for word in stimulus["sources"]["command"]["data"]:
        n_operations, n_elements = word >> 1 & 7, word >> 4 & 0xFFFF
        operations = [] if word & 1 else [word >> (20 + 35 * i) & (1 << 35) - 1 for i in range(n_operations)]
        last = first - (-n_elements // lanes)
        vectors = stimulus["sources"]["in"]["data"][first:last]
        text = b"".join(vector.to_bytes(4 * lanes, "little") for vector in vectors)
        yield operations, np.frombuffer(text, "<i4")[:n_elements].astype(np.int64)
        first = last


def _operate(operation: int, x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Do one operation on elements; integers of 32 bits that wrap, held in 64."""
    a, b = (int(np.uint16(operation >> shift & 0xFFFF).astype(np.int16)) for shift in (0, 16))
    name = NAMES[min(operation >> 32, 5)]
    if name == "lookup":
        return table[x % table.size]
    if name == "scale":
        return (x * a + b).astype(np.int32).astype(np.int64)
    if name == "quantise":
        return np.clip(_divide(x, a & 31), -128, 127)
    if name in ("max", "min"):
        return np.maximum(x, a) if name == "max" else np.minimum(x, a)
    return x


def _divide(x: np.ndarray, shift: int) -> np.ndarray:
    """Divide by a power of two, half up."""
    return np.floor(x / 2**shift + 0.5).astype(np.int64)


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Carry out the commands one after the other; pad the last vector of each with zeros."""
    lanes, table = parameters["LANES"], np.zeros(parameters["TABLE"], np.int64)
    words = []
    for operations, elements in _commands(parameters, stimulus):
        if not operations:
            table[: elements.size] = elements
            continue
        x = elements
        for operation in operations:
            x = _operate(operation, x, table)
        text = np.pad(x, (0, -x.size % lanes)).astype("<i4").tobytes()
        words += [int.from_bytes(text[i : i + 4 * lanes], "little") for i in range(0, len(text), 4 * lanes)]
    return {"out": words}


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what happened: kinds of commands, roundings, and who waited for whom."""
    lanes, hit = parameters["LANES"], set()
    for operations, x in _commands(parameters, stimulus):
        if not operations:
            hit.add("table_loaded" if x.size == parameters["TABLE"] else "table_partly_replaced")
            continue
        hit.add(COUNTS[len(operations) - 1])
        hit |= {NAMES[operation >> 32] for operation in operations}
        hit |= {"one_vector"} if x.size <= lanes else set()
        hit |= {"last_vector_ragged"} if x.size % lanes else set()
        if operations[0] >> 32 == NAMES.index("quantise"):
            shift = operations[0] & 31
            divided = _divide(x, shift)
            hit |= {"saturated_up"} if (divided > 127).any() else set()
            hit |= {"saturated_down"} if (divided < -128).any() else set()
            hit |= {"rounded_up"} if (divided > x / 2**shift).any() else set()
    return hit | _waits(parameters, stimulus, measured["events"])


def _waits(parameters: dict[str, int], stimulus: dict[str, Any], events: dict[str, list[int]]) -> set[str]:
    """Say who waited; nothing of a point in which something is missing."""
    counts = [
        (max(1, len(operations)), bool(operations), -(-x.size // parameters["LANES"]))
        for operations, x in _commands(parameters, stimulus)
    ]
    expected = {"operation": sum(n * n_vectors for n, _, n_vectors in counts), "command": len(counts)}
    expected["in"] = sum(n_vectors for _, _, n_vectors in counts)
    expected["out"] = stimulus["sinks"]["out"]["n"]
    if any(len(events[name]) != n for name, n in expected.items()):
        return set()
    called_at, arrived_at = (offered_cycles(stimulus["sources"][name], events[name]) for name in ("command", "in"))
    vector, operation, hit, entered = 0, 0, set(), []
    for command, (n_operations, has_result, n_vectors) in enumerate(counts):
        called = called_at[command]
        for _ in range(n_vectors):
            arrived, taken = arrived_at[vector], events["in"][vector]
            free = events["operation"][operation - 1] + 1 if operation > 0 else 0
            hit |= {"engine_waits_for_command"} if called == taken > max(free, arrived) else set()
            hit |= {"engine_waits_for_input"} if arrived == taken > max(free, called) else set()
            hit |= {"input_waits_for_engine"} if arrived < free == taken else set()
            vector, operation = vector + 1, operation + n_operations
            entered += [events["operation"][operation - 1]] if has_result else []
    room, left = parameters["LATENCY"] + 1, events["out"]
    if any(newest < oldest for newest, oldest in zip(entered[room - 1 : -1], left, strict=False)):
        hit.add("pipe_full")
    ready = [max(end + room - 1, before + 1) for end, before in zip(entered, [-1, *left[:-1]], strict=True)]
    if any(result > offered for result, offered in zip(left, ready, strict=True)):
        hit.add("output_waits")
    if not set(events["in"]).isdisjoint(left):
        hit.add("input_and_output_at_once")
    return hit


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
