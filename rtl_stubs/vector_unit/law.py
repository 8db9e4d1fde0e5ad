"""What to play on the vector unit, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels import vector_unit as law
from archmodel.kernels.vector_unit import NONE, VectorCore
from archmodel.verify.stimulus import draw_gaps, draw_words

# Operations of in_op, and fields of a command from its lowest bits up.
ADD, MUL, MAX, AND, MV, REDSUM, REDMAX, SRA = range(8)
LOAD, STORE, INDEXED = 8, 12, 2
FIELDS = {
    "op": 4, "is_scalar": 1, "vd": 5, "vs1": 5, "vs2": 5, "sew": 2, "lmul": 2, "avl": 16, "rs1": 32, "rs2": 16,
}  # fmt: skip
OPERATIONS = [*range(8), *range(LOAD, LOAD + 3), *range(STORE, STORE + 3)]
SLOW = [LOAD + 1, LOAD + 2, STORE + 1, STORE + 2]
EVENTS = ("accept", "request", "step", "result", "loaded", "arithmetic_over", "memory_over")
SCAN_INSTRUCTIONS = 3  # load, clear the sign, maximum

Command = dict[str, int]


def core_of(parameters: dict[str, int]) -> VectorCore:
    """Describe the core of a build to the law."""
    names = ("VLEN", "DLEN", "CHAIN", "LOAD", "UNIT_SETUP", "STRIDED_SETUP", "INDEXED_SETUP")
    return VectorCore(*(parameters[name] for name in names))


def n_elements_of(core: VectorCore, command: Command) -> int:
    """Elements that a command treats: no more than the register group holds."""
    return min(command["avl"], core.vlen * 2 ** command["lmul"] // (8 * 2 ** command["sew"]))


def to_instruction(core: VectorCore, command: Command) -> list[int]:
    """Write a command as a row of the law."""
    op, vd, vs1, vs2 = (command[name] for name in ("op", "vd", "vs1", "vs2"))
    kind = law.REDUCTION if op in (REDSUM, REDMAX) else law.ELEMENTWISE
    sources = [NONE if command["is_scalar"] else vs1, NONE if op == MV else vs2]
    if op >= LOAD:
        is_store, index = op >= STORE, vs2 if op & 3 == INDEXED else NONE
        kind = (law.STORE_UNIT if is_store else law.LOAD_UNIT) + (op & 3)
        vd, sources = (NONE, [vd, index]) if is_store else (vd, [NONE, index])
    return [kind, vd, *sources, n_elements_of(core, command), 8 * 2 ** command["sew"]]


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a program: a strip-mined loop in a third of the points, else a random one.

    Half of the loops and a quarter of the others are played without stalls.
    """
    core, address = core_of(parameters), parameters["ADDRESS"]
    is_loop = rng.random() < 1 / 3
    is_busy = rng.random() < (1 / 2 if is_loop else 1 / 4)
    loop = None
    if is_loop:
        sew, lmul = int(rng.integers(3)), int(rng.integers(4))
        per_turn = core.vlen * 2**lmul // (8 * 2**sew)
        loop = {"n_elements": int(rng.integers(1, 6 * per_turn)), "bits": 8 * 2**sew, "lmul": 2**lmul}
        commands = _scan(rng, loop["n_elements"], sew, lmul, per_turn, is_alone=is_busy)
    else:
        commands = _draw_program(rng, core, address)
    n_requests = sum(_n_requests(core, command) for command in commands)
    longest = int(rng.choice([4, 20]))
    gaps = [[0], [0]] if is_busy else [draw_gaps(rng, n, longest=longest) for n in (len(commands), n_requests)]
    stimulus = {
        "sources": {"command": {"data": [_encode(command) for command in commands], "gap": gaps[0]}},
        "sinks": {"request": {"n": n_requests, "gap": gaps[1]}},
        "memories": {"bytes_mem": draw_words(rng, (1 << address) * 8 // core.dlen, core.dlen)},
    }
    return stimulus | ({"loop": loop} if is_loop and is_busy else {})


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and those of all events; the law of loops where a loop runs alone and nothing stalls."""
    core = core_of(parameters)
    commands = [decode(word) for word in stimulus["sources"]["command"]["data"]]
    instructions = np.array([to_instruction(core, command) for command in commands])
    counts = [law.count_steps(core, row[law.KIND], row[law.ELEMENTS], row[law.BITS]) for row in instructions]
    n_steps = [touching + folding for touching, folding, _ in counts]
    per_instruction = np.zeros((4, len(commands)), np.int64)
    step = np.zeros(sum(n_steps), np.int64)
    gaps = [np.array(side["gap"]) for side in (stimulus["sources"]["command"], stimulus["sinks"]["request"])]
    cycles = law.vector_events(core, instructions, *gaps, *per_instruction, step)
    if "loop" in stimulus:
        loop = stimulus["loop"]
        cycles = law.vector_cycles(core, loop["n_elements"], loop["bits"], SCAN_INSTRUCTIONS, loop["lmul"])
    events: dict[str, list[int]] = {name: [] for name in EVENTS}
    events["accept"] = per_instruction[0].tolist()
    for row, steps in zip(instructions, np.split(step, np.cumsum(n_steps)[:-1]), strict=True):
        is_memory, is_reduction = row[law.KIND] >= law.LOAD_UNIT, row[law.KIND] == law.REDUCTION
        events["request" if is_memory else "step"] += steps.tolist()
        events["memory_over" if is_memory else "arithmetic_over"].append(int(steps[-1]))
        if row[law.DESTINATION] != NONE:
            written = (steps[-1:] if is_reduction else steps) + (core.load if is_memory else core.chain) - 1
            events["loaded" if is_memory else "result"] += written.tolist()
    return {"cycles": int(cycles), "events": events}


def _scan(
    rng: np.random.Generator, n_elements: int, sew: int, lmul: int, per_turn: int, *, is_alone: bool
) -> list[Command]:
    """Write a loop that searches the largest magnitude, as `vector_cycles` has it; unless alone, with its result."""

    def command(op: int, avl: int, **others: int) -> Command:
        return dict.fromkeys(FIELDS, 0) | {"op": op, "sew": sew, "lmul": lmul, "avl": avl} | others

    magnitude = (1 << (8 * 2**sew - 1)) - 1
    commands = [] if is_alone else [command(MV, per_turn, is_scalar=1, vd=0, rs1=0)]
    for first in range(0, n_elements, per_turn):
        left = n_elements - first
        commands.append(command(LOAD, left, vd=8, rs1=first * 2**sew))
        commands.append(command(AND, left, vd=16, vs2=8, is_scalar=1, rs1=magnitude))
        commands.append(command(MAX, left, vd=0, vs1=0, vs2=16))
    if not is_alone:
        commands.append(command(REDMAX, per_turn, vd=24, vs1=0, vs2=0))
        commands.append(command(STORE, 1, vd=24, rs1=int(rng.integers(256))))
    return commands


def _draw_program(rng: np.random.Generator, core: VectorCore, address: int) -> list[Command]:
    """Draw commands, and at the end store what the last arithmetic ones have written."""
    written = np.zeros(32 * core.vlen // 8, bool)
    commands: list[Command] = []
    n_commands = int(rng.integers(3, 16))
    while len(commands) < n_commands and sum(_n_requests(core, command) for command in commands) < 300:
        command = _draw_command(rng, core, address, written)
        n_bytes = (1 if command["op"] in (REDSUM, REDMAX) else n_elements_of(core, command)) * 2 ** command["sew"]
        if command["op"] < STORE:
            written[command["vd"] * core.vlen // 8 :][:n_bytes] = True
        commands.append(command)
        if command["op"] < LOAD and rng.random() < 0.25:  # what it reads is loaded anew
            first = int(rng.integers(1 << address))
            commands.append(command | {"op": LOAD, "is_scalar": 0, "vd": command["vs2"], "rs1": first})
    results = [command for command in commands if command["op"] < LOAD][-3:] or commands[:1]
    for result in results:
        avl = 1 if result["op"] in (REDSUM, REDMAX) else result["avl"]
        commands.append(result | {"op": STORE, "is_scalar": 0, "avl": avl, "rs1": int(rng.integers(1 << address))})
    return commands


def _draw_command(rng: np.random.Generator, core: VectorCore, address: int, written: np.ndarray) -> Command:
    """Draw a command that reads only what has been written, a load if there is not enough of it.

    Registers come from the lower half of the file, so that commands often meet.
    """
    sew, lmul = int(rng.integers(3)), int(rng.integers(4))
    limit = core.vlen * 2**lmul // (8 * 2**sew)
    short, longer, longest = (rng.integers(1, n + 1) for n in (min(limit, 24), limit, 2 * limit))
    avl = int(rng.choice([1, limit, short, short, longer, longest]))
    n_bytes = min(avl, limit) * 2**sew
    registers = np.arange(0, 16, 2**lmul)
    known = [r for r in registers if written[r * core.vlen // 8 :][:n_bytes].all()]
    op = int(rng.choice(OPERATIONS))
    if not known:
        op = LOAD + int(rng.integers(2))
    if op in SLOW:  # a step per element
        avl = min(avl, 64)
    sources = [int(register) for register in (rng.choice(known, 3) if known else [0, 0, 0])]
    vd = sources[0] if op >= STORE else int(rng.choice(registers))
    is_scalar = op < LOAD and op not in (REDSUM, REDMAX) and rng.random() < 0.3
    return {
        "op": op, "is_scalar": int(is_scalar), "vd": vd, "vs1": sources[1], "vs2": sources[2],
        "sew": sew, "lmul": lmul, "avl": avl, "rs1": int(rng.integers(1 << (address if op >= LOAD else 32))),
        "rs2": int(rng.integers(1 << address)),
    }  # fmt: skip


def _n_requests(core: VectorCore, command: Command) -> int:
    kind, *_, n_elements, bits = to_instruction(core, command)
    return law.count_steps(core, kind, n_elements, bits)[0] if kind >= law.LOAD_UNIT else 0


def _encode(command: Command) -> int:
    word, position = 0, 0
    for name, width in FIELDS.items():
        word |= command[name] << position
        position += width
    return word


def decode(word: int) -> Command:
    """Take a command apart into its fields."""
    command = {}
    for name, width in FIELDS.items():
        command[name] = word & (1 << width) - 1
        word >>= width
    return command
