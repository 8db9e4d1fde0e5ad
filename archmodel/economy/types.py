"""What energy, area and money follow from, beside the machine; `parameters.yaml` holds the same tree.

Values are SI floats; beside them `Economy.provenance` keeps, for every value, where the number comes from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from archmodel.dtypes import DType
from archmodel.inputs import SCHEMA
from archmodel.machine.fields import (
    Count,
    Efficiency,
    Fraction,
    Joules,
    Millimetres,
    Positive,
    SquareMillimetres,
    Volts,
)
from archmodel.machine.types import Provenance
from archmodel.units import Number, Quantity

NODES = ("45 nm", "16 nm", "12 nm", "7 nm", "6 nm", "5 nm", "4 nm", "3 nm")
"""Process nodes that parameters may be given for."""

DRAM_TECHNOLOGIES = ("LPDDR5", "DDR5", "GDDR6", "HBM2E", "HBM3", "HBM3E", "HBM4")
"""Device memories that are priced."""

JoulesPerByte = Annotated[float, Quantity("energy per byte")]
JoulesPerByteMillimetre = Annotated[float, Quantity("energy per byte and length")]
AreaPerByte = Annotated[float, Quantity("area per byte")]
AreaPerBandwidth = Annotated[float, Quantity("area per bandwidth")]
WattsPerArea = Annotated[float, Quantity("power per area")]
WattsPerAreaAndHertz = Annotated[float, Quantity("power per area and frequency")]
Density = Annotated[float, Quantity("density")]
Usd = Annotated[float, Quantity("money")]
UsdPerByte = Annotated[float, Quantity("price per byte")]
UsdPerArea = Annotated[float, Quantity("price per area")]
UsdPerWatt = Annotated[float, Quantity("price per power")]
UsdPerJoule = Annotated[float, Quantity("price per energy")]
Years = Annotated[float, Quantity("duration")]
Ratio = Annotated[float, Number("a ratio", 1.0, 1e6)]


@dataclass(frozen=True, slots=True)
class OneOf:
    """Annotation of a key that is one of a few names."""

    noun: str
    names: tuple[str, ...]

    def parse(self, given: object) -> str:
        """Check one name; `ValueError` with what is allowed otherwise."""
        if given not in self.names:
            raise ValueError(f"{given!r} is not a {self.noun}; allowed: {', '.join(self.names)}")
        return str(given)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.parse)


Node = Annotated[str, OneOf("process node", NODES)]
Technology = Annotated[str, OneOf("DRAM technology", DRAM_TECHNOLOGIES)]
ByNode = Mapping[Node, Positive]


def node_nm(node: str) -> float:
    """Read the size that a node is named after [nm]: 4 of ``"TSMC 4N"`` and ``"N4P"``, 7 of ``"7 nm"``; or 0."""
    found = re.search(r"(\d+)\s*(?:nm|N\b)|\bN(\d+)", node)
    return float(found[1] or found[2]) if found else 0.0


@dataclass(frozen=True, slots=True)
class EnergyParameters:
    """Energy of operations and of bytes that move.

    Parameters
    ----------
    unstated_node
        Process of machines that do not state theirs.
    derived_node
        By node, the one whose area, energy and price it has; the nodes that are not in it have their own.
    multiply_45nm_j, add_45nm_j, multiply_7nm_j, add_7nm_j
        One multiplication or addition by dtype at two nodes [J].
    below_7nm
        Energy of logic over that at 7 nm, by node.
    matrix_overhead_frac
        Control and operand delivery of a matrix engine over its arithmetic.
    instruction_j
        One vector instruction at 7 nm; the lanes share it [J].
    sram_8kib_j_per_byte, sram_32kib_j_per_byte, sram_1mib_j_per_byte
        Memories of three sizes at 7 nm [J/B].
    sram_scale
        Energy of SRAM over that at 7 nm, by node.
    wire_j_per_byte_mm
        On-die wires, repeaters included [J/B/mm].
    dram_j_per_byte
        Device and interface by technology [J/B].
    link_j_per_byte, host_j_per_byte
        Links to other chips, and to the host [J/B].
    idle_link_frac
        Share of the power of a busy link that an idle one takes.
    supply_v
        Supply that the tables above mean; energy goes with the square of the supply [V].
    leakage_w_per_mm2
        Leakage of powered silicon [W/mm²].
    clock_w_per_mm2_hz
        Clock tree and what toggles without work [W/mm²/Hz].
    conversion_frac
        Efficiency of the voltage regulators of the card.
    """

    __pydantic_config__: ClassVar = SCHEMA
    unstated_node: Node
    derived_node: Mapping[Node, Node]
    multiply_45nm_j: Mapping[DType, Joules]
    add_45nm_j: Mapping[DType, Joules]
    multiply_7nm_j: Mapping[DType, Joules]
    add_7nm_j: Mapping[DType, Joules]
    below_7nm: ByNode
    matrix_overhead_frac: Fraction
    instruction_j: Joules
    sram_8kib_j_per_byte: JoulesPerByte
    sram_32kib_j_per_byte: JoulesPerByte
    sram_1mib_j_per_byte: JoulesPerByte
    sram_scale: ByNode
    wire_j_per_byte_mm: JoulesPerByteMillimetre
    dram_j_per_byte: Mapping[Technology, JoulesPerByte]
    link_j_per_byte: JoulesPerByte
    host_j_per_byte: JoulesPerByte
    idle_link_frac: Fraction
    supply_v: Volts
    leakage_w_per_mm2: WattsPerArea
    clock_w_per_mm2_hz: WattsPerAreaAndHertz
    conversion_frac: Efficiency


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What "typical" power means, the same for every machine.

    Parameters
    ----------
    compute_frac
        Share of their peaks at which engines, local memories and SRAM work.
    traffic_frac
        Share of its pins at which DRAM works.
    typical_over_tdp_frac
        Typical power over the design limit.
    """

    __pydantic_config__: ClassVar = SCHEMA
    compute_frac: Fraction
    traffic_frac: Fraction
    typical_over_tdp_frac: Efficiency


@dataclass(frozen=True, slots=True)
class AreaParameters:
    """Area of silicon.

    Parameters
    ----------
    multiply_mm2, add_mm2
        One multiplier or adder by dtype at 7 nm [mm²].
    logic_factor
        Placed logic of a PE over the arithmetic in it.
    logic_scale, sram_scale
        Area over that at 7 nm, by node.
    sram_mm2_per_byte
        SRAM with its periphery at 7 nm [mm²/B].
    dram_mm2_per_bytes_per_s
        Controllers and PHYs by technology, at any node [mm²/(B/s)].
    link_mm2_per_bytes_per_s, host_mm2_per_bytes_per_s
        Links to other chips, and to the host, at any node [mm²/(B/s)].
    reticle_width_mm, reticle_height_mm
        Largest die that can be exposed [mm].
    split_overhead_frac
        Area that links between dies add where one die is not enough.
    """

    __pydantic_config__: ClassVar = SCHEMA
    multiply_mm2: Mapping[DType, SquareMillimetres]
    add_mm2: Mapping[DType, SquareMillimetres]
    logic_factor: Positive
    logic_scale: ByNode
    sram_scale: ByNode
    sram_mm2_per_byte: AreaPerByte
    dram_mm2_per_bytes_per_s: Mapping[Technology, AreaPerBandwidth]
    link_mm2_per_bytes_per_s: AreaPerBandwidth
    host_mm2_per_bytes_per_s: AreaPerBandwidth
    reticle_width_mm: Millimetres
    reticle_height_mm: Millimetres
    split_overhead_frac: Fraction

    @property
    def reticle_mm2(self) -> float:
        """Largest die [mm²]."""
        return self.reticle_width_mm * self.reticle_height_mm


@dataclass(frozen=True, slots=True)
class CostParameters:
    """What a chip costs.

    Parameters
    ----------
    wafer_usd
        A processed wafer by node [$].
    wafer_diameter_mm, edge_mm
        Diameter of a wafer, and of it the edge that yields nothing [mm].
    defects_per_mm2
        Killer defects [1/mm²].
    clustering
        Of defects: α of the negative binomial law.
    dram_price_usd_per_byte
        Device memory by technology [$/B].
    organic_usd_per_mm2, cowos_usd_per_mm2
        Package per area of silicon in it: organic substrate, or silicon interposer for HBM and several dies [$/mm²].
    hbm_footprint_mm2
        Footprint of a stack of HBM on the interposer [mm²].
    hbm_stack_bytes
        Capacity of a stack [B].
    test_frac
        Assembly and test over all parts.
    board_usd
        Card and cooling [$].
    regulator_usd_per_w
        Voltage regulators [$/W].
    vendor_margin_frac
        Share of the price that stays with the vendor of the chip.
    """

    __pydantic_config__: ClassVar = SCHEMA
    wafer_usd: Mapping[Node, Usd]
    wafer_diameter_mm: Millimetres
    edge_mm: Millimetres
    defects_per_mm2: Density
    clustering: Positive
    dram_price_usd_per_byte: Mapping[Technology, UsdPerByte]
    organic_usd_per_mm2: UsdPerArea
    cowos_usd_per_mm2: UsdPerArea
    hbm_footprint_mm2: SquareMillimetres
    hbm_stack_bytes: Annotated[float, Quantity("capacity")]
    test_frac: Fraction
    board_usd: Usd
    regulator_usd_per_w: UsdPerWatt
    vendor_margin_frac: Annotated[float, Number("a margin", 0.0, 0.99)]


@dataclass(frozen=True, slots=True)
class FleetParameters:
    """What is around chips, and what it costs to run them.

    Parameters
    ----------
    chip_power_frac
        Share of a server's power that its chips take.
    pue
        Power of the site over that of its servers.
    host_usd_per_w, network_usd_per_w, building_usd_per_w
        Hosts and storage, network, and building with power and cooling, per watt of the site [$/W].
    electricity_usd_per_j
        Price of energy [$/J].
    server_life_years, building_life_years
        Over which they are written off [years].
    utilisation_frac
        Share of the time in which a chip serves at the rate given.
    chips_per_server, chips_per_rack
        Chips.
    """

    __pydantic_config__: ClassVar = SCHEMA
    chip_power_frac: Efficiency
    pue: Ratio
    host_usd_per_w: UsdPerWatt
    network_usd_per_w: UsdPerWatt
    building_usd_per_w: UsdPerWatt
    electricity_usd_per_j: UsdPerJoule
    server_life_years: Years
    building_life_years: Years
    utilisation_frac: Efficiency
    chips_per_server: Count
    chips_per_rack: Count


@dataclass(frozen=True, slots=True)
class Economy:
    """All parameters, as `load_economy` reads them."""

    __pydantic_config__: ClassVar = SCHEMA
    title: str
    energy: EnergyParameters
    operating_point: OperatingPoint
    area: AreaParameters
    cost: CostParameters
    fleet: FleetParameters
    sources: Mapping[str, str]
    notes: str = ""
    provenance: Mapping[str, Provenance] = field(default_factory=dict)
