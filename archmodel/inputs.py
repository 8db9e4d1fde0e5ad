"""Read YAML files into frozen dataclasses; every fault is found, located and reported at once.

The dataclass is the schema: a field ``clock_hz: Annotated[float, Quantity("frequency")]`` is the key ``clock``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import yaml

from archmodel.errors import Fault, InputError, suggest
from archmodel.units import yaml_key

T = TypeVar("T")
KeyPath = tuple[str, ...]

SCHEMA: Any = {"extra": "forbid", "alias_generator": yaml_key}
"""What a dataclass that is read from a file sets as its ``__pydantic_config__``."""

_MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: plain values, and where each key stands (``file:line:column``)."""

    subject: str
    tree: dict[str, Any]
    marks: dict[KeyPath, str]

    def where(self, path: KeyPath) -> str:
        """Locate a key path; a path that is not in the file is located at its nearest parent."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.marks:
                return self.marks[path[:length]]
        return ""


def read_yaml(path: Path, subject: str) -> Document:
    """Parse one YAML file.

    Anchors are refused (a description has no use for them, and nested ones expand without bound), as are repeated keys.

    Raises
    ------
    InputError
        When the file cannot be read, is not UTF-8, is not YAML, repeats a key or is not a mapping.
    """
    name = path.name
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(subject, [Fault(str(path), f"cannot be read: {error.strerror}")]) from error
    if len(raw) > _MAX_BYTES:
        raise InputError(subject, [Fault(name, f"is {len(raw)} bytes long; at most {_MAX_BYTES} are read")])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(subject, [Fault(f"{name}:{line}", "is not UTF-8 text; save the file as UTF-8")]) from error
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AnchorToken | yaml.AliasToken):
                where = f"{name}:{token.start_mark.line + 1}:{token.start_mark.column + 1}"
                raise InputError(
                    subject,
                    [Fault(where, "anchors and aliases (& and *) are not allowed; write the value out")],
                )
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise InputError(subject, [Fault(where, f"is not YAML: {error.problem}")]) from error
    except yaml.YAMLError as error:
        raise InputError(subject, [Fault(name, f"is not YAML: {error}")]) from error
    if not isinstance(root, yaml.MappingNode):
        raise InputError(subject, [Fault(name, "must be a mapping of keys to values")])
    marks: dict[KeyPath, str] = {(): name}
    faults: list[Fault] = []
    tree = _to_value(loader, root, (), name, marks, faults)
    if faults:
        raise InputError(subject, faults)
    return Document(subject, tree, marks)


def _to_value(
    loader: yaml.SafeLoader,
    node: yaml.Node,
    path: KeyPath,
    name: str,
    marks: dict[KeyPath, str],
    faults: list[Fault],
) -> Any:
    if isinstance(node, yaml.MappingNode):
        tree: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            where = f"{name}:{value_node.start_mark.line + 1}:{value_node.start_mark.column + 1}"
            key_where = f"{name}:{key_node.start_mark.line + 1}:{key_node.start_mark.column + 1}"
            if key in tree:
                faults.append(Fault(key_where, f"{'.'.join((*path, key))}: key given twice; keep one"))
                continue
            marks[(*path, key)] = where
            tree[key] = _to_value(loader, value_node, (*path, key), name, marks, faults)
        return tree
    if isinstance(node, yaml.SequenceNode):
        return [_to_value(loader, item, (*path, str(idx)), name, marks, faults) for idx, item in enumerate(node.value)]
    try:
        return loader.construct_object(node)
    except (ValueError, yaml.YAMLError) as error:
        where = f"{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
        faults.append(Fault(where, f"{'.'.join(path)}: {error}"))
        return None


def build(schema: type[T], document: Document, tree: Mapping[str, Any] | None = None) -> T:
    """Turn a document into a frozen dataclass.

    Parameters
    ----------
    schema
        The dataclass; its fields' annotations (`archmodel.units.Quantity`, `archmodel.units.Number`) check the values.
    document
        Locates faults.
    tree
        The values, if they are not the document's own tree.

    Raises
    ------
    InputError
        With every fault, in the order of the file.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(schema).validate_python(dict(document.tree if tree is None else tree))
    except ValidationError as error:
        faults = [_to_fault(schema, document, detail) for detail in error.errors()]
        raise InputError(document.subject, sorted(faults, key=_reading_order)) from None


def _to_fault(schema: type, document: Document, detail: Any) -> Fault:
    path = tuple(str(part) for part in detail["loc"] if part != "[key]")
    dotted = ".".join(path)
    allowed = list(keys_at(schema, path[:-1]))
    if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return Fault(document.where(path), f"{dotted}: unknown key; {suggest(path[-1], allowed)}")
    if detail["type"] in ("missing", "missing_argument"):
        return Fault(document.where(path), f"{dotted}: missing; every {document.subject} gives it")
    if detail["type"] == "value_error":
        return Fault(document.where(path), f"{dotted}: {detail['ctx']['error']}")
    return Fault(document.where(path), f"{dotted}: {detail['input']!r} is not allowed: {detail['msg']}")


def _reading_order(fault: Fault) -> tuple[str, int, int]:
    name, _, position = fault.where.partition(":")
    line, _, column = position.partition(":")
    return (name, int(line or 0), int(column or 0)) if (line + column).isdigit() else (name, 0, 0)


def keys_at(schema: type, path: KeyPath) -> Iterator[str]:
    """List the keys a file may hold at a path, for suggestions."""
    here: Any = schema
    for part in path:
        hints = get_type_hints(here) if is_dataclass(here) else {}
        matching = [hint for field, hint in hints.items() if yaml_key(field) == part]
        if not matching:
            return
        here = next((option for option in (matching[0], *get_args(matching[0])) if is_dataclass(option)), None)
    if is_dataclass(here):
        yield from (yaml_key(field.name) for field in fields(here))
