"""What every shipped machine file keeps to."""

from __future__ import annotations

import dataclasses

import pytest

from archmodel.inputs import read_yaml
from archmodel.machine import load_machine, machine_names, preset_paths
from archmodel.units import yaml_key

NOT_PHYSICAL = {"name", "title", "vendor", "status", "process", "notes", "sources", "provenance"}
VARIANTS = {
    name: base
    for name, path in preset_paths().items()
    if (base := read_yaml(path, "machine description").tree.get("extends"))
}

every_machine = pytest.mark.parametrize("name", machine_names())


def leaves(value, path=()):
    """Dotted paths, as files write them, of every physical value of a machine."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            if path or field.name not in NOT_PHYSICAL:
                yield from leaves(getattr(value, field.name), (*path, yaml_key(field.name)))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif value is not None:
        yield ".".join(path)


@every_machine
def test_file_is_named_after_the_machine(name):
    assert load_machine(name).name == name


@every_machine
def test_every_value_has_provenance_and_provenance_has_a_value(name):
    machine = load_machine(name)
    assert set(machine.provenance) == set(leaves(machine))


@every_machine
def test_every_value_states_its_source(name):
    machine = load_machine(name)
    assert [path for path, note in machine.provenance.items() if note.source.startswith("not stated")] == []


@every_machine
def test_every_published_value_names_a_source(name):
    machine = load_machine(name)
    published = [note for note in machine.provenance.values() if note.kind == "published"]
    assert [note for note in published if note.source.split(",")[0] not in machine.sources] == []


@every_machine
def test_every_source_is_used(name):
    machine = load_machine(name)
    texts = [machine.notes, *(note.source for note in machine.provenance.values())]
    assert [key for key in machine.sources if not any(key in text for text in texts)] == []


@every_machine
def test_every_lane_engine_has_fp32_to_fall_back_on(name):
    machine = load_machine(name)
    engines = [engine for engine in (machine.simd, machine.vector) if engine]
    assert all("fp32" in engine.lanes for engine in engines)


@every_machine
def test_a_machine_that_does_not_exist_says_so(name):
    machine = load_machine(name)
    kinds = {note.kind for note in machine.provenance.values()}
    if machine.status == "hypothetical":
        assert "hypothetical" in machine.title.lower()
        assert kinds == {"assumed"}
    if machine.status == "announced":
        assert "announced" in machine.title
        assert machine.provenance["clock"].kind == "assumed"


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_variant_keeps_the_provenance_of_what_it_does_not_write(name):
    written = read_yaml(preset_paths()[name], "machine description").marks
    machine, base = load_machine(name), load_machine(VARIANTS[name])
    changed = {path for path, note in machine.provenance.items() if note != base.provenance.get(path)}
    parts = [path.split(".") for path in changed]
    assert [
        path for path in parts if tuple(path) not in written and (*path[:-1], "value", path[-1]) not in written
    ] == []
    assert 0 < len(changed) < len(base.provenance) / 2
