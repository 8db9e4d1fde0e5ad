"""What to play on the grid, and what the cycle model says it takes (no simulator here)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from archmodel.kernels import matmul_shape
from archmodel.kernels.cache import EMPTY, HIT, simulate_cache
from archmodel.kernels.matmul_program import multiply_cycles, write_matmul
from archmodel.kernels.matmul_shape import (
    FAR_RESULT,
    MAX_COMMANDS,
    N_BUFFERS,
    OUTPUT,
    WEIGHT,
    MatmulMapping,
    MatmulShape,
)
from archmodel.kernels.noc import packet_cycles
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import DRAM, N_COMMAND_FIELDS, RESOURCE, UNIT, WRITE_BACK
from archmodel.lowering.program import CommandTable, Grid
from archmodel.lowering.record import new_record
from archmodel.lowering.run import run_table
from archmodel.verify.command_words import Part, capacities, write_words
from archmodel.verify.core_programs import program_product, program_rows
from archmodel.verify.grid_cores import issue_on_cores, serve_from_dram
from archmodel.verify.grid_gathers import Gather, write_gather, write_gather_words
from archmodel.verify.grid_ports import asks_in_time, hold_ports, slack_cycles
from archmodel.verify.grid_products import SWEPT, TINY, draw_sizes
from archmodel.verify.kernels import mode_runs
from archmodel.verify.unit_events import list_accepts, list_counters, list_events

SHARES = {
    "matmul": 0.32, "matmul_saturated": 0.14, "matmul_b_in_dram": 0.14, "matmul_b_swept": 0.12,
    "matmul_c_in_dram": 0.14, "gather": 0.14,
}  # fmt: skip
"""Kernels: operands in SRAM; loads that ask for more than their ports give; b behind the cache, read once or again and
again; the result behind the cache; rows of a table there."""
NEAR = matmul_shape.NEAR_A, matmul_shape.NEAR_B
LEAST_BATCHES = 12  # of a gather, so that how PEs begin and end is a small part of it
AMPLE = 1e9  # bytes per cycle, of what does not limit a PE
UNDER_WAY = 8  # stores of a PE that are not acknowledged: the command processor keeps account of no more
WRITTEN = 4  # cycles from the first data of a write to the earliest precharge: a burst, and T_WR of shared_cache.sv
Parameters = dict[str, int]


def grid_of(parameters: Parameters) -> Grid:
    """Rows of PEs have parts of m, columns have parts of k and a port of the SRAM each."""
    return Grid(n_m=parameters["GRID_ROWS"], n_k=parameters["GRID_COLS"], n_ports=parameters["GRID_COLS"])


def draw(rng: np.random.Generator, parameters: Parameters) -> dict[str, Any]:
    """Draw a kernel, and what it works on."""
    is_tiny = 1 << parameters["ADDRESS"] - 1 <= TINY
    kernels = [name for name in SHARES if not (is_tiny and name == SWEPT)]  # which would be long
    shares = np.array([SHARES[name] for name in kernels])
    kernel = str(rng.choice(kernels, p=shares / shares.sum()))
    drawn = draw_gather(rng, parameters) if kernel == "gather" else draw_product(rng, parameters, kernel)
    is_request_bound = kernel == "matmul_saturated" and not asks_in_time(parameters)
    return drawn | {"kernel": "matmul_request_bound" if is_request_bound else kernel}


def draw_product(rng: np.random.Generator, parameters: Parameters, kernel: str) -> dict[str, Any]:
    """Draw a product: sizes, buffers, and with which flow control it is loaded."""
    size, stationary, block, is_b_far, is_c_far, n_sweeps = draw_sizes(rng, parameters, kernel, cache_bytes(parameters))
    outstanding = parameters["OUTSTANDING"] if kernel == "matmul_saturated" else fair_share(parameters)
    n_tiles = size[1] // block[1] * size[2] // block[2] * n_sweeps  # of b
    timing = time_pe(parameters, 1, is_b_far, outstanding, n_tiles)
    holds_b = stationary == WEIGHT
    if stationary == OUTPUT:
        times = [multiply_cycles(streamed, held, block[2], timing) for streamed, held in (block[:2], block[1::-1])]
        holds_b = times[0] <= times[1]
    cols = parameters["GRID_COLS"]
    mapping = MatmulMapping(stationary, 1, parameters["GRID_ROWS"], 1, cols, *block, int(rng.integers(2, 4)))
    return play_product(parameters, rng, size, mapping, holds_b, (is_b_far, is_c_far), timing)


def time_pe(
    parameters: Parameters, instruction_cycles: int, is_b_far: bool, outstanding: int, n_tiles: int = 1
) -> PeTiming:
    """Lower the parameters of a build to the timing of its PEs in the cycle model, by the rules of README.md."""
    p = parameters
    port = p["WIDTH"] * min(1.0, p["BANKS"] / p["GRID_COLS"])
    shared = min(p["FRAGMENT"] / p["GRID_ROWS"], p["WIDTH"] / p["GRID_COLS"] if is_b_far else port)
    return PeTiming(
        n_tiles=p["N_TILES"], tile_rows=p["ROWS"], tile_cols=p["COLS"], tile_depth=p["DEPTH"], step_depth=p["DEPTH"],
        gap_cycles=p["GAP"], load_cycles=p["ROWS"], matrix_latency=p["LATENCY"], local_bytes=float(1 << p["ADDRESS"]),
        local_width=AMPLE, accumulator_bytes=2 * p["BEATS"] * p["ROWS"] * 4, partial_width=AMPLE, hop_cycles=p["HOP"],
        reduction_width=4.0 * p["ROWS"], lanes=float(p["ROWS"]), simd_latency=p["SIMD"],
        instruction_cycles=instruction_cycles, blocks_per_instruction=1000, n_contexts=1, queue_depth=p["QUEUE"],
        dma_width=float(p["WIDTH"]), request_cycles=p["REQUEST"], fragment_bytes=p["FRAGMENT"],
        outstanding=outstanding, bucket_bytes=AMPLE, bucket_rate=1.0, sram_width=port,
        sram_latency=read_latency(p), cache_bytes=float(cache_bytes(p)),
        dram_width=dram_width(p, n_tiles), dram_latency=prefetch_latency(p), has_broadcast=True, has_prefetch=True,
        layout_rows=0, own_width=port, row_width=port,
        column_width=shared, store_width=port, has_lone_cores=False,
    )  # fmt: skip


def cache_bytes(parameters: Parameters) -> int:
    """Capacity of the cache."""
    return parameters["SETS"] * parameters["WAYS"] * parameters["LINE"] * parameters["WIDTH"]


def read_latency(parameters: Parameters) -> int:
    """From asking for the last beat of a fragment until it can be read, of the farthest PE.

    Two ways through the network, a cycle in each of two queues, the beats of the fragment before it, the banks, and its
    write into local memory.
    """
    way = packet_cycles(parameters["GRID_ROWS"], 1, parameters["LINK"], parameters["FIFO"]) - 1
    beats = parameters["FRAGMENT"] // parameters["WIDTH"]
    return 2 * way + 2 + beats - 1 + parameters["SRAM"] + 1


def fair_share(parameters: Parameters) -> int:
    """Count fragments per round trip with which the loads of a column leave its port some time for stores."""
    beats = (read_latency(parameters) + 1) // (parameters["GRID_ROWS"] + 1)
    return max(1, beats * parameters["WIDTH"] // parameters["FRAGMENT"])


def round_trip(parameters: Parameters, outstanding: int) -> int:
    """Give the setting of fabric interfaces that spreads their fragments like that, however many slots they have."""
    return (read_latency(parameters) + 1) * parameters["OUTSTANDING"] // outstanding


def prefetch_latency(parameters: Parameters) -> int:
    """Give what a prefetch of the farthest PE takes beside the time in which its lines are fetched."""
    way = packet_cycles(parameters["GRID_ROWS"], 1, parameters["LINK"], parameters["FIFO"]) - 1
    return 2 * way + 2 + parameters["SRAM"] + 1


def refreshed(parameters: Parameters, cycles: float, opening: float) -> float:
    """Add to cycles of fetched lines what refreshes cost: all rows are closed, RP + RFC, and one is opened again, RCD.

    As much of that is hidden as the cache is at work for itself between two lines, LINE + 3, and as the line that comes
    next would have waited for its row: ``opening`` on average.
    """
    p = parameters
    lost = p["T_RP"] + p["T_RFC"] + p["T_RCD"] - 1 - (p["LINE"] + 3) - opening
    return cycles / (1 - lost / p["T_REFI"])


def row_cycles(parameters: Parameters) -> float:
    """Give the mean of what opening rows adds to lines that follow one another: RP + RCD - 2 for the first of a row."""
    return (parameters["T_RP"] + parameters["T_RCD"] - 2) * parameters["LINE"] / (1 << parameters["COLUMN_BITS"])


def dram_width(parameters: Parameters, n_tiles: int) -> float:
    """Bytes per cycle at which lines that follow one another come from DRAM into a cache that blocks on each miss.

    A line takes CL + LINE + 6 cycles: the request enters, three steps of the channel, CL and a burst, LINE words, and
    it is served. The cache is taken, too, when a line is read, a word per cycle; but the last of all tiles is read when
    nothing is left to be fetched.
    """
    p = parameters
    line = p["T_CL"] + p["LINE"] + 6 + row_cycles(p) + p["LINE"] * (1 - 1 / n_tiles)
    return p["LINE"] * p["WIDTH"] / refreshed(p, line, row_cycles(p))


def play_product(
    parameters: Parameters, rng: np.random.Generator, size: tuple[int, int, int], mapping: MatmulMapping, holds_b: bool,
    is_far: tuple[bool, bool], timing: PeTiming,
) -> dict[str, Any]:  # fmt: skip
    """Write down a product of random matrices: programs of all PEs, operands in memory, where results are.

    ``is_far``: whether b and c are in DRAM. There, b lies tile by tile, part by part of k.
    """
    (m, n, k), (is_b_far, is_c_far) = size, is_far
    operations = ((2, 0, int(rng.choice([6, 8, 10]))),)
    shape = MatmulShape(1, m, n, k, 1.0, 1.0, 1.0, False, is_b_far, is_c_far, len(operations))
    table = _program(parameters, shape, mapping, timing)
    a, b = (rng.integers(-128, 128, (rows, k)).astype(np.int8) for rows in (m, n))
    far = 1 << parameters["ADDRESS"] - 1
    at_b = far if is_b_far else a.size
    at_c = far if is_c_far else a.size + (0 if is_b_far else b.size)
    rows, cols = parameters["GRID_ROWS"], parameters["GRID_COLS"]
    part_m, part_k = m // rows, k // cols
    part_b = part_k * (n if is_b_far else 1)
    programs, words = [], []
    for pe in range(rows * cols):
        y, x = divmod(pe, cols)
        starts = (y * part_m * k + x * part_k, at_b + x * part_b, at_c + pe * part_m * n // cols)
        part = Part(
            part_m, n, part_k, mapping.stationary, mapping.block_m, mapping.block_n,
            mapping.block_k if mapping.stationary == OUTPUT else part_k, holds_b, operations, k, starts, x, cols,
            is_b_far,
        )  # fmt: skip
        programs.append(program_product(table, part, parameters, "_grid"))
        words.append(write_words(table, part, parameters))
    tile_k = mapping.block_k if mapping.stationary == OUTPUT else part_k
    tiles = b.reshape(n // mapping.block_n, mapping.block_n, cols, -1, tile_k).transpose(2, 0, 3, 1, 4)
    near, in_dram = (a.tobytes(), tiles.tobytes()) if is_b_far else (a.tobytes() + b.tobytes(), b"")
    issued = issue_on_cores(table, programs, words, parameters)
    written, compact = issued.written, issued.compact
    if is_c_far:
        n_tiles = m * n // (mapping.block_m * mapping.block_n * rows)
        cycles = write_back_cycles(parameters, n_tiles, mapping.block_m * mapping.block_n // cols)
        written = serve_from_dram(written, written.commands[:, UNIT] == WRITE_BACK, cycles)
        compact = serve_from_dram(compact, compact.commands[:, UNIT] == WRITE_BACK, round(sum(cycles) / n_tiles))
    return {
        "config": {
            "capacity": capacities(table, parameters), "round_trip": round_trip(parameters, int(timing.outstanding)),
            "refresh": int(is_b_far or is_c_far),
        },
        "sources": {"host": {"data": issued.host, "gap": [0]}}, "sinks": {},
        "memories": {**_in_banks(near, parameters), "dram": _words(in_dram, parameters)},
        "results": {
            "c": {
                "memories": ["far"] if is_c_far else [_bank(i) for i in range(parameters["BANKS"])],
                "first": at_c % far // parameters["WIDTH"], "n": m * n // parameters["WIDTH"],
            }
        },
        "product": {
            "size": size, "stationary": mapping.stationary,
            "block": [mapping.block_m, mapping.block_n, mapping.block_k], "holds_b": bool(holds_b),
            "operations": operations,
        },
        "a": a.tolist(), "b": b.tolist(), "table": [part.tolist() for part in written],
        "compact": [part.tolist() for part in compact], "launch": issued.launch,
    }  # fmt: skip


def draw_gather(rng: np.random.Generator, parameters: Parameters) -> dict[str, Any]:
    """Draw a table in DRAM and, for each PE, lists of rows that it loads from there and stores in SRAM."""
    p, timing = parameters, time_pe(parameters, int(rng.choice([1, 2, 4])), True, fair_share(parameters))
    n_pes, line_bytes = grid_of(p).n_pes, p["LINE"] * p["WIDTH"]
    row_bytes, most = line_bytes, 1 << p["ADDRESS"] - 1  # bytes of a memory
    n_rows, most_gathered = most // row_bytes, most // (n_pes * (4 + row_bytes))
    n_gathered = int(rng.integers(3, max(3, min(7, most_gathered // LEAST_BATCHES)) + 1))
    n_batches = int(rng.integers(min(LEAST_BATCHES, most_gathered // n_gathered), most_gathered // n_gathered + 1))
    table = rng.integers(-128, 128, (n_rows, row_bytes)).astype(np.int8)
    lists = rng.integers(0, n_rows, (n_pes, n_batches, n_gathered)).astype(np.int32)
    gather = Gather(n_batches, n_gathered, row_bytes, most, lists.nbytes)
    services = _count_services(p, lists, row_bytes)
    commands = write_gather(gather, timing, services)
    words = [write_gather_words(commands, gather, pe, p) for pe in range(n_pes)]
    issued = issue_on_cores(commands, [program_rows(commands, of_pe, p) for of_pe in words], words, p)
    written = serve_from_dram(issued.written, issued.written.commands[:, RESOURCE] == DRAM, services)
    return {
        "config": {"capacity": capacities(commands, p), "round_trip": round_trip(p, fair_share(p)), "refresh": 1},
        "sources": {"host": {"data": issued.host, "gap": [0]}}, "sinks": {},
        "memories": {**_in_banks(lists.tobytes(), p), "dram": _words(table.tobytes(), p)},
        "results": {
            "c": {
                "memories": [_bank(i) for i in range(p["BANKS"])], "first": lists.nbytes // p["WIDTH"],
                "n": lists.size * row_bytes // p["WIDTH"],
            }
        },
        "gather": {"lists": lists.tolist(), "row_bytes": row_bytes}, "rows": table.tolist(),
        "table": [part.tolist() for part in written],
        "compact": [part.tolist() for part in issued.compact], "launch": issued.launch,
    }  # fmt: skip


def _count_services(parameters: Parameters, lists: np.ndarray, row_bytes: int) -> list[int]:
    """Cycles for which the batches of a PE hold the cache and the channel, the mean of all PEs."""
    p, lines_per_row = parameters, row_bytes // (parameters["LINE"] * parameters["WIDTH"])
    n_pes, n_batches, n_gathered = lists.shape
    lines = lists.swapaxes(0, 1).reshape(-1, 1) * lines_per_row + np.arange(lines_per_row)  # batch by batch, PE by PE
    outcome = np.zeros(lines.size, np.int64)
    cache = np.full((p["SETS"], p["WAYS"]), EMPTY)
    simulate_cache(lines.reshape(-1), np.zeros(lines.size, bool), cache, outcome)
    misses = (outcome != HIT).reshape(n_batches, -1).sum(axis=1)
    rows_opened = (outcome.reshape(-1, lines_per_row)[:, 0] != HIT).reshape(n_batches, -1).sum(axis=1)
    line = p["T_CL"] + p["LINE"] + 5  # beside the beat that missed
    opening = p["T_RP"] + p["T_RCD"] - 2
    cycles = n_pes * n_gathered * row_bytes // p["WIDTH"] + misses * line + rows_opened * opening
    return [int(refreshed(p, n / n_pes, opening) + 0.5) for n in cycles]


def write_back_cycles(parameters: Parameters, n_tiles: int, tile_bytes: int) -> list[int]:
    """Cycles for which the lines of each tile that a PE stores hold the cache and the channel, with what they displace.

    The mean of all PEs, which store tile by tile in turn, line by line; README.md has the rules.
    """
    p, n_pes = parameters, grid_of(parameters).n_pes
    lines_per_tile = tile_bytes // (p["LINE"] * p["WIDTH"])
    place = np.arange(n_tiles)[:, None, None] * lines_per_tile + np.arange(lines_per_tile)[:, None]
    lines = (place + np.arange(n_pes) * n_tiles * lines_per_tile).reshape(-1)
    outcome, rows = np.zeros(lines.size, np.int64), {}
    simulate_cache(lines, np.ones(lines.size, bool), np.full((p["SETS"], p["WAYS"]), EMPTY), outcome)
    stored, displaced = p["T_CL"] + 2 * p["LINE"] + 5, p["LINE"] + p["T_CWL"] + WRITTEN
    opening, took = p["T_RP"] + p["T_RCD"] - 2, np.zeros(lines.size)
    for i, (line, behind) in enumerate(zip(lines.tolist(), outcome.tolist(), strict=True)):
        for other, cycles in ((behind, displaced), (line, stored)):
            row = other * p["LINE"] >> p["COLUMN_BITS"]
            if other >= 0:
                took[i] += cycles + (opening if rows.get(row % (1 << p["BANK_BITS"])) != row else 0)
                rows[row % (1 << p["BANK_BITS"])] = row
    return [round(refreshed(p, cycles, opening)) for cycles in took.reshape(n_tiles, -1).sum(axis=1) / n_pes]


def _program(parameters: Parameters, shape: MatmulShape, mapping: MatmulMapping, timing: PeTiming) -> CommandTable:
    """Ask the generator of the cycle model for the program of the PEs, with no more tokens than the hardware counts."""
    commands = np.zeros((MAX_COMMANDS, N_COMMAND_FIELDS), np.int64)
    loops, capacity = np.zeros(5, np.int64), np.zeros(N_BUFFERS, np.int64)
    n = write_matmul(shape, mapping, timing, commands, loops, capacity)
    capacity = np.minimum(capacity, parameters["TOKENS"])
    capacity[FAR_RESULT] = UNDER_WAY
    return hold_ports(CommandTable(commands[:n], loops, capacity), parameters)


def _words(image: bytes, parameters: Parameters) -> list[int]:
    width = parameters["WIDTH"]
    return [int.from_bytes(image[i : i + width], "little") for i in range(0, len(image), width)]


def _in_banks(image: bytes, parameters: Parameters) -> dict[str, list[int]]:
    """Spread words over the banks: word ``i`` is in bank ``i mod BANKS``."""
    words, n = _words(image, parameters), parameters["BANKS"]
    return {_bank(i): words[i::n] for i in range(n)}


def _bank(number: int) -> str:
    return f"dut.sram.bank[{number}].memory"


def expect(parameters: Parameters, stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles, events of the first and the last PE, and the stall ledger, the mean of all PEs, of mode ``grid``."""
    table, grid = CommandTable(*(np.array(part) for part in stimulus["table"])), grid_of(parameters)
    record = new_record(grid.n_pes, N_BUFFERS, len(table.commands) * grid.n_pes)
    run = run_table(table, grid, "grid", parameters["QUEUE"], record=record, slack_cycles=slack_cycles(parameters))
    return {
        "cycles": run.cycles + 1,
        "events": _events(record.events, grid.n_pes - 1, "gather" in stimulus)
        | dict(zip(("miss", "write_back"), _count_lines(parameters, stimulus), strict=True)),
        "counters": list_counters(run.stall_cycles),
        "kernel": stimulus["kernel"],
        "models": {mode: run_mode() for mode, run_mode in runs(parameters, stimulus).items()},
    }


def runs(parameters: Parameters, stimulus: dict[str, Any]) -> dict[str, Callable[[], int]]:
    """Give what runs the program in each mode of the model; ``compact``: as a machine file has it, in mode ``grid``."""
    table, compact = (CommandTable(*(np.array(part) for part in stimulus[name])) for name in ("table", "compact"))
    grid, depth = grid_of(parameters), parameters["QUEUE"]
    as_machine_file = mode_runs(compact, grid, depth, stimulus["launch"] + 1)
    return mode_runs(table, grid, depth, 1) | {"compact": as_machine_file["grid"]}


def _count_lines(parameters: Parameters, stimulus: dict[str, Any]) -> tuple[list[None] | None, list[None]]:
    """Count lines that come from DRAM, and words of lines that are written back; when is not said.

    What a gather replaces hangs on the order of the PEs, and so does how often it comes from DRAM.
    """
    p, kernel = parameters, stimulus["kernel"]
    if kernel == "gather":
        return None, []
    m, n, k = stimulus["product"]["size"]
    line_bytes = p["LINE"] * p["WIDTH"]
    if kernel == "matmul_c_in_dram":
        n_lines = m * n // line_bytes
        return [None] * n_lines, [None] * p["LINE"] * max(0, n_lines - cache_bytes(p) // line_bytes)
    sweeps = {"matmul_b_in_dram": 1, "matmul_b_swept": m // p["GRID_ROWS"] // stimulus["product"]["block"][0]}
    return [None] * (sweeps.get(kernel, 0) * n * k // line_bytes), []


def _events(rows: np.ndarray, last: int, is_gather: bool) -> dict[str, list[int | None]]:
    """List what happens on the first and on the last PE; README.md says what is left out or open (``None``)."""
    events: dict[str, list[int | None]] = {"accept": [*list_accepts(rows)]}
    for pe, prefix in ((0, ""), (last, "last_")):
        events |= list_events(rows, pe, prefix)
        del events[f"{prefix}prefetch_end"]
        if is_gather:
            events[f"{prefix}load_end"] = [None] * len(events[f"{prefix}load_end"])
    return events
