"""``archmodel timeline``."""

from __future__ import annotations

import gzip
import json

import pytest

GIVEN = ("timeline", "mtia_2i", "diffusion/dit-xl-2", "--steps", "1", "--guidance", "1")


def test_writes_trace_events_and_a_chart(run, tmp_path):
    path, chart = tmp_path / "new" / "t.json.gz", tmp_path / "t.svg"
    code, out, err = run(*GIVEN[:3], "-o", str(path), "--svg", str(chart), "--set", "clock=1.1 GHz")
    assert code == 0, err
    written = json.loads(gzip.decompress(path.read_bytes()))
    about = written["otherData"]
    assert about["workload"] == "diffusion/dit-xl-2"
    assert about["run"]["set"] == {"clock": "1.1 GHz"}
    names = {event["name"] for event in written["traceEvents"]}
    assert {"matrix", "load (sram)", "prefetch (dram)", "DRAM [GB/s]"} < names
    assert f"wrote {path}; open it in https://ui.perfetto.dev" in out
    assert f"wrote {chart} and {tmp_path / 't.data.csv'}" in out
    assert f"{about['n_events']} events of {about['n_commands']} commands, from 0 s to" in out
    assert "note: of an operator that runs several times, the first execution is shown" in err
    assert " % of the time; --fold shows one pass, --window a part" in err
    assert chart.read_text(encoding="utf-8").startswith("<?xml")
    assert sorted(found.name for found in tmp_path.rglob("*.part")) == []


def test_window_operators_and_fewer_events(run, tmp_path):
    path = tmp_path / "t.json"
    code, out, err = run(*GIVEN, "-o", str(path), "--fold", "--window", "10us..0.05 ms", "--operators", "*blocks*")
    assert code == 0, err
    assert "commands, from 10 µs to 50 µs" in out
    code, out, err = run(*GIVEN, "-o", str(path), "--fold", "--max-events", "100")
    assert code == 0, err
    assert json.loads(path.read_text(encoding="utf-8"))["otherData"]["is_sampled"]
    assert "--fold shows one pass" not in err
    assert "no more than 100 events; ask for a window, for operators, or for more events" in err


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("--window", "0us"), "--window: '0us' is not START..END, e.g. 0us..50us"),
        (("--window", "0us..5"), "--window: '5' needs a unit"),
        (("--window", "5us..1us"), "window: 5 µs to 1 µs is not allowed"),
        (("--max-events", "0"), "max_events: 0 is not allowed"),
        (("--max-events", "x"), "--max-events: 'x' is not a whole number"),
        (("--operators", "nothing"), "operators: 'nothing' matches no operator"),
        (("--model", "analytic"), "--model: 'analytic' is not allowed; leave it out: it is cycle"),
        (("--mode", "all"), "unknown mode of model 'cycle' 'all'"),
        (("-o", "t.txt"), "t.txt: ending is not one of .json.gz, .json"),
        (("-o", "file/t.json.gz"), "file/t.json.gz: cannot be written: "),
    ],
)
def test_wrong_input_is_refused(run, tmp_path, monkeypatch, given, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    output = () if "-o" in given else ("-o", "t.json.gz")
    code, out, err = run(*GIVEN, *output, *given)
    assert (code, out) == (2, "")
    assert reason in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_machine_without_timing_has_no_timeline(run, tmp_path):
    code, _, err = run("timeline", "h100_sxm", *GIVEN[2:], "-o", str(tmp_path / "t.json.gz"))
    assert code == 2
    assert "h100_sxm: no section 'timing' is described; model 'cycle' needs one" in err
    assert list(tmp_path.iterdir()) == []
