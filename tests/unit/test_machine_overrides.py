"""Values set for one run: what is allowed, and the whole message where it is not."""

from __future__ import annotations

from functools import partial

import pytest
from minimal_machine import MINIMAL, one, refusal

from archmodel.machine import load_machine


@pytest.fixture
def message(tmp_path):
    return partial(refusal, tmp_path / "chip.yaml")


TOP = (
    "array, clock, die, dram, host, io_dies, launch, local, matrix, pe, power, scale_up, simd, sram, timing, "
    "vector, wave"
)
OVERRIDES = {
    ("clok", "1 GHz"): "clok: no such value; did you mean 'clock'?",
    ("sram.capcity", "1 MiB"): "sram.capcity: no such value; did you mean 'capacity'?",
    ("clock.hz", "1"): "clock.hz: no such value; clock is a single value",
    ("sram", "5"): "sram: is a group of values; give one of them, e.g. sram.capacity",
    ("vector.lanes", "5"): "vector.lanes: is a group of values; give one of them, e.g. vector.lanes.fp32",
    ("matrix.macs_per_cycle.fp61", "5"): "matrix.macs_per_cycle.fp61: no such value; did you mean 'fp16'?",
    ("provenance", "us"): f"provenance: no such value; allowed: {TOP}",
    ("published.matrix.fp16", "1 TFLOP/s"): f"published.matrix.fp16: no such value; allowed: {TOP}",
    ("clock", "1 GB"): "clock: '1 GB' is not a frequency; units allowed: Hz, kHz, MHz, GHz",
    ("sram.capacity", "256"): "sram.capacity: 256 needs a unit, e.g. '64 GB'",
    ("pe.rows", "-1"): "pe.rows: -1 is not a count; allowed: whole numbers from 1 to 1e12",
    ("pe.rows", "1" + 400 * "0"): f"pe.rows: 1{39 * '0'}… is not a count; allowed: whole numbers from 1 to 1e12",
    ("sram.capacity", "1 TiB"): "sram.capacity: larger than dram.capacity; swapped?",
    ("clock", "1e-300 Hz"): "clock: '1e-300 Hz' is not allowed; allowed: 1 Hz to 1 THz",
    ("local.capacity", "1e-300 B"): "local.capacity: '1e-300 B' is not allowed; allowed: 1 B to 1 EB",
    ("launch.job", "2e4 s"): "launch.job: '2e4 s' is not allowed; allowed: 0 to 3600 s",
    ("dram.efficiency", "0"): "dram.efficiency: 0 is not an efficiency; allowed: numbers from 0.001 to 1",
    ("dram.gather_efficiency", "0"): "dram.gather_efficiency: 0 is not an efficiency; allowed: numbers from 0.001 to 1",
    ("dram.ecc_overhead", "1"): "dram.ecc_overhead: 1 is not an overhead; allowed: numbers from 0 to 0.99",
    ("matrix.macs_per_cycle.fp16", "1e-300"): (
        "matrix.macs_per_cycle.fp16: 1e-300 is not a positive number; allowed: numbers from 1e-09 to 1e30"
    ),
}


@pytest.mark.parametrize(("path", "text"), OVERRIDES)
def test_a_wrong_override_says_what_is_allowed(message, path, text):
    assert message(MINIMAL, {path: text}) == one(f"--set: {OVERRIDES[path, text]}")


def test_a_right_override_is_noted_as_the_users(tmp_path):
    (tmp_path / "chip.yaml").write_text(MINIMAL)
    chip = load_machine(tmp_path / "chip.yaml", {"matrix.macs_per_cycle.fp8": "1024", "sram.capacity": "16 MiB"})
    assert chip.matrix.macs_per_cycle == {"fp16": 512, "fp8": 1024}
    assert chip.sram.capacity_bytes == 16 * 2**20
    notes = [chip.provenance[path] for path in ("matrix.macs_per_cycle.fp8", "sram.capacity")]
    assert [(note.text, note.kind, note.source) for note in notes] == [
        ("1024", "assumed", "set by the user"),
        ("16 MiB", "assumed", "set by the user"),
    ]


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("vlen", "48", "no register has 48 bits; allowed: powers of two from 32 to 65536"),
        ("dlen", "1024", "1024 does not fit vlen 512; allowed: powers of two from 32 to vlen"),
        ("lmul", "3", "no group has 3 registers; allowed: 1, 2, 4, 8"),
    ],
)
def test_a_vector_core_has_sizes_that_riscv_allows(message, key, text, said):
    extension = "name: chip\nextends: mtia_2i\n"
    assert message(extension, {f"timing.vector.{key}": text}) == one(f"--set: timing.vector.{key}: {said}")


def test_data_paths_are_no_wider_than_the_lanes(message):
    given = {"timing.vector.vlen": "1024", "timing.vector.dlen": "1024"}
    text = (
        "data paths of 1 x 1024 bits have 32 lanes of fp32, vector.lanes.bf16 is 16; give both, or a narrower data path"
    )
    assert message("name: chip\nextends: mtia_2i\n", given) == one(f"--set: timing.vector.dlen: {text}")
