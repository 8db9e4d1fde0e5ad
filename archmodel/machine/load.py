"""Find machine files, resolve ``extends:`` and overrides, and build `Machine` with the provenance of every leaf."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_type_hints

from archmodel.dtypes import DTYPES
from archmodel.errors import Fault, InputError, UnknownNameError
from archmodel.inputs import Document, KeyPath, annotation_at, build, in_reading_order, is_file, keys_at, read_yaml
from archmodel.machine.dram_technology import DramTechnology
from archmodel.machine.fragments import fragment_faults, order_faults
from archmodel.machine.sourced import merge, merge_sources, number_or_text, override, split_leaves, why_not_settable
from archmodel.machine.timing import VectorTiming
from archmodel.machine.types import Machine, Provenance
from archmodel.units import yaml_key

SUBJECT = "machine description"
_LABELS = (
    "name",
    "title",
    "vendor",
    "status",
    "process",
    "notes",
)  # text about the machine, not physical values
_NO_VALUES = (*_LABELS, "sources", "extends")


@cache
def preset_paths() -> Mapping[str, Path]:
    """Map the name of every shipped machine to its file."""
    folder = Path(str(files("archmodel.machine") / "presets"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def machine_names() -> tuple[str, ...]:
    """Names of the shipped machines, sorted."""
    return tuple(preset_paths())


@cache
def dram_technologies() -> Mapping[str, Path]:
    """Map the name of every DRAM technology that is described to its file."""
    folder = Path(str(files("archmodel.machine") / "dram"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


@cache
def load_dram(name: str) -> DramTechnology:
    """Load a DRAM technology.

    Parameters
    ----------
    name
        As ``dram.technology`` of a machine gives it; one of `dram_technologies`.

    Raises
    ------
    UnknownNameError
        When none has that name.
    InputError
        When the file is wrong; lists every fault.
    """
    if name not in dram_technologies():
        raise UnknownNameError("DRAM technology", name, dram_technologies())
    faults: list[Fault] = []
    document, provenance = _resolve(dram_technologies()[name], (), faults)
    if faults:
        raise InputError("DRAM technology", in_reading_order(faults))
    return dataclasses.replace(build(DramTechnology, document), provenance=provenance)


def count_channels(machine: Machine) -> int | None:
    """Count the channels that the DRAM bandwidth of a machine is spread over; ``None`` where none are described."""
    timing = machine.timing.dram if machine.timing else None
    if timing is None:
        return None
    channel_bytes_per_s = timing.pin_rate_bytes_per_s * load_dram(machine.dram.technology).n_pins
    return max(1, round(machine.dram.bandwidth_bytes_per_s / channel_bytes_per_s))


def load_machine(name: str | Path, overrides: Mapping[str, str] | None = None) -> Machine:
    """Load a machine.

    Parameters
    ----------
    name
        A shipped machine (`machine_names`) or the path of a ``.yaml`` file.
    overrides
        Values by dotted path, as a file would write them, e.g. ``{"sram.capacity": "512 MiB"}``.

    Raises
    ------
    UnknownNameError
        When no machine has that name.
    InputError
        When the file or an override is wrong; lists every fault.
    """
    faults: list[Fault] = []
    path = _find(name)
    document, provenance = _resolve(path, (), faults)
    fragment = fragment_faults(document, path)
    if fragment:
        raise InputError(SUBJECT, in_reading_order([*faults, *fragment]))
    if overrides:
        document, provenance = override(document, provenance, overrides, _settable, "--set", faults)
    try:
        machine = build(Machine, document)
    except InputError as error:
        raise InputError(SUBJECT, in_reading_order([*faults, *error.faults])) from None
    faults.extend(contradictions(machine, document))
    if faults:
        raise InputError(SUBJECT, in_reading_order(faults))
    return dataclasses.replace(machine, provenance=provenance)


def own_files(path: str | Path) -> list[Path]:
    """List the files that a description consists of: itself, and those that it extends and that are not shipped.

    Parameters
    ----------
    path
        A ``.yaml`` file.

    Raises
    ------
    InputError
        When one of them cannot be read.
    """
    found, shipped = [Path(path)], {*preset_paths().values()}
    for each in found:
        extended = _extended(read_yaml(each, SUBJECT), each, (each.resolve(),))
        found += [base for base in extended if base not in shipped and base not in found]
    return found


def _find(name: str | Path) -> Path:
    if is_file(name):
        return Path(name)
    paths = preset_paths()
    if str(name) not in paths:
        raise UnknownNameError("machine", str(name), paths, hint="or give the path of a .yaml file")
    return paths[str(name)]


def _resolve(path: Path, seen: tuple[Path, ...], faults: list[Fault]) -> tuple[Document, dict[str, Provenance]]:
    """Read a file over those it extends; marks and provenance travel with their values.

    Keys of the file win over those of the files it extends, and among these later ones over earlier ones; ``null``
    takes a value (or a whole group) away. A name is not inherited: without one, a machine is named after its file.
    """
    document = read_yaml(path, SUBJECT)
    seen = (*seen, path.resolve())
    base, provenance = Document(SUBJECT, {}, {}), dict[str, Provenance]()
    trees: list[Mapping[str, Any]] = []
    for extended in _extended(document, path, seen):
        over, notes = _resolve(extended, seen, faults)
        trees.append(over.tree)
        base = Document(SUBJECT, merge(base.tree, over.tree), {**base.marks, **over.marks})
        provenance |= notes
    faults.extend(order_faults(document, trees))
    tree = split_leaves(document, _NO_VALUES, merge_sources(document, base), provenance, faults)
    tree.pop("extends", None)
    if tree.pop("provenance", None) is not None:
        faults.append(
            Fault(document.where(("provenance",)), "provenance: unknown key; give 'source' beside each value")
        )
    tree.setdefault("name", path.stem)
    tree = merge(base.tree, tree)
    kept = {dotted: note for dotted, note in provenance.items() if _at(tree, tuple(dotted.split("."))) is not None}
    return Document(SUBJECT, tree, {**base.marks, **document.marks}), kept


def _extended(document: Document, path: Path, seen: tuple[Path, ...]) -> list[Path]:
    """Find the files that a file extends, one or a list: files beside it (``base.yaml``) or shipped machines."""
    given, found = document.tree.get("extends"), []
    for key, name in enumerate(given) if isinstance(given, list) else [("", given)] if given is not None else []:
        where = document.where(("extends", str(key)))
        if not isinstance(name, str):
            text = f"extends: {name!r} is not a machine; give a name or a .yaml file beside this one"
            raise InputError(SUBJECT, [Fault(where, text)])
        try:
            base_path = path.parent / name if is_file(name) else _find(name)
        except UnknownNameError as error:
            raise InputError(SUBJECT, [Fault(where, f"extends: {error.faults[0].text}")]) from None
        if base_path.resolve() in seen:
            raise InputError(SUBJECT, [Fault(where, f"extends: {name!r} leads back to itself; break the circle")])
        found.append(base_path)
    return found


def _settable(path: KeyPath) -> list[str]:
    """Keys below a path that can be set; the rest of a description is not physical, or only compared with."""
    if path[-1:] in (("macs_per_cycle",), ("lanes",)):
        return list(DTYPES)
    hidden = {*_LABELS, "sources", "published", "provenance"} if not path else set()
    return [key for key in keys_at(Machine, path) if key not in hidden]


def whole_value(dotted: str, value: int) -> str:
    """Write a whole number as a machine file has it: ``12 cycles`` where cycles are meant, ``12`` for a count.

    Parameters
    ----------
    dotted
        Path of the value, e.g. ``timing.engines.simd_latency``.
    value
        The number.

    Raises
    ------
    ValueError
        When there is no such value, or it is neither, or the number is not allowed there; says why.
    """
    from pydantic import TypeAdapter, ValidationError

    path = tuple(dotted.split("."))
    reason = why_not_settable(path, _settable)
    if reason:
        raise ValueError(reason)
    group = annotation_at(Machine, path[:-1])
    hints = get_type_hints(group, include_extras=True) if dataclasses.is_dataclass(group) else {}
    hint = next((hint for name, hint in hints.items() if yaml_key(name) == path[-1]), str)
    for text in () if hint is str else (f"{value} cycles", str(value)):
        with suppress(ValidationError):
            TypeAdapter(hint).validate_python(number_or_text(text))
            return text
    raise ValueError(f"{value} cycles, or as many of something, cannot be its value")


def _at(tree: Any, path: KeyPath) -> Any:
    for part in path:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def contradictions(machine: Machine, document: Document) -> list[Fault]:
    """Find what no single field shows: engines that are both absent, memories out of order; ``document`` locates it."""
    faults = []
    if machine.simd is None and machine.vector is None:
        faults.append(
            Fault(document.where(("simd",)), "simd, vector: give at least one; elementwise work has no engine")
        )
    if machine.timing is not None:
        dma = machine.timing.dma
        if (dma.bucket_bytes is None) != (dma.bucket_rate_bytes_per_cycle is None):
            where = document.where(("timing", "dma"))
            faults.append(Fault(where, "timing.dma: give bucket and bucket_rate, or neither; a leaky bucket has both"))
        faults += _vector_faults(machine, machine.timing.vector, document)
        faults += _dram_faults(machine, document)
    wave = machine.wave
    if wave is not None and 4 * wave.tile_rows * wave.tile_cols > wave.accumulators_bytes:
        needed = f"{4 * wave.tile_rows * wave.tile_cols} B for tile_rows x tile_cols sums of 4 B"
        where = document.where(("wave", "accumulators"))
        faults.append(Fault(where, f"wave.accumulators: no tile fits; give at least {needed}"))
    if machine.sram.capacity_bytes > machine.dram.capacity_bytes:
        faults.append(Fault(document.where(("sram", "capacity")), "sram.capacity: larger than dram.capacity; swapped?"))
    return faults


def _vector_faults(machine: Machine, vector: VectorTiming | None, document: Document) -> list[Fault]:
    """Find what is no RISC-V vector core: sizes of registers or groups, data paths that are wider than the lanes."""
    if vector is None:
        return []
    lengths = [2**i for i in range(5, 17)]
    found = []
    if vector.vlen not in lengths:
        found.append(("vlen", f"no register has {vector.vlen} bits; allowed: powers of two from 32 to 65536"))
    elif vector.dlen not in lengths or vector.dlen > vector.vlen:
        found.append(("dlen", f"{vector.dlen} does not fit vlen {vector.vlen}; allowed: powers of two from 32 to vlen"))
    if vector.lmul not in (1, 2, 4, 8):
        found.append(("lmul", f"no group has {vector.lmul} registers; allowed: 1, 2, 4, 8"))
    n_cores = vector.n_cores or 1
    least = n_cores * vector.dlen / 32
    for dtype, lanes in machine.vector.lanes.items() if machine.vector and not found else ():
        if lanes < least:
            text = f"data paths of {n_cores} x {vector.dlen} bits have {least:g} lanes of fp32"
            found.append(("dlen", f"{text}, vector.lanes.{dtype} is {lanes:g}; give both, or a narrower data path"))
            break
    return [Fault(document.where(("timing", "vector", key)), f"timing.vector.{key}: {text}") for key, text in found]


def _dram_faults(machine: Machine, document: Document) -> list[Fault]:
    """Find channels of a technology that is not described."""
    name = machine.dram.technology
    if machine.timing is None or machine.timing.dram is None or name in dram_technologies():
        return []
    known = ", ".join(dram_technologies())
    text = (
        f"dram.technology: 'timing.dram' needs one that is described: {known}; {name!r} is not. Take 'timing.dram' away"
    )
    return [Fault(document.where(("dram", "technology")), f"{text} (null), or name one of them")]
