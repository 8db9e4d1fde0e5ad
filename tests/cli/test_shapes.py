"""``archmodel op --table``: faults of all rows at once, each with its line; rows without an answer stay rows."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def op(run, tmp_path):
    def call(content: str | bytes, *arguments: str) -> tuple[int, str, str]:
        path = tmp_path / "shapes.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return run("op", "mtia_2i", "matmul", "--table", str(path), *arguments)

    return call


FAULTS = {
    "m,n,k,m\n1,2,3,4\n": ["shapes.csv:1: column 'm' is given 2 times; give it once"],
    "m;n;k\n1;2;3\n": ["shapes.csv:1: columns must be separated by commas"],
    "m\tn\tk\n1\t2\t3\n": ["shapes.csv:1: columns must be separated by commas"],
    "": ["shapes.csv: has no rows; give a header and one row per shape"],
    "m,n,k\n\n": ["shapes.csv: has no rows; give a header and one row per shape"],
    "m,n,q\n1,2,3\n": [
        "shapes.csv:2: unknown dim 'q'; allowed: k, m, n",
        "shapes.csv:2: dim 'k' is missing; matmul needs m, n, k",
    ],
    "\nm,n,k,dtype\n\n1,2,3,fp16\n   \n1.5,x,3,fp16\n0,1,1,bf61\n1,2\n": [
        "shapes.csv:6: m: '1.5' is not a whole number",
        "shapes.csv:6: n: 'x' is not a whole number",
        "shapes.csv:7: m: 0 is not a count; allowed: whole numbers from 1 to 1e30",
        "shapes.csv:7: unknown dtype 'bf61'; did you mean 'bf16'?",
        "shapes.csv:8: has 2 cells, the header has 4",
    ],
    'm,n,k\n1,2,"3\n': ["shapes.csv:2: is not CSV: unexpected end of data"],
    b"m,n,k\n1,2,\xff\n": ["shapes.csv: is not UTF-8 text; save the file as UTF-8"],
}


@pytest.mark.parametrize("content", FAULTS, ids=repr)
def test_faults_of_all_rows_are_told_with_their_lines(op, content):
    faults = FAULTS[content]
    count = "1 error" if len(faults) == 1 else f"{len(faults)} errors"
    assert op(content) == (2, "", "\n  ".join([f"{count} in table of shapes", *faults]) + "\n")


def test_a_dim_is_a_flag_or_a_column(op):
    said = "1 error in table of shapes\n  --m: is a column of shapes.csv, too; give it once\n"
    assert op("m,n,k\n1,2,3\n", "--m", "99") == (2, "", said)


def test_a_bad_choice_names_its_row(run, tmp_path):
    path = tmp_path / "shapes.csv"
    path.write_text("n,function\n8,add\n8,ad\n")
    said = "1 error in table of shapes\n  shapes.csv:3: function: 'ad' is not known; did you mean 'add'?\n"
    assert run("op", "mtia_2i", "elementwise", "--table", str(path)) == (2, "", said)


@pytest.mark.parametrize(("name", "why"), [("nope.csv", "No such file or directory"), ("", "Is a directory")])
def test_a_table_that_cannot_be_read(run, tmp_path, name, why):
    path = tmp_path / name
    said = f"1 error in table of shapes\n  {path}: cannot be read: {why}\n"
    assert run("op", "mtia_2i", "matmul", "--table", str(path)) == (2, "", said)


def test_a_byte_order_mark_is_no_part_of_the_header(op):
    assert json.loads(op(b"\xef\xbb\xbfm,n,k\n1,2,3\n", "--json")[1])[0]["m"] == 1


def test_rows_without_an_answer_do_not_fail_the_others(op):
    table = "m,n,k,dtype\n64,64,64,bf16\n64,64,64,fp8\n1000000000,100000,3,bf16\n32,64,64,bf16\n"
    code, out, err = op(table, "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["status"] for row in rows] == ["ok", "unsupported", "unsupported", "ok"]
    assert [row["m"] for row in rows] == [64, 64, 1_000_000_000, 32]
    assert len({tuple(row) for row in rows}) == 1
    assert rows[1]["latency_s"] is None
    alone = json.loads(op("m,n,k\n32,64,64\n", "--json")[1])[0]
    assert rows[3]["latency_s"] == alone["latency_s"]
    assert [row["message"] for row in rows][::3] == ["", ""]
    assert err == (
        "not supported: shapes.csv:3: mtia_2i: the matrix engine has no fp8, which operator 'matmul1' needs; "
        "it has int8, fp16, bf16\n"
        "not supported: shapes.csv:4: mtia_2i: does not fit: operands of 'matmul2', 200 TB in dram exceed 128 GB\n"
    )


def test_no_answer_at_all_is_exit_code_2(op):
    code, _, err = op("m,n,k,dtype\n64,64,64,fp8\n")
    assert code == 2
    assert err.startswith("not supported: shapes.csv:2: mtia_2i: the matrix engine has no fp8")
