"""What to play on the processing element, and what the model says happens (no simulator here)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from archmodel.kernels.matmul_program import multiply_cycles, write_matmul
from archmodel.kernels.matmul_shape import (
    INPUT,
    MAX_COMMANDS,
    N_BUFFERS,
    NEAR_A,
    NEAR_B,
    OUTPUT,
    WEIGHT,
    MatmulMapping,
    MatmulShape,
)
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import (
    DRAM,
    ISSUE,
    LOAD,
    N_COMMAND_FIELDS,
    RESOURCE,
    UNIT,
)
from archmodel.lowering.program import CommandTable, Grid
from archmodel.lowering.record import new_record
from archmodel.lowering.run import run_table
from archmodel.verify.command_words import HARDWARE_UNITS, Product, capacities, expand, write_words
from archmodel.verify.core_issue import follow_core, issue_by_command, mean_issue, pushed_words, run_core
from archmodel.verify.core_programs import CoreProgram, host_words, kind_table, program_product, program_rows
from archmodel.verify.integer_loops import loop_code
from archmodel.verify.kernels import mode_runs
from archmodel.verify.row_points import draw_rows
from archmodel.verify.unit_events import list_accepts, list_counters, list_events

KINDS = ("output", "weight", "input")
ROW_SHARE = 0.4  # of the points: embedding bags, softmax, layer norm
MISSED_SHARE = 0.25  # of the points: their loads miss in a cache, so that waiting for them is waiting for DRAM
MOST_MULTIPLIES = 6
AMPLE = 1e9  # bytes per cycle, of what does not limit this PE


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw rows, or a product, and whether what is loaded comes from DRAM."""
    stimulus = (_draw_rows if rng.random() < ROW_SHARE else _draw_product)(rng, parameters)
    stimulus["config"]["missed"] = int(rng.random() < MISSED_SHARE)
    return stimulus


def _draw_product(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a product, what stays in place, blocks and the time to issue; all sizes are whole blocks."""
    stationary = int(rng.choice([OUTPUT, WEIGHT, INPUT]))
    block_m, block_n = _draw_block(rng, parameters)
    unit_k = math.lcm(parameters["N_TILES"] * parameters["DEPTH"], parameters["FRAGMENT"])
    n_k = int(rng.integers(1, 4))
    k = n_k * unit_k * (1 if n_k > 1 else int(rng.integers(1, 3)))
    timing = pe_timing(parameters, int(rng.choice([1, 4, 12])), int(rng.choice([4, 1000])))
    block_k = k // n_k if stationary == OUTPUT else k
    holds_b = stationary == WEIGHT
    if stationary == OUTPUT:
        times = (multiply_cycles(*sizes, block_k, timing) for sizes in ((block_m, block_n), (block_n, block_m)))
        holds_b = next(times) <= next(times)
    operations = _draw_operations(rng)
    n_m, n_n = (int(n) for n in rng.integers(1, 4, 2))
    if n_m * n_n * n_k > MOST_MULTIPLIES:
        n_m = n_n = 1
    product = Product(block_m * n_m, block_n * n_n, k, stationary, block_m, block_n, block_k, holds_b, operations)
    return product_stimulus(rng, parameters, product, timing, n_buffered=int(rng.integers(2, 4)))


def _draw_rows(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a kernel of rows and the time to issue."""
    point = draw_rows(rng, parameters, pe_timing(parameters, int(rng.choice([1, 4, 12])), 1))
    loops = loop_code()[0]
    if parameters["CORE"]:
        program = program_rows(point.table, point.words, parameters)
        return point.stimulus | _from_core(parameters, point.table, program, point.words, loops)
    stimulus = point.stimulus | _from_source(point.table, point.words)
    return stimulus | {"memories": stimulus["memories"] | {"loop_mem": loops}}


def _draw_block(rng: np.random.Generator, parameters: dict[str, int]) -> tuple[int, int]:
    """Rows and columns of a block of the result that fits a bank of accumulators."""
    unit, most = math.lcm(parameters["ROWS"], parameters["FRAGMENT"]), parameters["BEATS"] * parameters["ROWS"]
    sizes = [(m * unit, n * unit) for m in (1, 2, 3) for n in (1, 2, 3) if m * n * unit * unit <= most]
    return sizes[int(rng.integers(len(sizes)))]


def _draw_operations(rng: np.random.Generator) -> tuple[tuple[int, int, int], ...]:
    """Draw what the SIMD engine does to a sum: to quantise it comes last, its shift keeps most results in range."""
    before = [(3, 0, 0), (4, 0, 3000), (1, int(rng.integers(-9, 10)), int(rng.integers(-3, 4)))]
    chosen = [before[int(rng.integers(3))]] if rng.random() < 0.5 else []
    return (*chosen, (2, 0, int(rng.choice([0, 6, 8, 10, 11]))))


def pe_timing(parameters: dict[str, int], instruction_cycles: int, blocks_per_instruction: int) -> PeTiming:
    """Lower the parameters of a build to the timing of a PE of the cycle model."""
    rows, depth = parameters["ROWS"], parameters["DEPTH"]
    return PeTiming(
        n_tiles=parameters["N_TILES"], tile_rows=rows, tile_cols=parameters["COLS"], tile_depth=depth, step_depth=depth,
        gap_cycles=parameters["GAP"], load_cycles=rows, matrix_latency=parameters["LATENCY"],
        local_bytes=float(1 << parameters["ADDRESS"]), local_width=AMPLE,
        accumulator_bytes=2 * parameters["BEATS"] * rows * 4, partial_width=AMPLE, hop_cycles=1, reduction_width=AMPLE,
        lanes=float(rows), simd_latency=parameters["SIMD"], instruction_cycles=instruction_cycles,
        blocks_per_instruction=blocks_per_instruction, n_contexts=1, queue_depth=parameters["QUEUE"],
        dma_width=float(parameters["WIDTH"]),
        request_cycles=parameters["REQUEST"], fragment_bytes=parameters["FRAGMENT"],
        outstanding=parameters["OUTSTANDING"], bucket_bytes=AMPLE, bucket_rate=1.0, sram_width=AMPLE,
        sram_latency=parameters["FABRIC"], cache_bytes=0.0, dram_width=AMPLE, dram_latency=0, has_broadcast=False,
        has_prefetch=False, has_lone_cores=False, layout_rows=0, own_width=AMPLE, row_width=AMPLE, column_width=AMPLE,
        store_width=AMPLE,
    )  # fmt: skip


def _program(product: Product, timing: PeTiming, n_buffered: int) -> CommandTable:
    """Ask the generator of the cycle model for the program of one PE."""
    shape = MatmulShape(
        1, product.m, product.n, product.k, 1.0, 1.0, 1.0, False, False, False, len(product.operations)
    )  # fmt: skip
    mapping = MatmulMapping(
        product.stationary, 1, 1, 1, 1, product.block_m, product.block_n, product.block_k, n_buffered
    )
    commands = np.zeros((MAX_COMMANDS, N_COMMAND_FIELDS), np.int64)
    loops, capacity = np.zeros(5, np.int64), np.zeros(N_BUFFERS, np.int64)
    n = write_matmul(shape, mapping, timing, commands, loops, capacity)
    return CommandTable(commands[:n], loops, capacity)


def product_stimulus(
    rng: np.random.Generator, parameters: dict[str, int], product: Product, timing: PeTiming, n_buffered: int
) -> dict[str, Any]:
    """Play a product of random numbers; with a core, in the form that it is made for."""
    table = _program(product, timing, n_buffered)
    a, b = (rng.integers(-128, 128, (rows, product.k)).astype(np.int8) for rows in (product.m, product.n))
    width = parameters["WIDTH"]
    image = a.tobytes() + b.tobytes()
    memory = [int.from_bytes(image[i : i + width], "little") for i in range(0, len(image), width)]
    words = write_words(table, product, parameters)
    n_writes = product.m * product.n // width
    stimulus = {
        "config": {"capacity": capacities(table, parameters), "round_trip": parameters["FABRIC"] + 1, "missed": 0},
        "sinks": {"store": {"n": n_writes, "gap": [0]}},
        "memories": {"memory": memory},
        "product": {name: getattr(product, name) for name in product.__slots__},
        "a": a.tolist(), "b": b.tolist(), "kernel": f"gemm_{KINDS[product.stationary]}",
        "table": [part.tolist() for part in table],
    }  # fmt: skip
    if parameters["CORE"]:
        program = program_product(table, product, parameters, _form(parameters, table))
        stimulus |= _from_core(parameters, table, program, words)
    else:
        stimulus |= _from_source(table, words)
    return stimulus


def _form(parameters: dict[str, int], table: CommandTable) -> str:
    """Choose the form of a kernel that a core can run."""
    is_auto = parameters["AUTO"] and max(table.capacity[[NEAR_A, NEAR_B]]) == 2
    return ("_auto" if is_auto else "") + ("_contexts" if parameters["CONTEXTS"] == 2 else "")


def _from_source(table: CommandTable, words: list[int]) -> dict[str, Any]:
    """Hand commands over directly, each after the cycles that the model has for it."""
    issue = [int(table.commands[number, ISSUE]) for _, number in expand(table)]
    return {"sources": {"command": {"data": words, "gap": [cycles - 1 for cycles in issue]}}, "issue": issue}


def _from_core(
    parameters: dict[str, int], table: CommandTable, program: CoreProgram, words: list[int], loops: Sequence[int] = ()
) -> dict[str, Any]:
    """Let the core issue a program: what the host writes, the program as it is pushed and with one time for all."""
    contexts, kinds = run_core(program, parameters), kind_table(table, program, parameters)
    pushed = [pushed_words(context, kinds, parameters) for context in contexts]
    is_first = [program.n_contexts == 1 or word % 8 == HARDWARE_UNITS.index(LOAD) for word in words]
    wanted = [[word for word, is_own in zip(words, is_first, strict=True) if is_own == (c == 0)] for c in range(2)]
    if pushed != wanted[: len(contexts)]:
        raise ValueError("the machine code does not push the words of the program")
    rows = table.commands.copy()
    launch, rows[:, ISSUE] = mean_issue(contexts, parameters)
    written = follow_core(table, program, contexts, parameters)
    return {
        "sources": {"host": {"data": host_words(table, program, parameters, loops), "gap": [0]}},
        "issue": written.commands[:, ISSUE].tolist(),
        "table": [part.tolist() for part in written],
        "compact": [part.tolist() for part in (rows, table.loops, table.capacity)],
        "launch": launch,
        "by_command": issue_by_command(program, contexts, parameters),
        "code": program.code,
    }


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and of all events: those of the cycle model that follows one PE."""
    table, queue = CommandTable(*(np.array(part) for part in stimulus["table"])), parameters["QUEUE"]
    if stimulus["config"]["missed"]:
        table.commands[table.commands[:, UNIT] == LOAD, RESOURCE] = DRAM
    record = new_record(1, table.capacity.size, len(list(expand(table))))
    run = run_table(table, Grid(), "grid", queue, record=record)
    expected = {
        "cycles": run.cycles + 1,
        "events": {"accept": list_accepts(record.events), **list_events(record.events)},
        "kernel": stimulus["kernel"],
        "counters": list_counters(run.stall_cycles),
    }
    if parameters["CORE"]:  # without a core, the compact program is the one above
        models = {mode: run() for mode, run in runs(parameters, stimulus).items()}
        expected["models"] = models | {"by_command": run_compact(parameters, stimulus, is_by_command=True)}
    return expected


def runs(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Callable[[], int]]:
    """Give what runs the program as a machine file would have it, in each mode: one time to issue for all commands."""
    compact = CommandTable(*(np.array(part) for part in stimulus.get("compact", stimulus["table"])))
    return mode_runs(compact, Grid(), parameters["QUEUE"], stimulus.get("launch", 0) + 1)


def run_compact(parameters: dict[str, int], stimulus: dict[str, Any], is_by_command: bool, scale: float = 1.0) -> int:
    """Count the cycles of the compact program in mode ``grid``, with one time to issue or one for each command."""
    compact, launch = CommandTable(*(np.array(part) for part in stimulus["compact"])), stimulus["launch"]
    if is_by_command:
        launch, compact.commands[:, ISSUE] = stimulus["by_command"]
    compact.commands[:, ISSUE] = np.maximum(1, np.round(scale * compact.commands[:, ISSUE]))
    return mode_runs(compact, Grid(), parameters["QUEUE"], launch + 1)["grid"]()
