"""Block diagrams: what they say and draw is what the description of a machine says."""

from __future__ import annotations

from dataclasses import replace

import pytest

import archmodel as am
from archmodel import report
from archmodel.machine.types import SET_BY_USER
from archmodel.report.diagram import diagram_info
from archmodel.report.machine_boxes import HEIGHT_IN, LINE_IN, TITLE_IN, WIDTH_IN, lay_out
from archmodel.report.machine_facts import ASSUMED, SET


@pytest.mark.parametrize("name", am.machines())
def test_a_diagram_says_what_the_description_says(name):
    machine = am.machine(name)
    rows = [row for row in diagram_info(machine).table.rows() if row["value"]]
    for row in rows:
        note = machine.provenance[row["value"]]
        assert (row["given"], row["kind"], row["source"]) == (note.text, note.kind, note.source)
    kinds = {}
    for row in rows:
        kinds.setdefault((row["block"], row["says"]), []).append(row["kind"])
    for (_, said), found in kinds.items():
        assert said.endswith(ASSUMED) == ("assumed" in found), said
    shown = {row["value"] for row in rows}
    groups = ("pe", "matrix", "simd", "vector", "local", "sram", "dram", "host", "scale_up")
    hidden = ("efficiency", "embedding_hit", "gather_efficiency", "access", "message", "launch", "partition")
    must = {path for path in machine.provenance if path.split(".")[0] in groups and path.split(".")[-1] not in hidden}
    unused = ("matrix.n_tiles", "matrix.reuse_rows", "matrix.reuse_cols")  # of arrays and of model wave
    assert must - shown <= {*unused, "dram.ecc_overhead"}
    n_assumed = sum(machine.provenance[value].kind == "assumed" for value in shown)
    assert (
        f"{ASSUMED} rests on an assumed value: {n_assumed} of the {len(shown)} values" in diagram_info(machine).footer
    )


@pytest.mark.parametrize("name", am.machines())
def test_no_text_of_a_diagram_leaves_its_box(name):
    boxes = lay_out(am.machine(name))
    for box in boxes:
        assert 0 <= box.x_in <= box.x_in + box.width_in <= WIDTH_IN + 1e-9
        assert 0 <= box.y_in <= box.y_in + box.height_in <= HEIGHT_IN + 1e-9
        if box.role not in ("chip", "grid", "pe"):
            strip = 0.24 if box.cells[0] == 1 < box.cells[1] else 0.0
            assert TITLE_IN + len(box.lines) * LINE_IN + strip <= box.height_in, box
    inner = [box for box in boxes if box.role not in ("chip", "pe")]
    for i, one in enumerate(inner):
        for other in inner[i + 1 :]:
            apart_x = max(one.x_in, other.x_in) - min(one.x_in + one.width_in, other.x_in + other.width_in)
            apart_y = max(one.y_in, other.y_in) - min(one.y_in + one.height_in, other.y_in + other.height_in)
            assert max(apart_x, apart_y) > 0, (one.title, other.title)


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (3, 5), (40, 2), (1, 300), (67, 2)])
def test_every_pe_is_drawn(rows, cols):
    _, axes = report.plot_diagram(am.machine("h100_sxm", {"pe.rows": str(rows), "pe.cols": str(cols)}))
    drawn = {(40, 2): (8, 10), (1, 300): (15, 20)}.get((rows, cols), (rows, cols))  # a long one is folded
    lines = [len(lines.get_segments()) for lines in axes.collections]
    assert lines == [n - 1 for n in reversed(drawn) if n > 1]
    (grid,) = (box for box in lay_out(am.machine("h100_sxm", {"pe.rows": str(rows), "pe.cols": str(cols)}))
               if box.role == "grid")  # fmt: skip
    assert grid.cells == drawn
    assert grid.title.endswith(", drawn folded") == (drawn != (rows, cols))
    assert grid.title.startswith(f"{rows * cols} PE{'s' if rows * cols > 1 else ''}: {rows} × {cols}{SET}")


def test_banks_channels_and_routers_are_those_of_the_description():
    boxes = {box.role: box for box in lay_out(am.machine("mtia_300"))}
    assert boxes["sram"].cells == (1, 96)
    assert boxes["dram"].cells == (1, round(6.1e12 / (7.94e9 / 8 * 32)))  # 32 pins to a channel of HBM3E
    assert boxes["grid"].routers == (4, 3)
    boxes = {box.role: box for box in lay_out(am.machine("mtia_2i"))}
    assert (boxes["sram"].cells, boxes["dram"].cells) == ((1, 8), (1, 16))
    assert boxes["grid"].routers == (0, 0)
    (array,) = (box for box in lay_out(am.machine("systolic_ws")) if box.title == "Systolic array")
    assert array.cells == (128, 128)
    assert next(box for box in lay_out(am.machine("systolic_ws")) if box.role == "dram").cells == (1, 1)


def test_what_the_user_set_is_marked_and_named():
    info = diagram_info(am.machine("mtia_2i", {"sram.capacity": "512 MiB", "matrix.macs_per_cycle.bf16": "1024"}))
    says = [row["says"] for row in info.table.rows() if row["source"] == SET_BY_USER]
    assert f"512 MiB{SET}" in says
    assert f"1,024 int8, bf16{SET}" in says
    assert f"{SET} set by the user: matrix.macs_per_cycle.bf16, sram.capacity." in info.footer


def test_area_and_power_of_other_parts_are_left_out():
    def say(settings: dict[str, str]) -> str:
        (chip,) = (box for box in lay_out(am.machine("mtia_2i", settings)) if box.role == "chip")
        return " ".join(chip.lines)

    totals = ("die of 421", "design limit 85", "typically 65")
    assert all(text in say({}).replace("\N{NO-BREAK SPACE}", " ") for text in totals)
    changed = say({"pe.rows": "16", "power.tdp": "150 W"}).replace("\N{NO-BREAK SPACE}", " ")
    assert not any(text in changed for text in totals)
    assert f"design limit 150 W{SET}" in changed


def test_a_machine_without_sources_is_all_assumed():
    info = diagram_info(replace(am.machine("mtia_2i"), provenance={}))
    values = {row["value"] for row in info.table.rows() if row["value"]}
    assert f"{len(values)} of the {len(values)} values" in info.footer
    assert all(row["says"].endswith(ASSUMED) for row in info.table.rows() if row["value"])
