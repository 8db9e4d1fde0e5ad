"""The results folder: parts are whole or not there, equal values give equal bytes, and queries only read."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess

import numpy as np
import pytest

import archmodel as am
from archmodel.results.store import Store, _interruptible, open_store

COLUMNS = {
    "point": np.arange(4),
    "latency_s": np.array([1.5, np.nan, 0.25, 2.0]),
    "nothing": np.full(4, np.nan),
    "status": np.array(["ok", "unsupported", "ok", ""], np.object_),
    "is_feasible": np.array([True, False, True, False]),
}


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "results")
    with store.lock():
        store.begin({"asked": {"model": "roofline", "axes": {"clock": ["1 GHz", "2 GHz"]}}})
        yield store


def test_what_is_written_is_read(store):
    store.write_part("points", 0, COLUMNS)
    assert store.is_finished("points", 0)
    assert not store.is_finished("points", 1)
    read = store.read_part("points", 0)
    assert list(read) == list(COLUMNS)
    for name, column in COLUMNS.items():
        assert read[name].dtype == column.dtype
        np.testing.assert_array_equal(read[name], column)


def test_equal_values_give_equal_bytes(store):
    for idx in (0, 1):
        store.write_part("points", idx, COLUMNS)
    first, second = (store.part_path("points", idx).read_bytes() for idx in (0, 1))
    assert first == second


def test_an_empty_table_keeps_its_types(store):
    store.write_part("front", 0, {name: column[:0] for name, column in COLUMNS.items()})
    types = {row["column_name"]: row["column_type"] for row in store.query("describe front").rows()}
    assert types == {
        "point": "BIGINT", "latency_s": "DOUBLE", "nothing": "DOUBLE", "status": "VARCHAR", "is_feasible": "BOOLEAN",
    }  # fmt: skip


def test_every_changed_byte_is_noticed(store):
    store.write_part("points", 0, COLUMNS)
    path = store.part_path("points", 0)
    written = path.read_bytes()
    for idx in range(len(written)):
        path.write_bytes(written[:idx] + bytes([written[idx] ^ 1]) + written[idx + 1 :])
        with pytest.raises(ValueError, match="its checksum is another one"):
            store.is_finished("points", 0)
    path.write_bytes(written[:-1])
    with pytest.raises(ValueError, match="its checksum is another one"):
        store.is_finished("points", 0)
    path.write_bytes(written)
    assert store.is_finished("points", 0)


def test_a_folder_may_be_named_like_a_pattern(tmp_path):
    store = Store(tmp_path / "it's [1] *?")
    with store.lock():
        store.begin({"asked": {}})
        for idx in (0, 1):
            store.write_part("points", idx, COLUMNS)
    assert store.read_part("points", 1)["point"].tolist() == [0, 1, 2, 3]
    assert list(store.query("select count(*) as n from points").rows()) == [{"n": 8}]


def test_missing_numbers_are_null(store):
    store.write_part("points", 0, COLUMNS)
    rows = list(store.query("select count(*) as n, max(latency_s) as slowest from points").rows())
    assert rows == [{"n": 4, "slowest": 2.0}]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("drop view points", "drop view points: is not one SELECT; results are only read, one query at a time"),
        ("copy (select 1) to 'x.csv'",
         "copy (select 1) to 'x.csv': is not one SELECT; results are only read, one query at a time"),
        ("select 1; select 2", "select 1; select 2: is not one SELECT; results are only read, one query at a time"),
        ("", ": is not one SELECT; results are only read, one query at a time"),
        ("select * from ponts", 'Catalog Error: Table with name ponts does not exist!; Did you mean "points"?; tables: '
         'points; their columns: query "describe points"'),
        ("select point frm points", 'Parser Error: syntax error at or near "points"; tables: points; their columns: '
         'query "describe points"'),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_query_is_told(store, sql, expected):
    store.write_part("points", 0, COLUMNS)
    with pytest.raises(am.InputError) as caught:
        store.query(sql)
    assert caught.value.faults[0].text == expected.removeprefix(f"{sql}: ")


def test_results_of_something_else_are_refused(store):
    store.begin({"asked": {"model": "roofline", "axes": {"clock": ["1 GHz", "2 GHz"]}}})
    with pytest.raises(am.InputError) as caught:
        store.begin({"asked": {"model": "analytic", "axes": {"clock": ["1 GHz"]}}})
    assert str(caught.value) == (
        f"1 error in results\n  {store.folder}: holds results of another sweep (model: 'roofline' there, 'analytic' "
        "now; axes.clock: ['1 GHz', '2 GHz'] there, ['1 GHz'] now); take another folder, or delete this one"
    )


def test_a_newer_schema_is_refused(store):
    path = store.folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 2}))
    with pytest.raises(am.InputError) as caught:
        store.begin({"asked": {}})
    assert str(caught.value) == (
        f"1 error in results\n  {path}: has schema 2, and this archmodel knows 1; install a newer one"
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": null}'])
def test_a_broken_description_is_refused(store, text):
    (store.folder / "run.json").write_text(text)
    with pytest.raises(am.InputError, match=r"run\.json: cannot be read: .*; give another folder, or delete this one"):
        open_store(store.folder)


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(am.InputError) as caught:
        open_store(tmp_path)
    assert str(caught.value) == (
        f"1 error in results\n  {tmp_path}: holds no results; give a folder that archmodel has written them to"
    )


def test_two_cannot_write_at_once(store):
    with (
        pytest.raises(am.InputError, match=rf"is being written by process {os.getpid()} on .*; wait, or take another"),
        Store(store.folder).lock(),
    ):
        pass


def test_a_file_is_no_folder(tmp_path):
    path = tmp_path / "results"
    path.touch()
    with pytest.raises(am.InputError) as caught, Store(path).lock():
        pass
    assert str(caught.value) == f"1 error in results\n  {path}: is a file; give a folder, which need not exist"


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "lock").write_text("process 1 on elsewhere\n")
    with Store(folder).lock():
        assert (folder / "lock").read_text().startswith(f"process {os.getpid()} on ")


def test_a_line_that_was_cut_off_spoils_no_other(store):
    store.log(event="one")
    path = store.folder / "log.jsonl"
    path.write_bytes(path.read_bytes() + b'{"event": "tw')
    store.log(event="three")
    lines = path.read_text().splitlines()
    assert [json.loads(line)["event"] for line in (lines[0], lines[2])] == ["one", "three"]
    assert len(lines) == 3


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 64 KiB; where none can be mounted, files may grow to 2 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False).returncode == 0:
        yield folder
        subprocess.run(["umount", folder], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, hard))
    yield folder
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_loses_nothing(full_disk):
    store = Store(full_disk / "results")
    large = {"x": np.random.default_rng(1).random(20_000)}  # 160 kB that do not compress
    with store.lock():
        store.begin({"asked": {}})
        store.write_part("points", 0, {"x": np.array([1.0, 2.0])})
        with pytest.raises(am.InputError, match=r"part-00001\.parquet: cannot be written: .*; parts that are finished"):
            store.write_part("points", 1, large)
    assert store.is_finished("points", 0)
    assert not store.is_finished("points", 1)
    assert list(store.query("select sum(x) as x from points").rows()) == [{"x": 3.0}]


def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    """Injected, because the administrator may write anywhere."""

    def refuse(*_args, **_kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(am.InputError) as caught, Store(tmp_path).lock():
        pass
    assert str(caught.value) == (
        f"1 error in results\n  {tmp_path / 'lock'}: cannot be written: Read-only file system; parts that are finished "
        "are kept, the same command goes on"
    )


@pytest.mark.parametrize("said", ["Query interrupted", "Traceback (most recent call last):\nKeyboardInterrupt"])
def test_an_interrupt_is_not_taken_for_a_failed_query(said):
    """DuckDB notices the signal in a query, and ends that with an error of its own."""
    with pytest.raises(KeyboardInterrupt), _interruptible():
        raise RuntimeError(said)
    with pytest.raises(RuntimeError, match="something else"), _interruptible():
        raise RuntimeError("something else")
