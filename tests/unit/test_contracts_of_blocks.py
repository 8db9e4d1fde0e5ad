"""Contracts of hardware blocks: what is refused and how it is said; points and seeds; a new block."""

from __future__ import annotations

import pytest

from archmodel.errors import InputError, UnknownNameError
from archmodel.verify.bench import count_points, draw_points
from archmodel.verify.contract import find_unit
from archmodel.verify.new_unit import make_unit


@pytest.fixture
def folder(tmp_path):
    make_unit(tmp_path / "adder")
    return tmp_path / "adder"


def change(folder, old, new):
    path = folder / "contract.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def said(folder):
    with pytest.raises(InputError) as raised:
        find_unit(str(folder))
    return str(raised.value)


def test_a_new_unit_has_a_sound_contract(folder):
    unit = find_unit(str(folder))
    assert (unit.name, unit.top) == ("adder", "adder_bench")
    assert count_points(unit, "verilator") == {"short": 100, "long": 100}
    assert count_points(unit, "icarus", 3) == {"short": 2, "long": 1}
    change(folder, "icarus: [short, long]", "icarus: []")
    assert count_points(find_unit(str(folder)), "icarus") == {}


def test_all_faults_of_a_contract_are_said_at_once(folder):
    change(folder, "icarus: [short, long] ", "icarus: [short, tall] ")
    change(folder, "verilator: 200", "modelsim: 200")
    change(folder, "events: [in, out]", "events: []")
    assert said(folder).splitlines() == [
        "3 errors in contract of adder",
        "  contract.yaml:6:17: icarus: no build 'tall'; builds: short, long",
        "  contract.yaml:7:20: points.modelsim: is no simulator; allowed: verilator, icarus",
        "  contract.yaml:8:9: events: empty; name at least one",
    ]


def test_bins_that_icarus_need_not_hit_are_bins(folder):
    change(folder, "coverage: [", "not_on_icarus: [fall]\ncoverage: [")
    assert said(folder).splitlines() == [
        "1 error in contract of adder",
        "  contract.yaml:9:17: not_on_icarus: no bin 'fall'; did you mean 'full'?",
    ]


def test_a_misspelt_key_is_found(folder):
    change(folder, "builds:", "bilds:")
    assert said(folder).splitlines() == [
        "2 errors in contract",
        "  contract.yaml: builds: missing; it has no default",
        "  contract.yaml:4:3: bilds: unknown key; did you mean 'builds'?",
    ]


def test_parameters_are_whole_numbers(folder):
    change(folder, "{LATENCY: 1, WIDTH: 8}", "{LATENCY: 1.5, WIDTH: 8}")
    assert said(folder).startswith(
        "1 error in contract\n  contract.yaml:4:20: builds.short.LATENCY: 1.5 is not allowed"
    )


def test_missing_files_are_named(folder):
    (folder / "law.py").unlink()
    (folder / "adder.sv").unlink()
    assert said(folder).splitlines() == [
        "2 errors in contract of adder",
        f"  {folder / 'adder.sv'}: no such file; a block needs it",
        f"  {folder / 'law.py'}: no such file; a block needs it",
    ]


def test_a_folder_without_contract_and_an_unknown_name(tmp_path):
    assert said(tmp_path) == (
        f"1 error in contract\n  {tmp_path}: has no contract.yaml; make a folder with: archmodel verify --new NAME"
    )
    with pytest.raises(UnknownNameError, match="unknown unit 'layuot_unit'; did you mean 'layout_unit'"):
        find_unit("layuot_unit")


def test_a_new_unit_is_refused_where_it_cannot_be(folder):
    with pytest.raises(InputError) as raised:
        make_unit(folder)
    assert str(raised.value) == f"1 error in new unit\n  {folder}: exists already; choose another name or remove it"
    with pytest.raises(InputError, match="'Adder' is no name for a module"):
        make_unit(folder.parent / "Adder")


def test_points_follow_from_the_seed_alone(folder):
    unit = find_unit(str(folder))
    first, more, other = (draw_points(unit, "long", n, seed) for n, seed in ((3, 1), (5, 1), (3, 2)))
    assert more[:3] == first
    assert [point.stimulus for point in other] != [point.stimulus for point in first]
    assert [point.index for point in more] == [0, 1, 2, 3, 4]


def spoil_law(folder, old, new):
    path = folder / "law.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as raised:
        draw_points(find_unit(str(folder)), "long", 1)
    return str(raised.value).replace(str(folder), "").splitlines()[1]


def test_a_law_that_raises_is_blamed_with_its_line(folder):
    said = spoil_law(folder, 'latency = parameters["LATENCY"]', 'latency = parameters["LATENZY"]')
    assert said == "  /law.py:28: raises KeyError: 'LATENZY'; --debug shows where"


def test_a_law_has_two_functions(folder):
    assert spoil_law(folder, "def expect(", "def expected(") == "  /law.py: has no function 'expect'"


def test_a_law_may_not_leave_an_event_out(folder):
    said = spoil_law(folder, '"events": {"in": taken, "out": given}', '"events": {"in": taken}')
    assert said.endswith(
        "expect() has to give 'cycles', 'events' with the names in contract.yaml, 'counters' with some of its names "
        "where it has any, and in 'models' all that have a tolerance; look at: out"
    )


@pytest.mark.parametrize(("given", "named"), [("", "counters"), (', "counters": {"unit_issue": 3}', "unit_issue")])
def test_a_law_has_to_expect_the_counters_of_a_contract(folder, given, named):
    change(folder, "coverage:", "counters: [unit_data, unit_space]\ncoverage:")
    said = spoil_law(folder, '"events": {"in": taken, "out": given}', f'"events": {{"in": taken, "out": given}}{given}')
    assert said.endswith(f"look at: {named}")
