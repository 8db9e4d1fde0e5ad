"""Every way to get a machine file wrong, and the whole message it gets."""

from __future__ import annotations

from functools import partial

import pytest
from minimal_machine import MINIMAL, one, refusal

from archmodel.errors import InputError, UnknownNameError
from archmodel.machine import load_machine


@pytest.fixture
def message(tmp_path):
    return partial(refusal, tmp_path / "chip.yaml")


@pytest.fixture
def machine(tmp_path):
    def load(text, overrides=None):
        (tmp_path / "chip.yaml").write_text(text)
        return load_machine(tmp_path / "chip.yaml", overrides)

    return load


def changed(old, new):
    assert MINIMAL.count(old) == 1
    return MINIMAL.replace(old, new)


def test_the_minimal_file_is_right(machine):
    chip = machine(MINIMAL)
    assert chip.peak_flop_per_s("matrix", "fp16") == 4 * 512 * 2 * 1e9
    assert chip.provenance["clock"].source == "not stated in chip.yaml"


VALUES = {
    "misspelt key": ("width: 512 B/cycle", "widht: 512 B/cycle"),
    "wrong unit": ("clock: 1 GHz", "clock: 1 GB"),
    "misspelt unit": ("clock: 1 GHz", "clock: 1 Gz"),
    "missing unit": ("clock: 1 GHz", "clock: 1"),
    "negative": ("clock: 1 GHz", "clock: -1 GHz"),
    "zero": ("clock: 1 GHz", "clock: 0 GHz"),
    "infinite": ("clock: 1 GHz", "clock: 1e400 GHz"),
    "no number": ("clock: 1 GHz", "clock: fast"),
    "boolean": ("clock: 1 GHz", "clock: yes"),
    "quoted number": ("n_tiles: 1", "n_tiles: '1e9'"),
    "fraction of a count": ("n_tiles: 1", "n_tiles: 1.5"),
    "fraction above one": ("efficiency: 0.9, ecc", "efficiency: 90, ecc"),
    "unknown dtype": ("{fp16: 512}", "{fp61: 512}"),
    "unknown status": ("status: hypothetical", "status: planned"),
    "scalar for a group": (
        "sram: {capacity: 8 MiB, width: 512 B/cycle, partition: 1 MiB, embedding_hit: 0}",
        "sram: 5",
    ),
    "scalar for a mapping": ("{fp16: 512}", "5"),
    "sram above dram": ("capacity: 8 MiB", "capacity: 8 TiB"),
    "no lane engine": ("vector: {lanes: {fp32: 16}, flop_per_lane: 2}\n", ""),
}
MESSAGES = {
    "misspelt key": (
        "2 errors in machine description\n"
        "  chip.yaml:12:7: sram.width: missing; it has no default\n"
        "  chip.yaml:12:32: sram.widht: unknown key; did you mean 'width'?"
    ),
    "wrong unit": one("chip.yaml:7:8: clock: '1 GB' is not a frequency; units allowed: Hz, kHz, MHz, GHz"),
    "misspelt unit": one("chip.yaml:7:8: clock: '1 Gz' is not a frequency; units allowed: Hz, kHz, MHz, GHz"),
    "missing unit": one("chip.yaml:7:8: clock: 1 needs a unit, e.g. '1.35 GHz'"),
    "negative": one("chip.yaml:7:8: clock: '-1 GHz' is not allowed; allowed: 1 Hz to 1 THz"),
    "zero": one("chip.yaml:7:8: clock: '0 GHz' is not allowed; allowed: 1 Hz to 1 THz"),
    "infinite": one("chip.yaml:7:8: clock: '1e400 GHz' is not allowed; allowed: 1 Hz to 1 THz"),
    "no number": one("chip.yaml:7:8: clock: 'fast' is not a frequency; write a number with a unit, e.g. '1.35 GHz'"),
    "boolean": one("chip.yaml:7:8: clock: True is not a frequency; write a number with a unit, e.g. '1.35 GHz'"),
    "quoted number": one("chip.yaml:9:19: matrix.n_tiles: '1e9' is not a count; allowed: whole numbers from 1 to 1e12"),
    "fraction of a count": one(
        "chip.yaml:9:19: matrix.n_tiles: 1.5 is not a count; allowed: whole numbers from 1 to 1e12"
    ),
    "fraction above one": one(
        "chip.yaml:13:76: dram.efficiency: 90 is not an efficiency; allowed: numbers from 0.001 to 1"
    ),
    "unknown dtype": one("chip.yaml:9:45: matrix.macs_per_cycle.fp61: unknown dtype 'fp61'; did you mean 'fp16'?"),
    "unknown status": one(
        "chip.yaml:4:9: status: 'planned' is not known; allowed: production, announced, hypothetical"
    ),
    "scalar for a group": one(
        "chip.yaml:12:7: sram: 5 is not a group of values; its keys: capacity, width, partition, embedding_hit"
    ),
    "scalar for a mapping": one("chip.yaml:9:38: matrix.macs_per_cycle: 5 is not a mapping of keys to values"),
    "sram above dram": one("chip.yaml:12:18: sram.capacity: larger than dram.capacity; swapped?"),
    "no lane engine": one("chip.yaml: simd, vector: give at least one; elementwise work has no engine"),
}


@pytest.mark.parametrize("case", VALUES)
def test_a_wrong_value_says_where_what_and_what_is_allowed(message, case):
    assert message(changed(*VALUES[case])) == MESSAGES[case]


def test_a_number_may_have_an_exponent_without_a_point(machine):
    assert machine(changed("{fp16: 512}", "{fp16: 1e3}")).matrix.macs_per_cycle == {"fp16": 1000.0}


def test_a_missing_required_key_is_named(message):
    assert message(changed("clock: 1 GHz\n", "")) == one("chip.yaml: clock: missing; it has no default")


def test_all_faults_are_reported_at_once_in_the_order_of_the_file(message):
    text = changed("clock: 1 GHz", "clock: {value: 1 GB, kind: guessed, source: us}").replace("power", "powr")
    assert message(text) == (
        "4 errors in machine description\n"
        "  chip.yaml: power: missing; it has no default\n"
        "  chip.yaml:7:16: clock: '1 GB' is not a frequency; units allowed: Hz, kHz, MHz, GHz\n"
        "  chip.yaml:7:28: clock: kind 'guessed' is unknown; allowed: assumed, derived, measured, published\n"
        "  chip.yaml:17:7: powr: unknown key; did you mean 'power'?"
    )


LEAVES = {
    "{value: 1 GHz, kind: publishd, source: PAPER}": (
        "7:29: clock: kind 'publishd' is unknown; did you mean 'published'?"
    ),
    "{value: 1 GHz, source: PAPER}": "7:8: clock: has no kind; give one of published, derived, measured, assumed",
    "{value: 1 GHz, kind: assumed}": "7:8: clock: needs a source: where the number is from, or why it is assumed",
    "{value: 1 GHz, kind: published, source: 'PAPR, table 2'}": (
        "7:48: clock: a published value begins its source with a key of 'sources', 'PAPR, table 2' does not; "
        "did you mean 'PAPER'?"
    ),
    "{value: 1 GHz, kind: assumed, source: guess, unit: GHz}": (
        "7:59: clock.unit: unknown key; allowed: kind, source, value"
    ),
}


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_value_without_a_proper_source_is_refused(message, leaf):
    assert message(changed("clock: 1 GHz", f"clock: {leaf}")) == one(f"chip.yaml:{LEAVES[leaf]}")


def test_an_optional_value_is_not_dropped_when_its_key_is_misspelt(message):
    assert message(MINIMAL + "die: {valu: 100 mm2, kind: assumed, source: guess}\n") == (
        "2 errors in machine description\n"
        "  chip.yaml:18:6: die: has no value; a number is given as value, kind and source\n"
        "  chip.yaml:18:13: die.valu: unknown key; did you mean 'value'?"
    )


def test_a_published_value_needs_sources_in_the_file(message):
    text = changed('sources: {PAPER: "A paper, 2026"}', "sources: {}")
    text = text.replace("clock: 1 GHz", "clock: {value: 1 GHz, kind: published, source: PAPER}")
    assert message(text) == one(
        "chip.yaml:7:48: clock: a published value begins its source with a key of 'sources', 'PAPER' does not; "
        "'sources' is empty"
    )


def test_provenance_is_not_given_by_hand(message):
    assert message(MINIMAL + "provenance: {clock: us}\n") == one(
        "chip.yaml:18:13: provenance: unknown key; give 'source' beside each value"
    )


FILES = {
    "key given twice": ("pe: {rows: 2}\npe: {rows: 3}\n", "chip.yaml:2:1: pe: key given twice; keep one"),
    "not UTF-8": (b"name: chip\ntitle: caf\xe9\n", "chip.yaml:2: is not UTF-8 text; save the file as UTF-8"),
    "control character": (
        "name: \x01\n",
        "chip.yaml: is not YAML: unacceptable character #x0001: special characters are not allowed",
    ),
    "anchors": (
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "chip.yaml:1:4: anchors and aliases (& and *) are not allowed; write the value out",
    ),
    "deep nesting": ("[" * 5000, "chip.yaml: is nested too deeply; a few levels are enough"),
    "too long": ("#" * 1_000_001, "chip.yaml: is 1000001 bytes long; at most 1000000 are read"),
    "two documents": (
        "name: a\n---\nname: b\n",
        "chip.yaml:2:1: is not YAML: expected a single document in the stream: but found another document",
    ),
    "not YAML": (
        "pe: {rows: 2\nname: chip\n",
        "chip.yaml:2:5: is not YAML: while parsing a flow mapping: expected ',' or '}', but got ':'",
    ),
    "unknown tag": ("name: !chip x\n", "chip.yaml:1:7: name: could not determine a constructor for the tag '!chip'"),
    "key that is a list": ("? [a]\n: 1\n", "chip.yaml:1:3: a key must be a word"),
    "a list": ("- name: chip\n", "chip.yaml: must be a mapping of keys to values"),
    "empty": ("", "chip.yaml: must be a mapping of keys to values"),
    "sources not a mapping": (
        "sources: [a paper]\n",
        "chip.yaml:1:10: sources: must map short keys to citations, e.g. ISCA25: ...",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_no_description_is_refused(message, case):
    text, expected = FILES[case]
    assert message(text) == one(expected)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError) as caught:
        load_machine(tmp_path / "none.yaml")
    assert str(caught.value) == one(f"{tmp_path}/none.yaml: cannot be read: No such file or directory")


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "chip.yaml").mkdir()
    with pytest.raises(InputError) as caught:
        load_machine(tmp_path / "chip.yaml")
    assert str(caught.value) == one(f"{tmp_path}/chip.yaml: cannot be read: Is a directory")


def test_an_unknown_machine_gets_the_nearest_name():
    with pytest.raises(UnknownNameError) as caught:
        load_machine("mtia_2")
    assert str(caught.value) == (
        "1 error in machine\n  unknown machine 'mtia_2'; did you mean 'mtia_2i'?; or give the path of a .yaml file"
    )


EXTENDS = {
    "mtia_2j": "unknown machine 'mtia_2j'; did you mean 'mtia_2i'?; or give the path of a .yaml file",
    "chip.yaml": "'chip.yaml' leads back to itself; break the circle",
    "./chip.yaml": "'./chip.yaml' leads back to itself; break the circle",
    "5": "5 is not a machine; give a name or a .yaml file beside this one",
}


@pytest.mark.parametrize("base", EXTENDS)
def test_extending_what_cannot_be_extended(message, base):
    assert message(f"extends: {base}\n") == one(f"chip.yaml:1:10: extends: {EXTENDS[base]}")


def test_what_is_wrong_in_a_list_of_extended_files_is_located(message):
    assert message("extends: [base.yaml, mtia_2j]\n") == one(f"chip.yaml:1:22: extends: {EXTENDS['mtia_2j']}")
    assert message("extends: [base.yaml, 5]\n") == one(f"chip.yaml:1:22: extends: {EXTENDS['5']}")
    assert message("extends: [base.yaml, chip.yaml]\n") == one(f"chip.yaml:1:22: extends: {EXTENDS['chip.yaml']}")


def test_of_several_extended_files_later_ones_win(tmp_path, machine):
    (tmp_path / "base.yaml").write_text(MINIMAL + "simd: {lanes: {fp16: 16}, flop_per_lane: 1}\n")
    (tmp_path / "fast.yaml").write_text("clock: {value: 2 GHz, kind: measured, source: on a board}\nvector: null\n")
    (tmp_path / "faster.yaml").write_text("clock: {value: 3 GHz, kind: measured, source: on a better one}\n")
    chip = machine("extends: [base.yaml, fast.yaml, faster.yaml]\n")
    assert (chip.clock_hz, chip.vector) == (3e9, None)
    assert chip.provenance["clock"].source == "on a better one"
    assert not any(path.startswith("vector") for path in chip.provenance)
    assert machine("extends: [base.yaml, faster.yaml, fast.yaml]\nclock: 4 GHz\n").clock_hz == 4e9


FRAGMENT = "timing: {engines: {simd_latency: {value: 7 cycles, kind: measured, source: on RTL}}}\n"


def test_a_fragment_before_a_machine_is_refused(tmp_path, message, machine):
    (tmp_path / "fit.yaml").write_text(FRAGMENT)
    assert message("extends: [fit.yaml, mtia_2i]\n") == one(
        "chip.yaml:1:11: extends: 'fit.yaml' has only some values of a machine, and those of 'mtia_2i' would win; "
        "name it behind 'mtia_2i'"
    )
    assert machine("extends: [mtia_2i, fit.yaml]\n").timing.engines.simd_latency_cycles == 7
    (tmp_path / "base.yaml").write_text(MINIMAL)
    assert machine("extends: [base.yaml, mtia_2i]\n").clock_hz == load_machine("mtia_2i").clock_hz


@pytest.mark.parametrize("text", [FRAGMENT, f"name: chip\n{FRAGMENT}"])
def test_a_fragment_is_no_machine(tmp_path, message, text):
    assert message(text) == one(
        "chip.yaml: has only some values of a machine (timing); "
        f"take them in with: extends: [MACHINE, {tmp_path / 'chip.yaml'}]"
    )


def test_a_fragment_with_a_slip_is_told_what_is_wrong_in_it(message):
    said = message(FRAGMENT.replace("measured", "measurd"))
    assert "kind 'measurd' is unknown; did you mean 'measured'?" in said
    assert "take them in with" in said
    assert "missing" not in said


def test_a_circle_of_two_files(tmp_path, message):
    (tmp_path / "other.yaml").write_text("extends: chip.yaml\n")
    assert message("extends: other.yaml\n") == one(
        "other.yaml:1:10: extends: 'chip.yaml' leads back to itself; break the circle"
    )


def test_a_fault_in_the_extended_file_is_located_there(tmp_path, message):
    (tmp_path / "base.yaml").write_text(changed("clock: 1 GHz", "clock: 1 GB"))
    assert message("extends: base.yaml\nname: chip\n") == one(
        "base.yaml:7:8: clock: '1 GB' is not a frequency; units allowed: Hz, kHz, MHz, GHz"
    )


def test_an_extending_file_may_cite_the_sources_of_its_base(tmp_path, machine):
    (tmp_path / "base.yaml").write_text(MINIMAL)
    chip = machine("extends: base.yaml\nclock: {value: 2 GHz, kind: published, source: 'PAPER, table 2'}\n")
    assert chip.clock_hz == 2e9
    assert chip.provenance["clock"].source == "PAPER, table 2"
    assert chip.sources == {"PAPER": "A paper, 2026"}


def test_null_takes_a_value_of_the_base_away(tmp_path, machine):
    (tmp_path / "base.yaml").write_text(MINIMAL + "simd: {lanes: {fp32: 8, fp16: 16}, flop_per_lane: 1}\n")
    chip = machine("extends: base.yaml\nvector: null\nsimd: {lanes: {fp16: null}}\n")
    assert chip.vector is None
    assert chip.simd.lanes == {"fp32": 8}
    assert [path for path in chip.provenance if path.startswith(("vector", "simd"))] == [
        "simd.lanes.fp32",
        "simd.flop_per_lane",
    ]


NULLS = {
    "drm: null": "chip.yaml:2:6: drm: unknown key; did you mean 'dram'?",
    "power: {tipical: null}": "chip.yaml:2:18: power.tipical: unknown key; did you mean 'typical'?",
    "clock: null": "chip.yaml:2:8: clock: missing; it has no default",
}


@pytest.mark.parametrize("line", NULLS)
def test_null_does_not_hide_a_slip(tmp_path, message, line):
    (tmp_path / "base.yaml").write_text(MINIMAL)
    assert message(f"extends: base.yaml\n{line}\n") == one(NULLS[line])


def test_a_name_is_that_of_the_file_unless_it_is_written(tmp_path, machine):
    (tmp_path / "base.yaml").write_text(MINIMAL)
    (tmp_path / "fast.YML").write_text("extends: base.yaml\nclock: 2 GHz\n")
    assert load_machine(tmp_path / "base.yaml").name == "chip"
    assert load_machine(tmp_path / "fast.YML").name == "fast"
    assert machine("extends: fast.YML\nname: faster\n").name == "faster"
