"""Estimates of pipelines: what is put in comes out, what cannot be told is not, and a machine takes them in."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archmodel as am
from archmodel.errors import InputError
from archmodel.kernels.pipeline import pipeline_events
from archmodel.kernels.simd_engine import simd_events
from archmodel.lowering.timing import lower_timing
from archmodel.machine.load import load_machine, whole_value
from archmodel.results import ResultTable
from archmodel.verify.bench import draw_points, load_law
from archmodel.verify.contract import Fit, find_unit
from archmodel.verify.fit import Words, find_words, fit_pipeline
from archmodel.verify.fragment import check_fits, missing_estimates, say_interval, write_fragment
from archmodel.verify.new_unit import make_unit
from archmodel.verify.stimulus import draw_gaps, ready_cycles

RNG = np.random.default_rng(3)


def run(latency, interval, depth, credit, in_gap, out_gap, n):
    entered, left = np.zeros((2, n), np.int64)
    pipeline_events(latency, interval, depth, credit, np.array(in_gap), np.array(out_gap), entered, left)
    return Words(ready_cycles(in_gap, entered), entered, left, ready_cycles(out_gap, left))


def play(latency, interval, depth, credit, n_points=30, n=30, longest=12):
    gaps = [[draw_gaps(RNG, n, longest=longest) for _ in range(2)] for _ in range(n_points)]
    gaps[:2] = [[0], [0]], [[0], [30]]  # nothing stalls; what leaves does
    return [run(latency, interval, depth, credit, *pair, n) for pair in gaps]


def estimates(points):
    return {row["parameter"]: row for row in fit_pipeline(points)}


def values(points):
    return tuple(row["value"] for row in fit_pipeline(points))


@pytest.mark.parametrize(
    "numbers", [(1, 1, 1, 0), (5, 1, 5, 0), (5, 1, 6, 1), (12, 3, 2, 1), (0, 1, 1, 1), (40, 2, 7, 0), (9, 16, 1, 1)]
)
def test_what_is_put_in_comes_out(numbers):
    latency, interval, depth, credit = numbers
    found = estimates(play(*numbers, n_points=60))
    assert found["latency"]["value"] == latency
    hides_interval = depth == 1 and latency + credit >= interval  # one after the other: the interval never counts
    assert found["interval"]["value"] == interval or hides_interval
    assert found["depth"]["low"] <= depth <= (found["depth"]["high"] or depth)
    assert all(row["is_explained"] and row["exact"] == 60 and row["rms_cycles"] == 0 for row in found.values())


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 9), st.integers(0, 1), st.integers(0, 10**6))
def test_the_truth_lies_in_the_interval(latency, interval, depth, credit, seed):
    rng = np.random.default_rng(seed)
    gaps = [[draw_gaps(rng, 20, longest=9) for _ in range(2)] for _ in range(12)]
    found = estimates([run(latency, interval, depth, credit, *pair, 20) for pair in gaps])
    for name, truth in (("latency", latency), ("interval", interval), ("depth", depth), ("credit", credit)):
        row = found[name]
        assert row["is_explained"]
        assert row["value"] in (None, truth)
        assert row["low"] <= truth
        assert row["high"] is None or truth <= row["high"]


def test_a_depth_that_is_never_reached_has_a_lower_bound_only():
    found = estimates([run(4, 1, 32, 1, [0], [0], 50) for _ in range(10)])
    assert found["latency"]["value"] == 4
    assert (found["depth"]["value"], found["depth"]["low"], found["depth"]["high"]) == (None, 4, None)
    assert say_interval(found["depth"]) == "at least 4"
    assert found["credit"]["value"] is None


def test_an_interval_that_is_shorter_than_all_gaps_has_an_upper_bound_only():
    found = estimates([run(4, 1, 8, 1, [6], [0], 20) for _ in range(10)])
    assert say_interval(found["interval"]) == "1 to 7"
    assert found["interval"]["value"] is None


def test_a_latency_that_the_taker_hides_has_an_upper_bound_only():
    points = [run(3, 1, 4, 1, [40], [50], 10) for _ in range(10)]
    assert say_interval(estimates(points)["latency"]) != "3 to 3"
    assert estimates(points)["latency"]["value"] is None


def test_one_word_tells_no_interval():
    row = estimates([run(3, 2, 4, 1, [0], [0], 1) for _ in range(10)])["interval"]
    assert (row["value"], row["low"], row["high"]) == (None, 1, None)


def test_what_one_point_in_thirty_tells_is_not_sure():
    points = [run(4, 1, 6, 1, [0], [0], 20) for _ in range(29)] + [run(4, 1, 6, 1, [0], [9], 20)]
    row = estimates(points)["depth"]
    assert (row["value"], row["low"], row["high"]) == (6, 4, None)  # drawn again, the points may lack the one


def test_a_latency_that_depends_on_the_word_is_no_such_law():
    points = play(5, 1, 6, 1)
    for words in points:
        words.left[::2] += 3
    found = estimates(points)["latency"]
    assert not found["is_explained"]
    assert (found["value"], found["low"], found["high"]) == (None, None, None)
    assert found["rms_cycles"] > 1
    assert say_interval(found) == "no such law"


def test_an_entrance_that_waits_for_something_else_leaves_the_latency():
    points = [words._replace(offered=words.offered - RNG.integers(0, 3, 30)) for words in play(5, 3, 6, 1)]
    late = [words._replace(entered=words.entered + 1, left=words.left + 1, wanted=words.wanted + 1) for words in points]
    found = estimates(late)
    assert found["latency"]["value"] == 5
    assert not found["interval"]["is_explained"]


def test_one_odd_point_of_thirty_does_not_change_the_law():
    points = play(5, 2, 4, 1)
    points[7].left[3] += 1
    points[7].wanted[4:] += 0
    row = estimates(points)["latency"]
    assert (row["value"], row["exact"], row["points"]) == (5, 29, 30)
    assert 0 < row["rms_cycles"] < 0.1


def test_the_law_is_that_of_the_elastic_pipeline_of_the_template(tmp_path):
    make_unit(tmp_path / "adder")
    unit = find_unit(str(tmp_path / "adder"))
    for build in unit.contract.builds:
        for point in draw_points(unit, build, 20):
            gaps = [point.stimulus[kind][name]["gap"] for kind, name in (("sources", "in"), ("sinks", "out"))]
            n, stages = len(point.expected["events"]["in"]), point.parameters["LATENCY"]
            words = run(stages, 1, stages, 0, *gaps, n)
            assert words.entered.tolist() == point.expected["events"]["in"]
            assert words.left.tolist() == point.expected["events"]["out"]


def test_the_law_is_that_of_the_pipe_with_credits_of_the_simd_engine():
    for latency, seed in product((1, 3, 16), range(5)):
        rng, n = np.random.default_rng(seed), 60
        gaps = [np.array(draw_gaps(rng, n, longest=25)) for _ in range(2)]
        one, none = np.ones(n, np.int64), np.zeros(n, np.int64)
        command, taken, operation, given_at = np.zeros((4, n), np.int64)
        simd_events(latency, one, one, none, np.zeros(1, np.int64), *gaps, command, taken, operation, given_at)
        words = run(latency, 1, latency + 1, 1, *gaps, n)
        assert words.entered.tolist() == taken.tolist()
        assert words.left.tolist() == given_at.tolist()


SHIPPED = {
    "simd_engine": lambda p: (p["LATENCY"], 1, p["LATENCY"] + 1, 1),
    "dpe": lambda p: (p["LATENCY"], 1, p["LATENCY"], 0),
}


@pytest.mark.parametrize(
    ("name", "build"), [(name, build) for name in SHIPPED for build in find_unit(name).contract.builds]
)
def test_shipped_blocks_have_the_numbers_that_their_readme_says(name, build):
    unit = find_unit(name)
    points = draw_points(unit, build, 40)
    words = [find_words(unit, point.parameters, point.stimulus, point.expected["events"]) for point in points]
    truth = SHIPPED[name](points[0].parameters)
    for row, value in zip(fit_pipeline(words), truth, strict=True):
        assert row["exact"] == 40
        assert row["value"] in (None, value)
        assert row["low"] <= value <= (row["high"] or value)
    assert values(words)[0] == truth[0]


def test_words_of_several_lengths_are_refused():
    unit = find_unit("dpe")
    (point,) = draw_points(unit, "small", 1)
    events = dict(point.expected["events"])
    events["out"] = events["out"][:-1]
    with pytest.raises(InputError, match=r"words\(\) gives lists of several lengths; offered: \d+, entered"):
        find_words(unit, point.parameters, point.stimulus, events)


def test_a_stream_that_is_not_there_is_told(tmp_path):
    make_unit(tmp_path / "adder")
    path = tmp_path / "adder" / "contract.yaml"
    path.write_text(path.read_text().replace("exit: out,", "exit: out, sink: answers,"))
    unit = find_unit(str(tmp_path / "adder"))
    (point,) = draw_points(unit, "short", 1)
    with pytest.raises(InputError, match="no stream 'answers' says when words are there"):
        find_words(unit, point.parameters, point.stimulus, point.expected["events"])


def row(parameter, value, machine, unit="my_pe", build="long"):
    return {
        "unit": unit, "build": build, "parameter": parameter, "value": value, "low": value, "high": value,
        "points": 25, "exact": 25, "rms_cycles": 0.0, "is_explained": value is not None, "searched": "",
        "machine": machine,
    }  # fmt: skip


def unit_of(name="my_pe", **fit):
    contract = SimpleNamespace(fit=Fit("in", "out", **fit), builds={"short": {}, "long": {}})
    return SimpleNamespace(name=name, contract=contract)


def test_a_machine_takes_the_fragment_in(tmp_path):
    rows = [
        row("latency", 29, "timing.engines.simd_latency"), row("depth", 4, "timing.core.queue_depth"),
        row("latency", 7, "timing.engines.simd_latency", build="short"), row("interval", None, "timing.core.issue"),
        row("credit", 1, None),
    ]  # fmt: skip
    path = tmp_path / "fit.yaml"
    written = write_fragment(ResultTable.from_rows(rows), [unit_of(build="long")], path)
    assert written == ["timing.engines.simd_latency", "timing.core.queue_depth"]
    (tmp_path / "chip.yaml").write_text("extends: [mtia_2i, fit.yaml]\nclock: 2 GHz\n")
    preset, chip = load_machine("mtia_2i"), load_machine(tmp_path / "chip.yaml")
    assert (chip.name, chip.clock_hz, chip.title) == ("chip", 2e9, preset.title)
    assert (chip.timing.engines.simd_latency_cycles, chip.timing.core.queue_depth) == (29, 4)
    assert chip.timing.core.issue_cycles == preset.timing.core.issue_cycles
    assert lower_timing(chip, chip.timing, "fp16", 0.0).simd_latency == 29
    dims = {"m": 64, "n": 64, "k": 64, "dtype": "fp16"}
    chips = [am.evaluate_operator(on, "matmul", **dims, model="cycle")["latency_s"] for on in (preset, chip)]
    assert chips[0] * preset.clock_hz != pytest.approx(chips[1] * chip.clock_hz)
    note = chip.provenance["timing.engines.simd_latency"]
    assert (note.text, note.kind) == ("29 cycles", "measured")
    assert note.source == "measured on RTL of my_pe, build long, 25 points, 25 of them exact; 95 % interval 29 to 29"


def test_without_estimates_no_older_fragment_stays(tmp_path):
    path = tmp_path / "fit.yaml"
    path.write_text("old")
    assert write_fragment(ResultTable.from_rows([row("latency", None, "timing.core.issue")]), [unit_of()], path) == []
    assert not path.exists()


def test_what_a_machine_gets_nothing_of_is_told_with_the_reason():
    cycles = "timing.engines.simd_latency"
    rows = [
        row("latency", 7, cycles, "told"), row("latency", 7, cycles, "other_build", "short"),
        row("latency", 7, None, "unnamed"), row("latency", None, cycles, "odd"),
        {**row("latency", None, cycles, "late"), "searched": "latency up to 4096"},
        {**row("latency", None, cycles, "wide"), "low": 2, "high": 4},
        {**row("latency", None, cycles, "stuck"), "points": 0},
    ]  # fmt: skip
    names = ["told", "other_build", "unnamed", "odd", "late", "wide", "stuck"]
    assert missing_estimates(ResultTable.from_rows(rows), [unit_of(name, build="long") for name in names]) == [
        "other_build, build long: which a machine has, was not played",
        "unnamed, build long: 'fit' in the contract names no value of a machine",
        f"odd, build long: {cycles}: no such law",
        f"late, build long: {cycles}: no such law with latency up to 4096",
        f"wide, build long: {cycles}: 2 to 4",
        f"stuck, build long: {cycles}: no words went through",
    ]


def test_without_words_there_are_rows_that_say_so():
    rows = fit_pipeline([])
    assert [(row["parameter"], row["value"], row["points"], row["is_explained"]) for row in rows] == [
        (name, None, 0, False) for name in ("latency", "interval", "depth", "credit")
    ]
    assert {say_interval(row) for row in rows} == {"no words went through"}


@pytest.mark.parametrize(
    ("numbers", "name", "said"),
    [
        ((5, 100, 8, 0), "interval", "no such law with interval up to 64"),
        ((200, 1, 150, 0), "depth", "no such law with depth up to 128"),
        ((5000, 1, 2, 0), "latency", "no such law with latency up to 4096"),
    ],
)
def test_what_is_beyond_the_search_is_told_from_what_no_law_explains(numbers, name, said):
    found = estimates([run(*numbers, [0], [0], 200) for _ in range(4)])
    assert not found[name]["is_explained"]
    assert say_interval(found[name]) == said


def test_blocks_that_cannot_be_fitted_together():
    twice = [unit_of(latency="timing.core.issue"), unit_of("other", latency="timing.core.issue"), find_unit("mesh")]
    with pytest.raises(InputError) as caught:
        check_fits(twice)
    assert [str(fault) for fault in caught.value.faults] == [
        "other: estimates timing.core.issue, as my_pe does; fit one after the other",
        f"{find_unit('mesh').folder / 'contract.yaml'}: has no 'fit'; name the ends of a pipeline, "
        "e.g. fit: {entry: in, exit: out}",
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("timing.engines.simd_latency", "7 cycles"), ("timing.core.queue_depth", "7"), ("timing.dma.outstanding", "7"),
        ("timing.noc.hop", "7 cycles"),
    ],
)  # fmt: skip
def test_a_number_is_written_as_a_machine_has_it(path, text):
    assert whole_value(path, 7) == text


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("timing.engines.latency", "no such value"), ("timing.engines", "is a group of values"),
        ("dram.bandwidth", "cannot be its value"), ("dram.technology", "cannot be its value"),
        ("timing.memory.is_cache", "cannot be its value"), ("timing.noc.topology", "cannot be its value"),
    ],
)  # fmt: skip
def test_other_values_of_a_machine_are_no_cycles(path, why):
    with pytest.raises(ValueError, match=why):
        whole_value(path, 7)


def test_a_contract_whose_fit_names_what_is_not_there(tmp_path):
    make_unit(tmp_path / "adder")
    path = tmp_path / "adder" / "contract.yaml"
    wrong = "fit: {entry: inn, exit: out, build: tall, latency: timing.engines.simd_latenzy}\n"
    path.write_text(path.read_text().partition("fit: ")[0] + wrong)
    with pytest.raises(InputError) as caught:
        find_unit(str(tmp_path / "adder"))
    assert [fault.text for fault in caught.value.faults] == [
        "fit.entry: no event 'inn'; did you mean 'in'?",
        "fit.build: no build 'tall'; allowed: long, short",
        "fit.latency: timing.engines.simd_latenzy: no such value; did you mean 'simd_latency'?",
    ]


def test_shipped_contracts_name_values_that_machines_have():
    named = {name: find_unit(name).contract.fit for name in SHIPPED}
    assert all(load_law(find_unit(name).folder).words for name in named)
    assert {fit.latency for fit in named.values()} == {"timing.engines.simd_latency", "timing.engines.matrix_latency"}
