"""Find machine files, resolve ``extends:`` and overrides, and build `Machine` with the provenance of every leaf."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from archmodel.dtypes import DTYPES
from archmodel.errors import Fault, InputError, UnknownNameError, suggest
from archmodel.inputs import Document, KeyPath, build, keys_at, read_yaml
from archmodel.machine.types import Kind, Machine, Provenance

SUBJECT = "machine description"
_LABELS = (
    "name",
    "title",
    "vendor",
    "status",
    "process",
    "notes",
)  # text about the machine, not physical values
_LEAF_KEYS = ("value", "kind", "source")


@cache
def preset_paths() -> Mapping[str, Path]:
    """Map the name of every shipped machine to its file."""
    folder = Path(str(files("archmodel.machine") / "presets"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def machine_names() -> tuple[str, ...]:
    """Names of the shipped machines, sorted."""
    return tuple(preset_paths())


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
    document, provenance = _resolve(_find(name), ())
    if overrides:
        document, provenance = _override(document, provenance, overrides)
    machine = build(Machine, document)
    faults = list(_contradictions(machine, document))
    if faults:
        raise InputError(SUBJECT, faults)
    return dataclasses.replace(machine, provenance=provenance)


def _find(name: str | Path) -> Path:
    if str(name).endswith((".yaml", ".yml")):
        return Path(name)
    paths = preset_paths()
    if str(name) not in paths:
        raise UnknownNameError("machine", str(name), paths, hint="or give the path of a .yaml file")
    return paths[str(name)]


def _resolve(path: Path, seen: Sequence[Path]) -> tuple[Document, dict[str, Provenance]]:
    """Read a file over the one it extends. Keys of the file win; marks and provenance travel with their values."""
    document = read_yaml(path, SUBJECT)
    if path in seen:
        raise InputError(SUBJECT, [Fault(document.where(("extends",)), f"extends: {path.name} extends itself")])
    faults: list[Fault] = []
    provenance: dict[str, Provenance] = {}
    sources = document.tree.get("sources", {})
    tree = _split_leaves(document.tree, (), document, sources if isinstance(sources, dict) else {}, provenance, faults)
    if "provenance" in tree:
        faults.append(
            Fault(document.where(("provenance",)), "provenance: unknown key; give 'source' beside each value")
        )
    base_name = tree.pop("extends", None)
    marks = document.marks
    if base_name is not None:
        sibling = path.parent / str(base_name)
        try:
            base_path = sibling if sibling.suffix in (".yaml", ".yml") else _find(str(base_name))
        except UnknownNameError as error:
            faults.append(Fault(document.where(("extends",)), f"extends: {error.faults[0].text}"))
        else:
            base, base_provenance = _resolve(base_path, (*seen, path))
            tree = _merge(base.tree, tree)
            marks = {**base.marks, **marks}
            provenance = {**base_provenance, **provenance}
    if faults:
        raise InputError(SUBJECT, faults)
    return Document(SUBJECT, tree, marks), provenance


def _split_leaves(
    node: Any,
    path: KeyPath,
    document: Document,
    sources: Mapping[str, str],
    provenance: dict[str, Provenance],
    faults: list[Fault],
) -> Any:
    """Replace ``{value, kind, source}`` by the value and write down the rest."""
    dotted = ".".join(path)
    if path and path[0] in (*_LABELS, "sources", "extends"):
        return node
    if isinstance(node, dict) and "value" in node:
        for key in node.keys() - set(_LEAF_KEYS):
            faults.append(
                Fault(document.where((*path, key)), f"{dotted}.{key}: unknown key; {suggest(key, _LEAF_KEYS)}")
            )
        kind, source = node.get("kind"), str(node.get("source", ""))
        if kind not in get_args(Kind):
            allowed = ", ".join(get_args(Kind))
            faults.append(Fault(document.where((*path, "kind")), f"{dotted}: kind {kind!r} is not one of {allowed}"))
        elif kind == "published" and source.split(",")[0] not in sources:
            near = suggest(source.split(",")[0], sources)
            faults.append(
                Fault(
                    document.where((*path, "source")),
                    f"{dotted}: source {source!r} names no key of 'sources'; {near}",
                )
            )
        elif not source:
            faults.append(
                Fault(
                    document.where(path),
                    f"{dotted}: needs a source: where the number is from, or why it is assumed",
                )
            )
        value = node["value"]
        leaves = {(*path, str(key)): item for key, item in value.items()} if isinstance(value, dict) else {path: value}
        for leaf_path, item in leaves.items():
            document.marks.setdefault(leaf_path, document.where((*path, "value", *leaf_path[len(path) :])))
            provenance[".".join(leaf_path)] = Provenance(str(item), kind or "assumed", source)
        document.marks[path] = document.where((*path, "value"))
        return value
    if isinstance(node, dict):
        return {
            key: _split_leaves(child, (*path, key), document, sources, provenance, faults)
            for key, child in node.items()
        }
    if node is not None and path:
        provenance[dotted] = Provenance(str(node), "assumed", f"not stated in {document.marks[()]}")
    return node


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both_maps = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both_maps else value
    return merged


def _override(
    document: Document, provenance: Mapping[str, Provenance], overrides: Mapping[str, str]
) -> tuple[Document, dict[str, Provenance]]:
    tree, marks, noted = _merge(document.tree, {}), dict(document.marks), dict(provenance)
    faults = []
    for dotted, text in overrides.items():
        path = tuple(dotted.split("."))
        where = f"--set {dotted}"
        by_dtype = path[-2:-1] in (("macs_per_cycle",), ("lanes",))
        allowed = set(DTYPES) if by_dtype else {*keys_at(Machine, path[:-1])} - {"provenance"}
        if path[-1] not in allowed or isinstance(_at(tree, path), dict):
            hint = suggest(path[-1], [*allowed, *_keys_present(tree, path)])
            faults.append(Fault(where, f"no such value; {hint}; 'archmodel machines show' lists them"))
            continue
        value = _number_or_text(text)
        branch: dict[str, Any] = {path[-1]: value}
        for part in reversed(path[:-1]):
            branch = {part: branch}
        tree = _merge(tree, branch)
        marks[path] = where
        noted[dotted] = Provenance(text, "assumed", "set by the user")
    if faults:
        raise InputError(SUBJECT, faults)
    return Document(SUBJECT, tree, marks), noted


def _number_or_text(text: str) -> int | float | str:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _at(tree: Any, path: KeyPath) -> Any:
    for part in path:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def _keys_present(tree: Any, path: KeyPath) -> list[str]:
    node = _at(tree, path)
    return list(node) if isinstance(node, dict) else []


def _contradictions(machine: Machine, document: Document) -> list[Fault]:
    """What no single field shows: engines that are both absent, memories out of order."""
    faults = []
    if machine.simd is None and machine.vector is None:
        faults.append(
            Fault(document.where(("simd",)), "simd, vector: give at least one; elementwise work has no engine")
        )
    if machine.sram.capacity_bytes > machine.dram.capacity_bytes:
        faults.append(Fault(document.where(("sram", "capacity")), "sram.capacity: larger than dram.capacity; swapped?"))
    return faults
