"""The typed description of a DRAM technology: geometry of a channel and its times, each number with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from archmodel.inputs import SCHEMA
from archmodel.machine.fields import Bytes, Count, Seconds
from archmodel.machine.types import Provenance


@dataclass(frozen=True, slots=True)
class DramTechnology:
    """One channel of a DRAM, as its controller sees it; names of times as in the JEDEC standards.

    Parameters
    ----------
    name, title, sources
        Name that ``dram.technology`` of a machine gives, what it is, and short key → citation.
    n_pins
        Data pins of a channel (of a pseudo channel of HBM).
    burst_length
        Transfers of each pin per burst.
    transfers_per_cycle
        Transfers of each pin per cycle of the command clock.
    n_banks
        Banks of a rank of a channel.
    row_bytes
        An open row.
    rcd_s, rp_s, ras_s
        ACT to RD or WR, PRE to ACT, ACT to PRE.
    rrd_s, faw_s
        ACT to ACT of another bank, and to the fourth ACT after it.
    cl_s, cwl_s
        RD and WR to the first of their data.
    rtp_s, wr_s, wtr_s
        RD to PRE; end of written data to PRE, and to RD.
    refi_s, rfc_s
        From one refresh of all banks due to the next, and how long one takes.
    """

    __pydantic_config__: ClassVar = SCHEMA
    name: str
    title: str
    sources: Mapping[str, str]
    n_pins: Count
    burst_length: Count
    transfers_per_cycle: Count
    n_banks: Count
    row_bytes: Bytes
    rcd_s: Seconds
    rp_s: Seconds
    ras_s: Seconds
    rrd_s: Seconds
    faw_s: Seconds
    cl_s: Seconds
    cwl_s: Seconds
    rtp_s: Seconds
    wr_s: Seconds
    wtr_s: Seconds
    refi_s: Seconds
    rfc_s: Seconds
    provenance: Mapping[str, Provenance] = field(default_factory=dict)

    @property
    def burst_bytes(self) -> float:
        """Bytes of one burst."""
        return self.n_pins * self.burst_length / 8
