"""Golden model and coverage of embedding bags, softmax and layer norm on the processing element, in whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

Ints = np.ndarray


def golden_rows(parameters: dict[str, int], rows: dict[str, Any], kernel: str) -> list[int]:
    """Beats that are stored, in order: results tile by tile, which is row by row."""
    x = np.array(rows["x"], np.int64)
    results = {"embedding_bag": _add_up, "softmax": _softmax, "layer_norm": _layer_norm}[kernel](x, rows)
    image = (results if rows["is_wide"] else _saturated(results)).astype("<i4" if rows["is_wide"] else "i1").tobytes()
    width, bits = parameters["WIDTH"], parameters["ADDRESS"]
    return [
        ((rows["results"] + i) % (1 << bits) << width.bit_length() | width) << 8 * width
        | int.from_bytes(image[i : i + width], "little")
        for i in range(0, len(image), width)
    ]


def _add_up(x: Ints, rows: dict[str, Any]) -> Ints:
    """Add up the rows that each bag names, and round them to the format of results."""
    bags = np.array(rows["indices"]).reshape(-1, rows["per_bag"])
    sums = x[bags].sum(axis=1)
    return sums if rows["is_wide"] else (sums + (1 << rows["shift"] >> 1)) >> rows["shift"]


def _softmax(x: Ints, rows: dict[str, Any]) -> Ints:
    exponentials, reciprocals = np.array(rows["exponentials"]), np.array(rows["reciprocals"])
    x = x * rows["scale"] + rows["offset"]
    below = np.minimum(x.max(axis=1, keepdims=True) - x, len(exponentials) - 1)
    e = exponentials[::-1][below]
    return e * reciprocals[e.sum(axis=1, keepdims=True) >> rows["dropped"]] >> rows["fraction"]


def _layer_norm(x: Ints, rows: dict[str, Any]) -> Ints:
    x = x * rows["scale"] + rows["offset"]
    difference = x + (x.sum(axis=1, keepdims=True) * rows["share"] >> rows["mean_bits"])
    squares = (difference**2).sum(axis=1, keepdims=True)
    y = difference * np.array(rows["roots"])[squares >> rows["dropped"]] >> rows["fraction"]
    return (y * np.array(rows["gains"]) >> rows["gain_bits"]) + np.array(rows["shifts"])


def _saturated(x: Ints) -> Ints:
    return np.clip(x, -128, 127)


def row_bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say which kernel was played on what, how its loops went, and who waited for whom."""
    rows, events = stimulus["rows"], measured["events"]
    turns, rest = divmod(rows["n_elements"], rows["n_per_turn"])
    first_tile = rows["indices"][0] if rows["indices"] else []
    is_hit = {
        f"{stimulus['kernel']}_{'int32' if rows['is_wide'] else 'int8'}": True,
        "several_turns": turns > 1,
        "part_of_a_turn": rest > 0,
        "several_rows": rows["rows_per_tile"] > 1,
        "repeated_index": len(set(first_tile)) < len(first_tile),
        "vector_waits_for_load": _starts_with(events, "vector", "load"),
        "vector_waits_for_simd": _starts_with(events, "vector", "simd"),
        "simd_waits_for_vector": _starts_with(events, "simd", "vector"),
        "loops_back_to_back": not set(events["vector_end"]).isdisjoint(events["vector_start"]),
        "gather_waits_for_indices": rows["per_bag"] > 0 and _starts_with(events, "load", "load"),
    }
    return {name for name, is_so in is_hit.items() if is_so}


def _starts_with(events: dict[str, list[int]], unit: str, awaited: str) -> bool:
    """Whether a command started in the cycle in which a result of another one came, its unit being free before."""
    starts, free_at = events[f"{unit}_start"], [0, *events[f"{unit}_end"]]
    results = set(events[f"{awaited}_visible"])
    return any(start > free and start in results for start, free in zip(starts, free_at, strict=False))
