"""Bench of the vector unit: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cocotb
import numpy as np
from tb_common import offered_cycles, play

# Fields of a command, from its lowest bits up.
FIELDS = {
    "op": 4, "is_scalar": 1, "vd": 5, "vs1": 5, "vs2": 5, "sew": 2, "lmul": 2, "avl": 16, "rs1": 32, "rs2": 16,
}  # fmt: skip
ADD, MUL, MAX, AND, MV, REDSUM, REDMAX, SRA = range(8)
LOAD_UNIT, LOAD_STRIDED, LOAD_INDEXED, STORE_UNIT, STORE_STRIDED, STORE_INDEXED = 8, 9, 10, 12, 13, 14
NAMES = {
    ADD: "add", MUL: "mul", MAX: "max", AND: "and", MV: "mv", REDSUM: "redsum", REDMAX: "redmax",
    SRA: "sra",
    LOAD_UNIT: "load_unit", LOAD_STRIDED: "load_strided", LOAD_INDEXED: "load_indexed",
    STORE_UNIT: "store_unit", STORE_STRIDED: "store_strided", STORE_INDEXED: "store_indexed",
}  # fmt: skip


def decode(word: int) -> dict[str, int]:
    """Take a command apart into its fields."""
    command = {}
    for name, width in FIELDS.items():
        command[name] = word & (1 << width) - 1
        word >>= width
    return command


class Machine:
    """Registers and memory as bytes; executes one command after the other and collects requests to memory."""

    def __init__(self, parameters: Mapping[str, int], words: list[int]) -> None:
        self.vlen_bytes, self.lanes = parameters["VLEN"] // 8, parameters["DLEN"] // 8
        self.word_bits = parameters["ADDRESS"] - (self.lanes.bit_length() - 1)
        self.registers = np.zeros(32 * self.vlen_bytes, np.uint8)
        self.memory = np.frombuffer(b"".join(word.to_bytes(self.lanes, "little") for word in words), np.uint8).copy()
        self.requests: list[int] = []

    def execute(self, command: Mapping[str, int]) -> None:
        """Execute a command."""
        size = 2 ** command["sew"]
        n = min(command["avl"], self.vlen_bytes * 2 ** command["lmul"] // size)
        if command["op"] >= LOAD_UNIT:
            self._access(command, n, size)
        else:
            self._compute(command, n, size)

    def elements(self, register: int, n: int, size: int) -> np.ndarray:
        """View the first elements of a register group as signed numbers."""
        return self.registers[register * self.vlen_bytes :][: n * size].view(f"<i{size}")

    def _compute(self, command: Mapping[str, int], n: int, size: int) -> None:
        op, target = command["op"], self.elements(command["vd"], n, size)
        first, second = (self.elements(command[name], n, size) for name in ("vs1", "vs2"))
        if command["is_scalar"]:
            first = np.full(n, command["rs1"], np.uint32).astype(f"<i{size}")
        if op == REDSUM:
            target[0] = (first[:1] + second.sum(dtype=target.dtype))[0]
        elif op == REDMAX:
            target[0] = max(first[0], second.max())
        else:
            operate = {ADD: np.add, MUL: np.multiply, MAX: np.maximum, AND: np.bitwise_and, SRA: np.right_shift}
            by = first & 8 * size - 1 if op == SRA else first
            target[:] = by if op == MV else operate[op](second, by)

    def _access(self, command: Mapping[str, int], n: int, size: int) -> None:
        """Access memory group by group, or element by element; addresses are rounded down to what is accessed."""
        op, first = command["op"], command["vd"] * self.vlen_bytes
        step = self.lanes if op in (LOAD_UNIT, STORE_UNIT) else size
        index = self.elements(command["vs2"], n, size).view(f"<u{size}").tolist()
        for i, done in enumerate(range(0, n * size, step)):
            offset = {LOAD_UNIT: done, LOAD_STRIDED: i * command["rs2"], LOAD_INDEXED: index[min(i, n - 1)]}[op & ~4]
            address = (command["rs1"] + offset) % self.memory.size // step * step
            n_bytes = min(step, n * size - done)
            held = self.registers[first + done :][:n_bytes]
            there = self.memory[address:][:n_bytes]
            if op >= STORE_UNIT:
                there[:] = held
            self._note(op >= STORE_UNIT, address, held.tobytes())
            if op < STORE_UNIT:
                held[:] = there

    def _note(self, is_write: bool, address: int, data: bytes) -> None:
        lane, bits = address % self.lanes, 8 * self.lanes
        word = address // self.lanes << self.lanes + bits
        if is_write:
            word |= 1 << self.word_bits + self.lanes + bits
            word |= (1 << len(data)) - 1 << lane + bits
            word |= int.from_bytes(data, "little") << 8 * lane
        self.requests.append(word)


def golden(parameters: Mapping[str, int], stimulus: Mapping[str, Any]) -> dict[str, list[int]]:
    """List the requests to memory, with what is stored."""
    machine = Machine(parameters, stimulus["memories"]["bytes_mem"])
    for word in stimulus["sources"]["command"]["data"]:
        machine.execute(decode(word))
    return {"request": machine.requests}


def bins(parameters: Mapping[str, int], stimulus: Mapping[str, Any], measured: Mapping[str, Any]) -> set[str]:
    """Say what happened: every operation, width and length, hazards that were waited for, stalls on both sides."""
    commands = [decode(word) for word in stimulus["sources"]["command"]["data"]]
    hit = set()
    for command in commands:
        hit |= _command_bins(parameters, command)
    events = measured["events"]
    hit |= _wait_bins(parameters, stimulus, commands, events)
    is_stalled = any(any(side["gap"]) for side in (stimulus["sources"]["command"], stimulus["sinks"]["request"]))
    hit |= set() if is_stalled else {"without_stalls"}
    hit |= {"loop"} if "loop" in stimulus else set()
    hit |= {"both_pipes_step"} if set(events["step"]) & set(events["request"]) else set()
    hit |= {"both_pipes_write"} if set(events["result"]) & set(events["loaded"]) else set()
    return hit


def _command_bins(parameters: Mapping[str, int], command: Mapping[str, int]) -> set[str]:
    size = 2 ** command["sew"]
    limit = parameters["VLEN"] // 8 * 2 ** command["lmul"]
    n_bytes = min(command["avl"] * size, limit)
    last = command["rs1"] % 2 ** parameters["ADDRESS"] + n_bytes
    hit = {NAMES[command["op"]], f"sew_{8 * size}", f"lmul_{2 ** command['lmul']}"}
    for name, is_hit in {
        "scalar": command["is_scalar"],
        "one_element": command["avl"] == 1,
        "partial_group": n_bytes % (parameters["DLEN"] // 8),
        "full_length": command["avl"] * size == limit,
        "avl_exceeds_registers": command["avl"] * size > limit,
        "address_wraps": command["op"] in (LOAD_UNIT, STORE_UNIT) and last > 2 ** parameters["ADDRESS"],
    }.items():
        hit |= {name} if is_hit else set()
    return hit


def _wait_bins(
    parameters: Mapping[str, int],
    stimulus: Mapping[str, Any],
    commands: list[dict[str, int]],
    events: Mapping[str, Any],
) -> set[str]:
    """Say who waited for whom; nothing of a point in which something is missing."""
    pipes = ["request" if command["op"] >= LOAD_UNIT else "step" for command in commands]  # named after its event
    counts = [_count_steps(parameters, command) for command in commands]
    n_steps = {"accept": len(commands), "request": 0, "step": 0}
    for pipe, n in zip(pipes, counts, strict=True):
        n_steps[pipe] += n
    if any(len(events[name]) != n for name, n in n_steps.items()):
        return set()
    source, sink = stimulus["sources"]["command"], stimulus["sinks"]["request"]
    offered, ready = offered_cycles(source, events["accept"]), offered_cycles(sink, events["request"])
    hit = {"command_waits"} if any(a > o for a, o in zip(events["accept"], offered, strict=True)) else set()
    steps: list[list[int]] = []
    taken, over = {"step": 0, "request": 0}, {"step": 0, "request": 0}  # steps so far, cycle of the last one
    for i, (command, pipe, n) in enumerate(zip(commands, pipes, counts, strict=True)):
        first, is_memory = taken[pipe], pipe == "request"
        steps.append(events[pipe][first : first + n])
        free = max(over[pipe], events["accept"][i - 1] + 1 if i > 0 else 0)
        hit |= {"command_late"} if events["accept"][i] == offered[i] > free else set()
        taken[pipe], over[pipe] = first + n, steps[i][-1]
        begins = events["accept"][i] + 1 + _setup(parameters, command)
        begins = max(begins, ready[first]) if is_memory else begins
        if i > 0 and steps[i][0] > begins:
            hit |= _hazard_bins(parameters, commands[i - 1], command, steps[i - 1], steps[i][0])
        if is_memory and command["op"] & 3 and _stalls(parameters, command, steps[i], ready[first:]):
            hit.add("memory_stalls")
    return hit


def _count_steps(parameters: Mapping[str, int], command: Mapping[str, int]) -> int:
    """Count the steps of a command: groups and folds, or elements of an access that goes by element."""
    n, lanes = _count_elements(parameters, command), _count_lanes(parameters, command)
    if command["op"] >= LOAD_UNIT and command["op"] & 3:
        return n
    return -(-n // lanes) + (lanes.bit_length() - 1 if command["op"] in (REDSUM, REDMAX) else 0)


def _count_elements(parameters: Mapping[str, int], command: Mapping[str, int]) -> int:
    return min(command["avl"], parameters["VLEN"] // 8 * 2 ** command["lmul"] >> command["sew"])


def _count_lanes(parameters: Mapping[str, int], command: Mapping[str, int]) -> int:
    return parameters["DLEN"] // 8 >> command["sew"]


def _setup(parameters: Mapping[str, int], command: Mapping[str, int]) -> int:
    names = ("UNIT_SETUP", "STRIDED_SETUP", "INDEXED_SETUP")
    return parameters[names[command["op"] & 3]] if command["op"] >= LOAD_UNIT else 0


def _stalls(parameters: Mapping[str, int], command: Mapping[str, int], steps: list[int], ready: list[int]) -> bool:
    """Whether memory held up an access by element: within a group, where it waits for nothing else."""
    lanes = _count_lanes(parameters, command)
    return any(i % lanes and steps[i] == ready[i] > steps[i - 1] + 1 for i in range(1, len(steps)))


def _hazard_bins(
    parameters: Mapping[str, int], older: Mapping[str, int], younger: Mapping[str, int], steps: list[int], held: int
) -> set[str]:
    """Name the hazards on the first group of a register for which a command waited for the one before it.

    ``steps`` are those of the older command; ``held`` is the first one of the younger command, which could have been
    earlier but for registers.
    """

    def written(command: Mapping[str, int]) -> set[int]:
        return set() if command["op"] >= STORE_UNIT else {command["vd"]}

    def read(command: Mapping[str, int]) -> set[int]:
        op = command["op"]
        registers = {command["vd"]} if op >= STORE_UNIT else set()
        registers |= {command["vs1"]} if op < LOAD_UNIT and not command["is_scalar"] else set()
        is_second = op in (ADD, MUL, MAX, AND, REDSUM, REDMAX, SRA, LOAD_INDEXED, STORE_INDEXED)
        return registers | ({command["vs2"]} if is_second else set())

    is_memory = older["op"] >= LOAD_UNIT
    is_across = is_memory != (younger["op"] >= LOAD_UNIT)
    is_by_element, is_reduction = is_memory and older["op"] & 3, older["op"] in (REDSUM, REDMAX)
    last_read = steps[min(_count_lanes(parameters, older), len(steps)) - 1 if is_by_element else 0]
    readable = (steps[-1] if is_reduction else last_read) + parameters["LOAD" if is_memory else "CHAIN"]
    target = set() if younger["op"] in (REDSUM, REDMAX) else written(younger)  # a reduction writes in its last step
    hit = set()
    if written(older) & read(younger) and held == readable:
        hit.add("read_after_write_across" if is_across else "read_after_write_same_pipe")
    if is_across and read(older) & target and held == last_read + 1:
        hit.add("write_after_read_across")
    if is_across and written(older) & target and held == readable:
        hit.add("write_after_write_across")
    return hit


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and requests of every point are those of the model."""
    await play(dut, golden, bins)
