"""Files of timelines: trace events and charts."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import replace

import pytest

import archmodel as am
from archmodel.api import timeline
from archmodel.errors import InputError
from archmodel.report.gantt import gantt_info, plot_gantt
from archmodel.report.timeline import save_timeline
from archmodel.workload.single import operators_trace

MACHINE = am.machine("mtia_2i")
MATRIX_SHARE = ("matrix", "share")


def follow(**fields):
    lone = operators_trace("matmul", [{"m": 256, "n": 512, "k": 512}, {"m": 64, "n": 64, "k": 64}], "fp16", {})
    trace = replace(lone, operators=(replace(lone.operators[0], count=2), lone.operators[1]))
    return timeline(MACHINE, trace, launch="eager", **fields)


@pytest.fixture(scope="module", params=["representative", "grid"])
def shown(request):
    return follow(mode=request.param)


@pytest.fixture(scope="module")
def written(shown, tmp_path_factory):
    path = tmp_path_factory.mktemp("timeline") / "t.json.gz"
    save_timeline(shown, path)
    return json.loads(gzip.decompress(path.read_bytes()))


def test_events_have_what_the_format_asks_for(shown, written):
    kinds = defaultdict(list)
    for event in written["traceEvents"]:
        kinds[event["ph"]].append(event)
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        assert isinstance(event["name"], str)
    assert set(kinds) == {"M", "X", "C"}
    assert all(event["ts"] >= 0 and event["dur"] >= 0 for event in kinds["X"])
    assert all(event["ts"] >= 0 and list(map(type, event["args"].values())) in ([int], [float]) for event in kinds["C"])
    assert len(kinds["X"]) == shown.n_events + len(shown.spans)
    assert written["otherData"]["n_events"] == shown.n_events
    assert written["otherData"]["is_sampled"] is False


def test_every_unit_is_a_named_track_of_its_pe(shown, written):
    names = {"process_name": {}, "thread_name": {}}
    for event in written["traceEvents"]:
        if event["name"] in names:
            names[event["name"]][event["pid"], event["tid"]] = event["args"]["name"]
    processes = {pid: name for (pid, _), name in names["process_name"].items()}
    assert len(set(processes.values())) == len(processes)
    used = {(event["pid"], event["tid"]) for event in written["traceEvents"] if event["ph"] == "X"}
    assert used == set(names["thread_name"])
    tracks = {(processes[pid], name) for (pid, _), name in names["thread_name"].items()}
    assert {("step", "launches"), ("step", "operators"), ("step", "phases")} < tracks
    pe = "one PE for all" if shown.mode == "representative" else "PE 63"
    assert {(pe, "load"), (pe, "matrix"), (pe, "store")} < tracks
    counters = {(processes[event["pid"]], event["name"]) for event in written["traceEvents"] if event["ph"] == "C"}
    assert {("memory", "SRAM [GB/s]"), ("memory", "DRAM [GB/s]"), (pe, "load → matrix 1 [tokens]")} < counters


def test_events_of_a_track_do_not_overlap(written):
    ends = defaultdict(float)
    lines = [event for event in written["traceEvents"] if event["ph"] == "X"]
    for event in lines:
        track = event["pid"], event["tid"]
        assert round(event["ts"] * 1e6) >= round(ends[track] * 1e6), event
        ends[track] = event["ts"] + event["dur"]


def test_counters_end_at_nothing(written):
    last = {}
    for event in written["traceEvents"]:
        if event["ph"] == "C":
            assert event["ts"] > last.get((event["pid"], event["name"]), (-1, 0))[0]
            last[event["pid"], event["name"]] = event["ts"], next(iter(event["args"].values()))
    assert {value for (_, name), (_, value) in last.items() if name.endswith("[tokens]")} == {0}


@pytest.mark.parametrize("ending", [".json.gz", ".json"])
def test_the_same_question_gives_the_same_bytes(tmp_path, ending):
    for name in ("a", "b"):
        save_timeline(follow(), tmp_path / f"{name}{ending}")
    first, second = ((tmp_path / f"{name}{ending}").read_bytes() for name in ("a", "b"))
    assert first == second
    assert json.loads(gzip.decompress(first) if ending.endswith("gz") else first)["displayTimeUnit"] == "ns"


def test_what_is_skipped_is_one_event_per_unit(tmp_path):
    trace = operators_trace("matmul", [{"m": 16384, "n": 16384, "k": 16384}], "fp16", {})
    shown = timeline(MACHINE, trace)
    assert shown.is_sampled
    assert "repetitions that have become periodic are skipped" in shown.remarks[0]
    save_timeline(shown, tmp_path / "t.json")
    events = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["traceEvents"]
    skipped = [event for event in events if event["name"].endswith("repeats skipped")]
    assert {event["args"]["repeats"] for event in skipped} == {int(event["name"].split()[0]) for event in skipped}
    assert int(shown.events.n_commands.sum()) == shown.n_commands
    assert any(row["kind"] == "skipped" for row in gantt_info(shown).table.rows())


@pytest.mark.parametrize(
    ("name", "reason"),
    [("t.txt", "ending is not one of .json.gz, .json"), ("file/t.json.gz", "cannot be written")],
)
def test_refused_files(tmp_path, name, reason):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=reason):
        save_timeline(follow(), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_chart_has_its_data_beside_it(shown, tmp_path):
    plot_gantt(shown, tmp_path / "t.svg")
    svg = (tmp_path / "t.svg").read_text(encoding="utf-8")
    for text in ("launches", "operators", "matrix", "matmul operator on mtia_2i", "GB/s", "matmul0"):
        assert text in svg
    data = (tmp_path / "t.data.csv").read_text(encoding="utf-8")
    assert data.startswith("process,track,kind,what,start_s,end_s,value,group\n")
    plot_gantt(shown, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text(encoding="utf-8") == svg


@pytest.fixture
def few_bars(monkeypatch):
    monkeypatch.setattr("archmodel.report.gantt._N_BARS", 40)


@pytest.mark.usefixtures("few_bars")
def test_chart_of_many_commands_shows_shares_of_time():
    trace = operators_trace("matmul", [{"m": 2048, "n": 2048, "k": 2048}], "fp16", {"a": "sram"})
    shown = timeline(MACHINE, trace, window_s=(0, 1))
    rows = list(gantt_info(shown).table.rows())
    assert all(0 <= row["value"] <= 1 + 1e-9 for row in rows if row["kind"] != "bandwidth")
    assert len(rows) < 10_000
    # Units with few commands are drawn like those with many.
    kinds = {row["kind"] for row in rows if row["track"] in ("load", "matrix", "store")}
    assert "share" in kinds
    assert "command" not in kinds


@pytest.mark.usefixtures("few_bars")
def test_busy_units_look_busy_where_little_is_followed():
    lone = operators_trace("matmul", [{"m": 2048, "n": 2048, "k": 2048}], "fp16", {})
    many = timeline(MACHINE, replace(lone, operators=(replace(lone.operators[0], count=10_000),)), max_events=200)
    once = timeline(MACHINE, lone, max_events=200)
    assert many.followed_frac < 0.001 < 0.1 < once.followed_frac <= 1
    highest = [
        max(row["value"] for row in gantt_info(shown).table.rows() if (row["track"], row["kind"]) == MATRIX_SHARE)
        for shown in (many, once)
    ]
    assert 0.3 < highest[0] <= highest[1] <= 1
    assert "Units are followed for 0.01 % of the time; folded, one pass is shown." in gantt_info(many).footer
    assert "% of the time" not in gantt_info(once).footer
