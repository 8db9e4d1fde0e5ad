"""What to play on the core, and what the model says happens (no simulator here)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archmodel.kernels.scalar_core import (
    DIVIDES,
    IS_TAKEN,
    KIND,
    LOAD_DISTANCE,
    LOADS,
    MULTIPLIES,
    N_PUSHES,
    CoreTimes,
    loop_cycles,
)
from archmodel.verify.core_law import core_cycles
from archmodel.verify.images import Image, image_names, read_image
from archmodel.verify.riscv import (
    BRANCHES,
    LOAD_NAMES,
    PRODUCTS,
    QUOTIENTS,
    STORE_NAMES,
    Context,
    Retired,
    run_contexts,
)
from archmodel.verify.riscv_programs import DATA_WORDS, draw_every, draw_random, split
from archmodel.verify.stimulus import draw_gaps, draw_words

KERNELS = Path(__file__).with_name("kernels")
MEMORY_WORDS = 1024  # of each memory


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: a random program, one that tries every instruction, or a kernel; a third without stalls."""
    n_contexts = parameters["CONTEXTS"]
    has = {"is_auto": bool(parameters["AUTO"]), "n_slots": parameters["SLOTS"]}
    kind = rng.choice(["random", "every", "kernel"], p=[0.45, 0.25, 0.3])
    bases = [4 * DATA_WORDS * c for c in range(n_contexts)]
    if kind == "kernel":
        image = read_image(KERNELS, str(rng.choice(kernels_of(parameters))))
    elif kind == "every":
        image = Image(split([draw_every(rng, base, **has) for base in bases]), draw_words(rng, 128, 32))
    else:
        n = int(rng.integers(10, 120))
        image = Image(split([draw_random(rng, n, base, **has) for base in bases]), draw_words(rng, 128, 32))
    is_busy = rng.random() < 1 / 3
    gap = [0] if is_busy else draw_gaps(rng, 200, longest=int(rng.choice([1, 4, 30])))
    return stimulus_of(image, parameters, gap)


def kernels_of(parameters: dict[str, int]) -> list[str]:
    """Names of the kernels for a build: it has the contexts and the instructions that they use."""
    return [
        name
        for name in image_names(KERNELS)
        if ("contexts" in name) == (parameters["CONTEXTS"] == 2) and (parameters["AUTO"] or "auto" not in name)
    ]


def stimulus_of(image: Image, parameters: dict[str, int], gap: Sequence[int]) -> dict[str, Any]:
    """Run an image on the model of the instruction set and write down what it does, and what the core has to show."""
    contexts = run_contexts(
        image.text, image.data, MEMORY_WORDS, parameters["CONTEXTS"], is_auto=bool(parameters["AUTO"]),
        n_slots=parameters["SLOTS"],
    )  # fmt: skip
    traces, rows = [context.trace() for context in contexts], [row for context in contexts for row in context.retired]
    order = core_cycles(core_times(parameters), traces, gap).context
    sent = [iter(context.commands) for context in contexts]
    words = {"command": [_command_word(c, *next(sent[c])) for c in order.tolist()]}
    for c in range(2):
        context = contexts[c] if c < len(contexts) else Context([], [])  # one that does nothing
        words[f"result{c}"] = [register << 32 | value for register, value in context.results]
        words[f"loaded{c}"] = [register << 32 | value for register, value in context.loaded]
        words[f"stored{c}"] = [which << 64 | address << 32 | word for which, address, word in context.stored]
    gaps = {name: list(gap) if name == "command" else [0] for name in words}
    return {
        "sources": {},
        "sinks": {name: {"n": len(rows), "gap": gaps[name]} for name, rows in words.items()},
        "memories": {"instruction_mem": [*image.text, *[0] * 4], "data_mem": list(image.data)},
        "words": words,
        "names": sorted({row.instruction.name for row in rows} | _corners(rows)),
        "traces": [trace.tolist() for trace in traces],
        "stores": [i for i, row in enumerate(rows) if row.instruction.name in STORE_NAMES],
        "kept_loads": [i for i, row in enumerate(rows) if row.instruction.name in LOAD_NAMES and row.instruction.rd],
        "illegal": [i for i, row in enumerate(rows) if row.instruction.name == "illegal"],
    }


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of each event; the closed form where it holds."""
    traces = [np.array(trace, np.int64) for trace in stimulus["traces"]]
    gap = np.array(stimulus["sinks"]["command"]["gap"], np.int64)
    found = core_cycles(core_times(parameters), traces, gap)
    trace, retired, load = np.concatenate(traces), found.retired, parameters["LOAD"]
    first = len(traces[0])
    ends = [retired[:first], retired[first:]]
    events = {f"retire{c}": rows for c, rows in enumerate(ends)}
    events |= {f"push{c}": found.pushed[found.context == c] for c in range(2)}
    events |= {
        "command": found.left,
        "jump": np.sort(retired[trace[:, IS_TAKEN] > 0]),
        "load": np.sort(retired[trace[:, KIND] == LOADS]),
        "store": np.sort(retired[stimulus["stores"]]),
        "multiply": np.sort(retired[trace[:, KIND] == MULTIPLIES]),
        "divide": np.sort(retired[trace[:, KIND] == DIVIDES]),
        "illegal": np.sort(retired[stimulus["illegal"]]),
    }
    events |= {f"halt{c}": rows[-1:] for c, rows in enumerate(ends)}
    loaded = [retired[i] + load for i in stimulus["kept_loads"]]
    cycles = int(max([retired.max(), *found.left, *loaded])) + 1
    if not gap.any() and parameters["CONTEXTS"] == 1 and parameters["QUEUE"] > 1 and load == 1:
        cycles = count_cycles(parameters, trace)
    return {"cycles": cycles, "events": {name: rows.tolist() for name, rows in events.items()}}


def core_times(parameters: dict[str, int]) -> CoreTimes:
    """Say the times of a build; a quotient takes its operands, a cycle per step, and a cycle for its sign."""
    return CoreTimes(
        1 + parameters["DECODE"], parameters["LOAD"], parameters["MULTIPLY"], 32 // parameters["DIVIDE"] + 2,
        parameters["QUEUE"],
    )  # fmt: skip


def count_cycles(parameters: dict[str, int], trace: np.ndarray) -> int:
    """Cycles of a program from reset to its halt, in closed form."""
    core, kinds = core_times(parameters), trace[:, KIND]
    counts = [np.count_nonzero(kinds == kind) for kind in (MULTIPLIES, DIVIDES)]
    n_repeats = np.maximum(trace[:, N_PUSHES] - 1, 0).sum()
    n_taken, n_waits = trace[:, IS_TAKEN].sum(), np.count_nonzero(trace[:, LOAD_DISTANCE] == 1)
    return core.refill + int(loop_cycles(len(trace), n_taken, n_waits, *counts, n_repeats, core))


def _command_word(context: int, kind: int, words: Sequence[int]) -> int:
    return context << 135 | kind << 128 | sum(word << 32 * i for i, word in enumerate(words))


def _corners(rows: Sequence[Retired]) -> set[str]:
    """Corner cases that instructions and their order make."""
    found = set()
    for before, row in zip([None, *rows], rows, strict=False):
        one = row.instruction
        if one.name in BRANCHES:
            found.add("branch_taken" if row.is_taken else "branch_not_taken")
            if row.is_taken and one.immediate < 0:
                found.add("branch_back")
        if one.name in QUOTIENTS and row.b == 0:
            found.add("divides_by_zero")
        if one.name in ("div", "rem") and (row.a, row.b) == (1 << 31, (1 << 32) - 1):
            found.add("quotient_overflows")
        if one.name in ("set", "step", "push", "repeat") and one.rd:
            found.add("other_slot")
        if one.name == "repeat":
            found.add(f"repeat_{min(row.n_pushes, 2)}")
        if one.rd == 0 and one.name in (*LOAD_NAMES, *PRODUCTS, *QUOTIENTS, "add"):
            found.add("writes_x0")
        if before is not None and before.instruction.name in LOAD_NAMES and one.name in (*PRODUCTS, *QUOTIENTS):
            found.add("load_then_product")
        if before is not None and before.instruction.name in LOAD_NAMES and before.instruction.rd:
            loaded = before.instruction.rd
            found |= {"load_then_use"} if loaded in one.reads else set()
            found |= {"load_then_overwrite"} if loaded == one.writes and loaded not in one.reads else set()
    return found
