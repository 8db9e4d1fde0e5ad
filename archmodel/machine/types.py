"""The typed description of a chip. Files hold the same tree with units spelt out; see ``docs/howto/add-a-machine.md``.

Values are SI floats. Beside them `Machine.provenance` keeps, for every leaf, where the number comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from archmodel.dtypes import DType, check_dtype
from archmodel.inputs import SCHEMA
from archmodel.machine.fields import (
    Bytes,
    BytesPerCycle,
    BytesPerSecond,
    Count,
    CountOrZero,
    Efficiency,
    Flag,
    FlopPerSecond,
    Fraction,
    Hertz,
    Overhead,
    Positive,
    Seconds,
    SquareMillimetres,
    Volts,
    Watts,
)
from archmodel.machine.timing import Timing, WaveTiming

Kind = Literal["published", "derived", "measured", "assumed"]
Topology = Literal["switch", "mesh", "ring", "torus"]
SET_BY_USER = "set by the user"
"""Source of a value that an override gave."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where one number comes from.

    Parameters
    ----------
    text
        The value as the file writes it.
    kind
        ``published`` (its source prints it), ``derived`` (arithmetic on published numbers; the source says how),
        ``measured`` (ours, on hardware or its RTL; the source says on what) or ``assumed`` (ours; the source says why).
    source
        Key of `Machine.sources` and the place in it, or the arithmetic, or what was measured, or the reason.
    """

    text: str
    kind: Kind
    source: str

    @property
    def is_assumed(self) -> bool:
        """Whether the project assumes the number; one that the user set is theirs."""
        return self.kind == "assumed" and self.source != SET_BY_USER


def list_assumed(provenance: Mapping[str, Provenance]) -> list[str]:
    """List the values that are assumed, by dotted path; those that the user set are not."""
    return sorted(path for path, note in provenance.items() if note.is_assumed)


@dataclass(frozen=True, slots=True)
class PeGrid:
    """The processing elements: ``rows`` × ``cols`` (SMs of a GPU, cores of a TPU count as PEs).

    Parameters
    ----------
    rows, cols
        PEs that work.
    n_spare
        PEs on the die besides, that replace defective ones or are switched off, where that is known.
    """

    __pydantic_config__: ClassVar = SCHEMA
    rows: Count
    cols: Count
    n_spare: CountOrZero | None = None

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
        ``switch``: any chip reaches any other at full bandwidth; ``mesh``: a link between every two chips; ``ring``,
        and ``torus`` of two dimensions: links to neighbours.
    latency_s
        Of one step: from the send of one chip until a peer or neighbour goes on with what came.
    message_s
        Set-up of each further message, where a chip sends to several others in one step.
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
    message_s: Seconds
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
    """Electrical power of the chip: design limit, and typical in operation and supply of the logic where known."""

    __pydantic_config__: ClassVar = SCHEMA
    tdp_w: Watts
    typical_w: Watts | None = None
    supply_v: Volts | None = None


@dataclass(frozen=True, slots=True)
class IoDies:
    """Dies in the package that hold the links to other chips: how many, and the area of each."""

    __pydantic_config__: ClassVar = SCHEMA
    n_dies: Count
    die_mm2: SquareMillimetres


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
    io_dies: IoDies | None = None
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
