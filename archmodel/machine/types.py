"""The typed description of a chip. Files hold the same tree with units spelt out; see ``docs/howto/add-a-machine.md``.

Values are SI floats. Beside them `Machine.provenance` keeps, for every leaf, where the number comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from archmodel.dtypes import DType, check_dtype
from archmodel.inputs import SCHEMA
from archmodel.units import FRACTION, GIVEN_COUNT, POSITIVE, Number, Quantity, YesNo

Kind = Literal["published", "derived", "assumed"]
Topology = Literal["switch", "mesh", "ring", "torus"]
SET_BY_USER = "set by the user"
"""Source of a value that an override gave."""


Count = Annotated[int, GIVEN_COUNT]
Fraction = Annotated[float, FRACTION]
Efficiency = Annotated[float, Number("an efficiency", 0.001, 1.0)]
Overhead = Annotated[float, Number("an overhead", 0.0, 0.99)]
Positive = Annotated[float, POSITIVE]
Hertz = Annotated[float, Quantity("frequency")]
Seconds = Annotated[float, Quantity("time")]
Bytes = Annotated[float, Quantity("capacity")]
BytesPerSecond = Annotated[float, Quantity("bandwidth")]
BytesPerCycle = Annotated[float, Quantity("bytes per cycle")]
Cycles = Annotated[float, Quantity("cycles")]
Flag = Annotated[bool, YesNo()]
FlopPerSecond = Annotated[float, Quantity("rate")]
Watts = Annotated[float, Quantity("power")]
SquareMillimetres = Annotated[float, Quantity("area")]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where one number comes from.

    Parameters
    ----------
    text
        The value as the file writes it.
    kind
        ``published`` (its source prints it), ``derived`` (arithmetic on published numbers; the source says how) or
        ``assumed`` (ours; the source says why).
    source
        Key of `Machine.sources` and the place in it, or the arithmetic, or the reason.
    """

    text: str
    kind: Kind
    source: str


@dataclass(frozen=True, slots=True)
class PeGrid:
    """The processing elements: ``rows`` × ``cols`` (SMs of a GPU, cores of a TPU count as PEs)."""

    __pydantic_config__: ClassVar = SCHEMA
    rows: Count
    cols: Count

    @property
    def n_pes(self) -> int:
        """Number of PEs."""
        return self.rows * self.cols


@dataclass(frozen=True, slots=True)
class MatrixEngine:
    """The matrix engine of one PE.

    Parameters
    ----------
    n_tiles
        MAC tiles (tensor cores, MXUs) per PE.
    macs_per_cycle
        Multiply-accumulates per cycle and tile, by dtype; where a systolic array is described, of one cell. A dtype not
        listed is not supported.
    efficiency_frac
        Fraction of the peak that large matmuls of favourable shape reach.
    reuse_rows, reuse_cols
        Output block that one pass keeps in registers: an element of the streamed operand read from local memory serves
        ``reuse_rows`` MACs, one of the held operand ``reuse_cols``.
    """

    __pydantic_config__: ClassVar = SCHEMA
    n_tiles: Count
    macs_per_cycle: Mapping[DType, Positive]
    efficiency_frac: Efficiency
    reuse_rows: Count
    reuse_cols: Count


@dataclass(frozen=True, slots=True)
class LaneEngine:
    """A SIMD engine or vector core of one PE.

    Parameters
    ----------
    lanes
        Elements per cycle and PE, by dtype; one operation on one element per lane and cycle.
    flop_per_lane
        FLOP that vendors count per lane and cycle in their peak: 2 where an FMA is meant, else 1.
    """

    __pydantic_config__: ClassVar = SCHEMA
    lanes: Mapping[DType, Positive]
    flop_per_lane: Count


@dataclass(frozen=True, slots=True)
class LocalMemory:
    """Memory of one PE (L1 and shared memory of an SM): capacity, and bytes read plus written per cycle, per PE."""

    __pydantic_config__: ClassVar = SCHEMA
    capacity_bytes: Bytes
    width_bytes_per_cycle: BytesPerCycle


@dataclass(frozen=True, slots=True)
class Sram:
    """On-chip memory that all PEs share (L2 of a GPU).

    Parameters
    ----------
    capacity_bytes
        Total capacity.
    width_bytes_per_cycle
        Bytes read plus written per machine clock cycle, whole chip.
    partition_bytes
        Grain at which capacity is split between activations (LLS) and cache (LLC).
    embedding_hit_frac
        Fraction of embedding-row reads that hit here.
    """

    __pydantic_config__: ClassVar = SCHEMA
    capacity_bytes: Bytes
    width_bytes_per_cycle: BytesPerCycle
    partition_bytes: Bytes
    embedding_hit_frac: Fraction


@dataclass(frozen=True, slots=True)
class Dram:
    """Device memory.

    Parameters
    ----------
    technology
        E.g. ``LPDDR5``, ``HBM3E``, ``GDDR6``.
    capacity_bytes
        Capacity of the configuration modelled.
    bandwidth_bytes_per_s
        Peak of the pins, reads and writes together.
    efficiency_frac
        Fraction of the peak that long streams reach, without the ECC tax.
    ecc_overhead_frac
        Fraction of the traffic that in-line ECC takes.
    gather_efficiency_frac
        Fraction of the peak that random reads of whole access units reach.
    access_bytes
        Smallest access; a shorter or unaligned row still moves whole units.
    """

    __pydantic_config__: ClassVar = SCHEMA
    technology: str
    capacity_bytes: Bytes
    bandwidth_bytes_per_s: BytesPerSecond
    efficiency_frac: Efficiency
    ecc_overhead_frac: Overhead
    gather_efficiency_frac: Efficiency
    access_bytes: Bytes


@dataclass(frozen=True, slots=True)
class SystolicArray:
    """The matrix engine is one systolic array of ``size`` × ``size`` cells.

    Parameters
    ----------
    size
        Cells along an edge.
    dataflow
        What stays in the cells: weights, or the sums of the output.
    overlap
        The next tile fills the array while this one drains; without it tiles follow one another.
    """

    __pydantic_config__: ClassVar = SCHEMA
    size: Count
    dataflow: Literal["weight_stationary", "output_stationary"]
    overlap: Flag


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


@dataclass(frozen=True, slots=True)
class HostLink:
    """The link to the host, one direction."""

    __pydantic_config__: ClassVar = SCHEMA
    bandwidth_bytes_per_s: BytesPerSecond


@dataclass(frozen=True, slots=True)
class ScaleUpLink:
    """The links to other chips.

    Parameters
    ----------
    bandwidth_bytes_per_s
        Of all links of a chip together, in one direction.
    n_chips
        Size of the domain that they join.
    topology
        ``switch``: any chip reaches any other at full bandwidth; ``mesh``: a link between every two chips; ``ring``, and
        ``torus`` of two dimensions: links to neighbours.
    latency_s
        Of one step: from the send of one chip until a peer or neighbour goes on with what came.
    launch_s
        Start of a collective operation, besides that of any operator.
    efficiency_frac
        Share of the bandwidth that large messages reach.
    """

    __pydantic_config__: ClassVar = SCHEMA
    bandwidth_bytes_per_s: BytesPerSecond
    n_chips: Count
    topology: Topology
    latency_s: Seconds
    launch_s: Seconds
    efficiency_frac: Efficiency


@dataclass(frozen=True, slots=True)
class Launch:
    """What starting work costs.

    Parameters
    ----------
    job_s
        Start of a compiled job (a graph of operators) by the chip itself, once per step.
    operator_s
        From one operator to the next inside a job.
    eager_s
        An operator that the host launches on its own.
    replay_s, switch_s
        Start of a compiled job by the host, when the job before was the same one, and when it was another; absent
        where they are not known.
    """

    __pydantic_config__: ClassVar = SCHEMA
    job_s: Seconds
    operator_s: Seconds
    eager_s: Seconds
    replay_s: Seconds | None = None
    switch_s: Seconds | None = None


@dataclass(frozen=True, slots=True)
class Power:
    """Electrical power of the chip: design limit, and typical in operation where known."""

    __pydantic_config__: ClassVar = SCHEMA
    tdp_w: Watts
    typical_w: Watts | None = None


@dataclass(frozen=True, slots=True)
class PublishedPeaks:
    """Peaks as printed, to hold the sum of the parts against. Nothing is computed from them."""

    __pydantic_config__: ClassVar = SCHEMA
    matrix_flop_per_s: Mapping[DType, FlopPerSecond] = field(default_factory=dict)
    simd_flop_per_s: Mapping[DType, FlopPerSecond] = field(default_factory=dict)
    vector_flop_per_s: Mapping[DType, FlopPerSecond] = field(default_factory=dict)
    sram_bandwidth_bytes_per_s: BytesPerSecond | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """One chip or card. ``simd`` or ``vector`` may be absent, not both: the one present does the work of both."""

    __pydantic_config__: ClassVar = SCHEMA
    name: str
    title: str
    vendor: str
    status: Literal["production", "announced", "hypothetical"]
    clock_hz: Hertz
    pe: PeGrid
    matrix: MatrixEngine
    local: LocalMemory
    sram: Sram
    dram: Dram
    host: HostLink
    launch: Launch
    power: Power
    process: str
    sources: Mapping[str, str]
    simd: LaneEngine | None = None
    vector: LaneEngine | None = None
    array: SystolicArray | None = None
    timing: Timing | None = None
    wave: WaveTiming | None = None
    scale_up: ScaleUpLink | None = None
    die_mm2: SquareMillimetres | None = None
    published: PublishedPeaks = field(default_factory=PublishedPeaks)
    notes: str = ""
    provenance: Mapping[str, Provenance] = field(default_factory=dict)

    def peak_flop_per_s(self, engine: Literal["matrix", "simd", "vector"], dtype: str) -> float:
        """Peak of one engine in one dtype, from the parts [FLOP/s]; 0 where it does not support the dtype.

        Model
        -----
        Matrix: ``n_pes · n_tiles · macs_per_cycle · 2 · clock``, times ``size²`` of a systolic array. Lanes:
        ``n_pes · lanes · flop_per_lane · clock``.
        """
        check_dtype(dtype)
        if engine == "matrix":
            n_cells = self.array.size**2 if self.array else 1
            macs_per_cycle = self.matrix.n_tiles * n_cells * self.matrix.macs_per_cycle.get(dtype, 0.0)
            return self.pe.n_pes * macs_per_cycle * 2 * self.clock_hz
        lanes = self.simd if engine == "simd" else self.vector
        if lanes is None:
            return 0.0
        return self.pe.n_pes * lanes.lanes.get(dtype, 0.0) * lanes.flop_per_lane * self.clock_hz

    @property
    def sram_bandwidth_bytes_per_s(self) -> float:
        """Bytes per second read plus written, whole chip."""
        return self.sram.width_bytes_per_cycle * self.clock_hz

    @property
    def local_bandwidth_bytes_per_s(self) -> float:
        """Bytes per second read plus written, all PEs together."""
        return self.pe.n_pes * self.local.width_bytes_per_cycle * self.clock_hz

    @property
    def local_capacity_bytes(self) -> float:
        """Capacity of all local memories together."""
        return self.pe.n_pes * self.local.capacity_bytes
