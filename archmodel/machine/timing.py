"""Sections of a machine that say when things happen: `timing`, for models that count cycles, and `wave`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from archmodel.inputs import SCHEMA
from archmodel.machine.fields import (
    Bytes,
    BytesPerCycle,
    BytesPerSecond,
    Count,
    Cycles,
    Flag,
    Fraction,
    Positive,
    Seconds,
)
from archmodel.units import Number


@dataclass(frozen=True, slots=True)
class CoreTiming:
    """The core of a PE that issues commands, and the command processor behind it.

    Parameters
    ----------
    issue_cycles
        To issue one custom instruction.
    blocks_per_instruction
        Block products that one instruction walks over, each a held block of the matrix engine with ``reuse_cols``
        columns: 1 without auto-increment.
    n_contexts
        Contexts (or cores) that issue in turn.
    queue_depth
        Commands that wait in front of each unit.
    """

    __pydantic_config__: ClassVar = SCHEMA
    issue_cycles: Cycles
    blocks_per_instruction: Count
    n_contexts: Count
    queue_depth: Annotated[int, Number("a queue depth", 1, 64, integer=True)]


@dataclass(frozen=True, slots=True)
class DmaTiming:
    """The DMA engine (fabric interface) of a PE.

    Parameters
    ----------
    width_bytes_per_cycle
        Between network and local memory, one direction.
    request_cycles
        To take up a command.
    fragment_bytes
        Largest request of the network.
    outstanding
        Fragments per latency and a cycle; up to one more is under way.
    bucket_bytes, bucket_rate_bytes_per_cycle
        Traffic shaping: credit at the start of a command and what it earns, not capped within a command; absent when
        traffic is not shaped.
    rows_per_command
        Rows at a list of indices that one command moves; absent without indexed commands, where each row is a command.
    index_cycles
        Without indexed commands: for which the core looks up the index of a row and computes its address.
    """

    __pydantic_config__: ClassVar = SCHEMA
    width_bytes_per_cycle: BytesPerCycle
    request_cycles: Cycles
    fragment_bytes: Bytes
    outstanding: Count
    bucket_bytes: Bytes | None = None
    bucket_rate_bytes_per_cycle: BytesPerCycle | None = None
    rows_per_command: Count | None = None
    index_cycles: Cycles | None = None


@dataclass(frozen=True, slots=True)
class EngineTiming:
    """The engines of a PE.

    Parameters
    ----------
    load_cycles
        To load a held block into a tile of the matrix engine.
    gap_cycles, step_depth
        To set up a step of the matrix engine, and how deep a step is [elements]: as deep as the held block unless
        said otherwise. A step has ``reuse_rows`` rows and ``reuse_cols`` columns.
    matrix_latency_cycles, simd_latency_cycles
        From the last input of a command to its last result.
    accumulator_bytes
        Sums that the reduction engine holds.
    partial_width_bytes_per_cycle
        Between accumulators and local memory, for sums that do not fit.
    hop_cycles, reduction_width_bytes_per_cycle
        Reduction network between neighbours: latency and width.
    layout_rows
        Rows and columns of a tile that the layout unit transposes; absent where there is none.
    pooled_rows
        Rows that one pooling command adds up; absent where nothing limits it but what is under way.
    """

    __pydantic_config__: ClassVar = SCHEMA
    load_cycles: Cycles
    gap_cycles: Cycles
    matrix_latency_cycles: Cycles
    simd_latency_cycles: Cycles
    accumulator_bytes: Bytes
    partial_width_bytes_per_cycle: BytesPerCycle
    hop_cycles: Cycles
    reduction_width_bytes_per_cycle: BytesPerCycle
    step_depth: Count | None = None
    layout_rows: Count | None = None
    pooled_rows: Count | None = None


@dataclass(frozen=True, slots=True)
class VectorTiming:
    """The RISC-V vector cores of a PE.

    Parameters
    ----------
    vlen, dlen
        Bits of a register and of the data path.
    lmul
        Registers per group.
    start_up_cycles
        From a step of the arithmetic pipe until its result can be read.
    n_cores
        Vector cores, each with rows of its own; one unless said otherwise.
    load_cycles
        From a request to local memory until what it brings can be read; as ``start_up_cycles`` unless said otherwise.
    """

    __pydantic_config__: ClassVar = SCHEMA
    vlen: Count
    dlen: Count
    lmul: Count
    start_up_cycles: Cycles
    n_cores: Count | None = None
    load_cycles: Cycles | None = None


@dataclass(frozen=True, slots=True)
class MemoryTiming:
    """What lies behind the DMA engines.

    Parameters
    ----------
    sram_latency_cycles, dram_latency_s
        From request to first data; DRAM latency comes on top of that of the SRAM.
    is_cache
        SRAM that holds no activations caches DRAM.
    broadcast
        PEs that need the same tile get it from one read.
    prefetch
        Tiles can be brought from DRAM into the cache before they are loaded.
    arbitration
        Whether memories serve the oldest request, or requesters in turn.
    n_banks
        Banks of the SRAM, between which PEs that ask at once collide; absent where that costs nothing.
    """

    __pydantic_config__: ClassVar = SCHEMA
    sram_latency_cycles: Cycles
    dram_latency_s: Seconds
    is_cache: Flag
    broadcast: Flag
    prefetch: Flag
    arbitration: Literal["oldest_first", "round_robin"]
    n_banks: Annotated[int, Number("a number of banks", 1, 4096, integer=True)] | None = None


@dataclass(frozen=True, slots=True)
class DramTiming:
    """How the channels of ``dram.technology`` are driven; the laws are in ``docs/methods/memory.md``.

    Parameters
    ----------
    pin_rate_bytes_per_s
        Data of one pin; with the width of a channel it says how many channels the bandwidth is spread over.
    n_ranks
        Sets of banks that share a channel.
    interleave_bytes
        Consecutive bytes in one channel, before the next one follows.
    queue_depth
        Bursts that a channel holds.
    write_batch
        Bursts of the rarer direction that a channel collects, and moves before it turns around.
    refresh_loss_frac
        Share of the time that is lost where one bank at a time is refreshed and the others serve; absent where all of
        them stop, as then it follows from the times of the technology.
    """

    __pydantic_config__: ClassVar = SCHEMA
    pin_rate_bytes_per_s: BytesPerSecond
    n_ranks: Count
    interleave_bytes: Bytes
    queue_depth: Annotated[int, Number("a queue depth", 1, 1024, integer=True)]
    write_batch: Count
    refresh_loss_frac: Fraction | None = None


@dataclass(frozen=True, slots=True)
class NocTiming:
    """The network between memories and PEs, if it is a mesh or a torus; absent if it is a crossbar that blocks nothing.

    Parameters
    ----------
    topology
        ``mesh``, or ``torus`` whose links go one way.
    rows, cols
        Routers; the PEs are spread evenly over them.
    ports
        Where memories are: at the ends of all rows, on all sides, or behind every router.
    link_width_bytes_per_cycle
        Of a link between routers, in each direction.
    hop_cycles
        Through a router and the link behind it; counts there and back beside ``memory.sram_latency``.
    """

    __pydantic_config__: ClassVar = SCHEMA
    topology: Literal["mesh", "torus"]
    rows: Annotated[int, Number("a number of routers", 1, 64, integer=True)]
    cols: Annotated[int, Number("a number of routers", 1, 64, integer=True)]
    ports: Literal["left_right", "all_sides", "routers"]
    link_width_bytes_per_cycle: BytesPerCycle
    hop_cycles: Cycles


@dataclass(frozen=True, slots=True)
class Timing:
    """What models that count cycles need beyond peaks; the laws are in ``docs/methods/timing.md``."""

    __pydantic_config__: ClassVar = SCHEMA
    core: CoreTiming
    dma: DmaTiming
    engines: EngineTiming
    memory: MemoryTiming
    vector: VectorTiming | None = None
    dram: DramTiming | None = None
    noc: NocTiming | None = None


@dataclass(frozen=True, slots=True)
class WaveTiming:
    """What model `wave` needs beyond peaks: kernels whose output tiles go round by round through the PEs.

    Parameters
    ----------
    tile_rows, tile_cols
        Smallest tile of the matrix instruction [elements].
    slots
        Tiles that a PE works on at a time, each with its share of the PE: 1, or one per matrix unit.
    accumulators_bytes
        Sums, four bytes each, that a slot holds.
    step_bytes
        Depth of one step of the main loop.
    sharing
        Slots that get the same operand from one read of the SRAM.
    width_bytes_per_cycle
        From the SRAM into one PE.
    in_flight_bytes
        Requests to memory that a PE has under way.
    sram_copies
        Parts of the SRAM that each keep a copy of what all PEs read.
    start_s
        From the start of a kernel to its first request.
    sram_latency_s, dram_latency_s
        From request to data, under load.
    exps_per_cycle
        Exponentials per cycle and PE.
    overlap_frac
        In fused attention, share of the shorter of products and score function that is hidden behind the longer.
    """

    __pydantic_config__: ClassVar = SCHEMA
    tile_rows: Count
    tile_cols: Count
    slots: Count
    accumulators_bytes: Bytes
    step_bytes: Bytes
    sharing: Count
    width_bytes_per_cycle: BytesPerCycle
    in_flight_bytes: Bytes
    sram_copies: Count
    start_s: Seconds
    sram_latency_s: Seconds
    dram_latency_s: Seconds
    exps_per_cycle: Positive
    overlap_frac: Fraction
