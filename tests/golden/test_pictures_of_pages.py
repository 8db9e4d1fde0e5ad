"""The pictures of README and the first page are what their commands draw; ``--update`` renews them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image
from recorded_pictures import TOLERANCE, difference, read

import archmodel as am
from archmodel.report import plot_diagram, plot_pareto
from archmodel.report.figure import house_style

PICTURES = Path(__file__).parents[2] / "docs" / "images"


def draw_next_chip(folder: Path) -> Figure:
    return plot_pareto(am.sweep("mtia_next", folder, points=200))[0]


def draw_machine(_: Path) -> Figure:
    return plot_diagram(am.machine("mtia_2i"))[0]


def small_png(figure: Figure) -> bytes:
    """Save a figure with few colours."""
    drawn, written = io.BytesIO(), io.BytesIO()
    with house_style():
        figure.savefig(drawn, format="png", dpi=110)
    few = Image.open(drawn).convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(written, "PNG", optimize=True)
    return written.getvalue()


@pytest.mark.parametrize(("name", "draw"), [("next-chip", draw_next_chip), ("mtia-2i", draw_machine)])
def test_picture_of_pages_is_current(request, tmp_path, name, draw):
    path, drawn = PICTURES / f"{name}.png", small_png(draw(tmp_path))
    if request.config.getoption("--update"):
        path.write_bytes(drawn)
    differs = difference(read(path.read_bytes()), read(drawn))
    assert differs <= TOLERANCE, f"{path} differs by {differs:.2f} of 255; if meant, run with --update and look at it"
