"""The smallest machine file, and what is done to it in tests of messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from archmodel.errors import ArchmodelError
from archmodel.machine import load_machine

MINIMAL = """\
name: chip
title: A chip
vendor: us
status: hypothetical
process: none
sources: {PAPER: "A paper, 2026"}
clock: 1 GHz
pe: {rows: 2, cols: 2}
matrix: {n_tiles: 1, macs_per_cycle: {fp16: 512}, efficiency: 0.9, reuse_rows: 32, reuse_cols: 32}
vector: {lanes: {fp32: 16}, flop_per_lane: 2}
local: {capacity: 128 KiB, width: 256 B/cycle}
sram: {capacity: 8 MiB, width: 512 B/cycle, partition: 1 MiB, embedding_hit: 0}
dram: {technology: LPDDR5, capacity: 8 GB, bandwidth: 50 GB/s, efficiency: 0.9, ecc_overhead: 0,
       gather_efficiency: 0.6, access: 64 B}
host: {bandwidth: 8 GB/s}
launch: {job: 1 us, operator: 1 us, eager: 5 us}
power: {tdp: 20 W}
"""


def refusal(path: Path, text: str | bytes, overrides: dict[str, str] | None = None) -> str:
    """Write a machine file that is wrong; returns the whole message."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ArchmodelError) as caught:
        load_machine(path, overrides)
    return str(caught.value)


def one(text: str) -> str:
    """Write the message of a single fault."""
    return f"1 error in machine description\n  {text}"
