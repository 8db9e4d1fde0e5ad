"""Files whose numbers say where they are from: values, provenance and overrides, for any schema."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, get_args

from archmodel.errors import Fault, InputError, suggest
from archmodel.inputs import Document, KeyPath
from archmodel.machine.types import SET_BY_USER, Kind, Provenance

_LEAF_KEYS = ("value", "kind", "source")


def merge_sources(document: Document, base: Document) -> Mapping[str, str]:
    """Collect the citations that the leaves of a file may name: its own and those of the file it extends."""
    own = document.tree.get("sources") or {}
    if not isinstance(own, dict):
        raise InputError(
            document.subject,
            [Fault(document.where(("sources",)), "sources: must map short keys to citations, e.g. ISCA25: ...")],
        )
    return {**base.tree.get("sources", {}), **own}


def split_leaves(
    document: Document,
    labels: Collection[str],
    sources: Mapping[str, str],
    provenance: dict[str, Provenance],
    faults: list[Fault],
) -> dict[str, Any]:
    """Replace every ``{value, kind, source}`` of a file by its value and write down the rest.

    Parameters
    ----------
    document
        The file; gets a mark for every value.
    labels
        Keys of the file that are text about it, not physical values.
    sources
        Citations by the key that published values name.
    provenance, faults
        Collect the provenance of every value, and what is wrong.
    """
    kept = {key: node for key, node in document.tree.items() if key in labels}
    others = {key: node for key, node in document.tree.items() if key not in labels}
    return {**kept, **_split(others, (), document, sources, provenance, faults)}


def _split(
    node: Any,
    path: KeyPath,
    document: Document,
    sources: Mapping[str, str],
    provenance: dict[str, Provenance],
    faults: list[Fault],
) -> Any:
    dotted = ".".join(path)
    if isinstance(node, dict) and any(key in node for key in _LEAF_KEYS):
        faults.extend(_leaf_faults(node, path, document, sources))
        kind, source = node.get("kind"), str(node.get("source") or "")
        value = node.get("value")
        leaves = {(*path, str(key)): item for key, item in value.items()} if isinstance(value, dict) else {path: value}
        for leaf_path, item in leaves.items():
            document.marks.setdefault(leaf_path, document.where((*path, "value", *leaf_path[len(path) :])))
            text = str(item).lower() if isinstance(item, bool) else str(item)
            provenance[".".join(leaf_path)] = Provenance(text, kind or "assumed", source)
        document.marks[path] = document.where((*path, "value"))
        return value
    if isinstance(node, dict):
        return {key: _split(child, (*path, key), document, sources, provenance, faults) for key, child in node.items()}
    if node is not None and path:
        provenance[dotted] = Provenance(str(node), "assumed", f"not stated in {document.marks[()]}")
    return node


def _leaf_faults(
    leaf: Mapping[str, Any], path: KeyPath, document: Document, sources: Mapping[str, str]
) -> Iterator[Fault]:
    """Say what is wrong with a ``{value, kind, source}``, apart from the value itself."""
    dotted, kind, source = ".".join(path), leaf.get("kind"), str(leaf.get("source") or "")
    for key in leaf:
        if key not in _LEAF_KEYS:
            hint = suggest(key, _LEAF_KEYS)
            yield Fault(document.where((*path, key)), f"{dotted}.{key}: unknown key; {hint}")
    if "value" not in leaf:
        yield Fault(document.where(path), f"{dotted}: has no value; a number is given as value, kind and source")
    if kind not in get_args(Kind):
        given = "has no kind" if kind is None else f"kind {kind!r} is unknown"
        hint = suggest(str(kind), get_args(Kind)) if kind else f"give one of {', '.join(get_args(Kind))}"
        yield Fault(document.where((*path, "kind")), f"{dotted}: {given}; {hint}")
    if not source:
        yield Fault(
            document.where((*path, "source")),
            f"{dotted}: needs a source: where the number is from, or why it is assumed",
        )
    elif kind == "published" and source.split(",")[0] not in sources:
        hint = suggest(source.split(",")[0], sources) if sources else "'sources' is empty"
        yield Fault(
            document.where((*path, "source")),
            f"{dotted}: a published value begins its source with a key of 'sources', {source!r} does not; {hint}",
        )


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Put one tree over another; ``null`` removes a key of the base, and stays where there is none, to be checked."""
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, dict):
            below = merged.get(key)
            merged[key] = merge(below if isinstance(below, dict) else {}, value)
        elif value is None and key in merged:
            del merged[key]
        else:
            merged[key] = value
    return merged


def number_or_text(text: str) -> int | float | bool | str:
    """Read a value as a file would have it."""
    if text in ("true", "false"):
        return text == "true"
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def override(
    document: Document,
    provenance: Mapping[str, Provenance],
    overrides: Mapping[str, str],
    settable: Callable[[KeyPath], list[str]],
    option: str,
    faults: list[Fault],
) -> tuple[Document, dict[str, Provenance]]:
    """Put values given by dotted path over those of a file.

    Parameters
    ----------
    document, provenance
        The file as read.
    overrides
        Values by dotted path, as a file would write them.
    settable
        Lists the keys below a path that can be set.
    option
        Where they were given, for messages.
    faults
        Collects what is wrong.
    """
    tree, marks, noted = document.tree, dict(document.marks), dict(provenance)
    for dotted, text in overrides.items():
        path = tuple(dotted.split("."))
        reason = why_not_settable(path, settable)
        if reason:
            faults.append(Fault(option, f"{dotted}: {reason}"))
            continue
        branch: Any = number_or_text(text)
        for part in reversed(path):
            branch = {part: branch}
        tree = merge(tree, branch)
        marks[path] = option
        noted[dotted] = Provenance(text, "assumed", SET_BY_USER)
    return Document(document.subject, tree, marks), noted


def why_not_settable(path: KeyPath, settable: Callable[[KeyPath], list[str]]) -> str:
    """Say why a path is not that of a single value, or nothing if it is; ``settable`` lists the keys below a path."""
    for length, part in enumerate(path):
        allowed = settable(path[:length])
        if not allowed:
            return f"no such value; {'.'.join(path[:length])} is a single value"
        if part not in allowed:
            return f"no such value; {suggest(part, allowed)}"
    below = settable(path)
    return f"is a group of values; give one of them, e.g. {'.'.join(path)}.{below[0]}" if below else ""
