"""Convolutions, layout operators and gathers: more to do never takes notably less, and no model beats the bound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archmodel as am

SLACK = 1.1
"""Sizes that divide well may be faster than a little less: blocks are equal, the last one is padded."""
GROWN = {
    "conv2d": ["batch", "in_channels", "out_channels", "height", "width"],
    "transpose": ["rows", "cols"],
    "permute": ["n"],
    "gather": ["n", "dim"],
    "scatter": ["n", "dim"],
}
CASES = [(kind, dim) for kind, dims in GROWN.items() for dim in dims]
sizes = st.integers(1, 600)


def draw_dims(data, kind):
    if kind == "conv2d":
        channels = st.sampled_from([3, 16, 64, 96, 128, 256])
        edges = st.integers(7, 60)
        return {
            "batch": data.draw(st.integers(1, 4)), "in_channels": data.draw(channels),
            "out_channels": data.draw(channels), "height": data.draw(edges), "width": data.draw(edges),
            "kernel": data.draw(st.sampled_from([1, 3, 5])), "stride": data.draw(st.integers(1, 2)),
        }  # fmt: skip
    if kind == "transpose":
        return {"rows": data.draw(sizes), "cols": data.draw(sizes)}
    if kind == "permute":
        return {"n": data.draw(st.integers(1, 1_000_000))}
    return {"rows": 10_000, "dim": data.draw(sizes), "n": data.draw(sizes)}


def evaluate(machine, kind, dims):
    return am.evaluate_operator(am.machine(machine), kind, dtype="fp16", model="analytic", **dims)


@pytest.mark.parametrize(("kind", "grown"), CASES)
@settings(max_examples=4, deadline=None, derandomize=True)
@given(data=st.data())
def test_twice_as_much_takes_no_less(kind, grown, data):
    machine = data.draw(st.sampled_from(["mtia_2i", "rivos_like", "tt_wormhole_n150"]))
    dims = draw_dims(data, kind)
    less, more = (evaluate(machine, kind, dims | {grown: factor * dims[grown]}) for factor in (1, 2))
    assert less["cycles"] <= more["cycles"] * SLACK
    for row in (less, more):
        assert row["lower_s"] <= row["latency_s"] <= row["upper_s"]
