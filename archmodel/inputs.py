"""Read YAML files into frozen dataclasses; every fault is found, located and reported at once.

The dataclass is the schema: a field ``clock_hz: Annotated[float, Quantity("frequency")]`` is the key ``clock``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import yaml

from archmodel.errors import Fault, InputError, suggest
from archmodel.units import yaml_key

T = TypeVar("T")
KeyPath = tuple[str, ...]

SCHEMA: Any = {"extra": "forbid", "alias_generator": yaml_key}
"""What a dataclass that is read from a file sets as its ``__pydantic_config__``."""

_MAX_BYTES = 1_000_000
_LIST_FAULTS = ("is_instance_of", "sequence_str", "tuple_type", "list_type", "too_long", "too_short")  # of pydantic


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


class _Loader(yaml.SafeLoader):
    """YAML as PyYAML reads it, but 1e9 is a number, as YAML 1.2 and JSON have it."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def is_file(name: str | Path) -> bool:
    """Tell the path of a YAML file from a name."""
    return str(name).lower().endswith((".yaml", ".yml"))


def read_yaml(path: Path, subject: str) -> Document:
    """Parse one YAML file.

    Anchors are refused (a description has no use for them, and nested ones expand without bound), as are repeated keys.

    Raises
    ------
    InputError
        When the file cannot be read, is not UTF-8, is not YAML, repeats a key or is not a mapping.
    """
    document = _parse(path.name, _read_text(path, subject), subject)
    return Document(subject, document.tree, dict(document.marks))  # readers note where values of theirs stand


@lru_cache(maxsize=64)  # a sweep reads the files of one machine once per value of its axes
def _parse(name: str, text: str, subject: str) -> Document:
    marks: dict[KeyPath, str] = {(): name}
    faults: list[Fault] = []
    try:
        anchor = next((t for t in yaml.scan(text) if isinstance(t, yaml.AnchorToken | yaml.AliasToken)), None)
        if anchor:
            why = "anchors and aliases (& and *) are not allowed; write the value out"
            raise InputError(subject, [Fault(_where(name, anchor.start_mark), why)])
        loader = _Loader(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise InputError(subject, [Fault(name, "must be a mapping of keys to values")])
        tree = _to_value(loader, root, (), name, marks, faults)
    except yaml.MarkedYAMLError as error:
        where = _where(name, error.problem_mark) if error.problem_mark else name
        why = ": ".join(part for part in (error.context, error.problem) if part)
        raise InputError(subject, [Fault(where, f"is not YAML: {why}")]) from None
    except yaml.YAMLError as error:
        raise InputError(subject, [Fault(name, f"is not YAML: {str(error).splitlines()[0]}")]) from None
    except RecursionError:
        raise InputError(subject, [Fault(name, "is nested too deeply; a few levels are enough")]) from None
    if faults:
        raise InputError(subject, faults)
    return Document(subject, tree, marks)


def _read_text(path: Path, subject: str) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(subject, [Fault(str(path), f"cannot be read: {error.strerror}")]) from error
    if len(raw) > _MAX_BYTES:
        raise InputError(subject, [Fault(path.name, f"is {len(raw)} bytes long; at most {_MAX_BYTES} are read")])
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(
            subject, [Fault(f"{path.name}:{line}", "is not UTF-8 text; save the file as UTF-8")]
        ) from error


def _where(name: str, mark: yaml.Mark) -> str:
    return f"{name}:{mark.line + 1}:{mark.column + 1}"


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
            if not isinstance(key_node, yaml.ScalarNode):
                faults.append(Fault(_where(name, key_node.start_mark), "a key must be a word"))
                continue
            key = str(key_node.value)
            if key in tree:
                where = _where(name, key_node.start_mark)
                faults.append(Fault(where, f"{'.'.join((*path, key))}: key given twice; keep one"))
                continue
            marks[(*path, key)] = _where(name, value_node.start_mark)
            tree[key] = _to_value(loader, value_node, (*path, key), name, marks, faults)
        return tree
    if isinstance(node, yaml.SequenceNode):
        marks |= {(*path, str(idx)): _where(name, item.start_mark) for idx, item in enumerate(node.value)}
        return [_to_value(loader, item, (*path, str(idx)), name, marks, faults) for idx, item in enumerate(node.value)]
    try:
        return loader.construct_object(node)
    except (ValueError, yaml.YAMLError) as error:
        why = error.problem if isinstance(error, yaml.MarkedYAMLError) else error
        faults.append(Fault(_where(name, node.start_mark), f"{'.'.join(path)}: {why}"))
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
    from pydantic import ValidationError

    try:
        adapter = _adapter(cast("Any", schema))
        return cast("T", adapter.validate_python(dict(document.tree if tree is None else tree)))
    except ValidationError as error:
        faults = [_to_fault(schema, document, detail) for detail in error.errors()]
        raise InputError(document.subject, in_reading_order(faults)) from None


@cache
def _adapter(schema: type) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(schema)


def _to_fault(schema: type, document: Document, detail: Any) -> Fault:
    path = tuple(str(part) for part in detail["loc"] if part != "[key]")
    kind = detail["type"]
    if kind in ("missing", "missing_argument") and path[-1].isdigit():  # items that a list lacks: blame the list
        path, kind = path[:-1], "too_short"
    return Fault(document.where(path), f"{'.'.join(path)}: {_why(schema, path, kind, detail)}")


def _why(schema: type, path: KeyPath, kind: str, detail: Any) -> str:
    """Say what is wrong with the value at a path, and what is allowed."""
    given, hint = detail["input"], annotation_at(schema, path)
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key; {suggest(path[-1], keys_at(schema, path[:-1]))}"
    if kind in ("missing", "missing_argument"):
        return "missing; it has no default"
    if kind == "dataclass_type":
        return f"{given!r} is not a group of values; its keys: {', '.join(keys_at(schema, path))}"
    if kind in ("dict_type", "mapping_type"):
        return f"{given!r} is not a mapping of keys to values"
    if kind in _LIST_FAULTS:
        is_fixed = get_origin(hint) is tuple and Ellipsis not in get_args(hint)
        return f"{given!r} is not a list" + (f" of {len(get_args(hint))} items" if is_fixed else "")
    if kind == "literal_error":
        return f"{given!r} is not known; allowed: {', '.join(get_args(hint))}"
    if kind == "string_type":
        return f"{given!r} is not text; put it in quotes if it is meant so"
    return f"{given!r} is not allowed: {detail['msg']}"


def in_reading_order(faults: Iterable[Fault]) -> list[Fault]:
    """Sort faults by file, line and column; those without a position come first."""
    return sorted(faults, key=_position)


def _position(fault: Fault) -> tuple[str, int, int]:
    name, _, position = fault.where.partition(":")
    line, _, column = position.partition(":")
    return (name, int(line or 0), int(column or 0)) if (line + column).isdigit() else (name, 0, 0)


def annotation_at(schema: type, path: KeyPath) -> Any:
    """Follow the annotations of a dataclass along a path; ``None`` where they end."""
    here: Any = schema
    for part in path:
        if is_dataclass(here):
            hints = _hints(here if isinstance(here, type) else type(here))
            here = next((hint for field, hint in hints.items() if yaml_key(field) == part), None)
        else:  # an item: those of a tuple have an annotation each or share one, as those of lists and mappings do
            items = [item for item in get_args(here) if item is not Ellipsis]
            idx = min(int(part), len(items) - 1) if get_origin(here) is tuple and part.isdigit() else -1
            here = items[idx] if items else None
        if NoneType in get_args(here):
            here = next(option for option in get_args(here) if option is not NoneType)
    return here


@cache  # asked for each value that is set, of each machine of a sweep
def _hints(schema: Any) -> dict[str, Any]:
    return get_type_hints(schema)


def keys_at(schema: type, path: KeyPath) -> Iterator[str]:
    """List the keys a file may hold at a path, for suggestions."""
    here = annotation_at(schema, path)
    if is_dataclass(here):
        yield from (yaml_key(field.name) for field in fields(here))
