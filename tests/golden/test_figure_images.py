"""No figure looks different unnoticed, and its bytes are the same every time; ``--update`` records how it looks."""

from __future__ import annotations

import numpy as np
import pytest
from made_up import make_counted, make_ladder, make_points, make_result, make_timeline, write_results
from recorded_pictures import TOLERANCE, difference, mark_differences, read, render

import archmodel as am
from archmodel import report
from archmodel.report import diagram, errors, wording

AROUND = 40  # a point whose sensitivities are there

FIGURES = {
    "pareto": lambda sweep, path: report.plot_pareto(sweep, path),
    "pareto_tdp": lambda sweep, path: report.plot_pareto(sweep, path, x="tdp_w", point=AROUND),
    "pairs": lambda sweep, path: report.plot_pairs(sweep, path),
    "heatmap": lambda sweep, path: report.plot_heatmap(sweep, path, x="sram.capacity", y="memory"),
    "parallel": lambda sweep, path: report.plot_parallel(sweep, path),
    "tornado": lambda sweep, path: report.plot_tornado(sweep, path, point=AROUND),
    "roofline": lambda _, path: report.plot_roofline(am.machine("mtia_2i"), make_result(), path),
    "breakdown": lambda _, path: report.plot_breakdown([make_result(), make_result("h100_sxm", 0.3)], path),
    "stalls": lambda _, path: report.plot_stalls(make_counted(), path),
    "gantt": lambda _, path: report.plot_gantt(make_timeline(), path),
    "utilisation": lambda _, path: report.plot_utilisation(make_timeline(), path),
    "ladder": lambda _, path: report.plot_ladder(
        am.machine("mtia_2i"), am.workload("llm/llama3.1-8b"), make_ladder(), path
    ),
    "errors": lambda _, path: report.plot_errors(make_points(), path),
    "diagram": lambda _, path: report.plot_diagram(am.machine("mtia_300"), path),
    "diagram_of_array": lambda _, path: report.plot_diagram(am.machine("systolic_ws"), path),
}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("made_up") / "memory", around=[AROUND])


@pytest.fixture(autouse=True)
def _any_version(monkeypatch):
    """What is not made up says which archmodel drew it; a release changes no picture."""
    for module in (diagram, errors, wording):
        monkeypatch.setattr(module, "version", lambda _: "1.2.3")


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_as_recorded(check_figure, sweep, tmp_path, name):
    figure, _ = FIGURES[name](sweep, tmp_path / "first.svg")
    FIGURES[name](sweep, tmp_path / "second.svg")
    for ending in (".svg", ".data.csv"):
        assert (tmp_path / f"first{ending}").read_bytes() == (tmp_path / f"second{ending}").read_bytes()
    check_figure(figure, name)


def test_a_figure_has_the_same_pixels_every_time(sweep, tmp_path):
    for name in ("first", "second"):
        report.plot_heatmap(sweep, tmp_path / f"{name}.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_what_is_noticed():
    """The smallest of what a figure shows; not what the edges of letters do."""

    def draw(change=lambda figure, axes: None):
        figure, axes = report.plot_breakdown(make_result())
        change(figure, axes)
        return read(render(figure))

    old = draw()
    assert difference(old, draw()) == 0
    changes = {
        "a letter of an axis": lambda _, axes: axes.set_xlabel(axes.get_xlabel().replace("each", "eoch")),
        "a digit of the footer": lambda figure, _: figure.texts[0].set_text(
            figure.texts[0].get_text().replace("3", "8")
        ),
        "a shade": lambda _, axes: axes.patches[0].set_color("#0078B2"),
        "a hundredth of the width": lambda _, axes: axes.patches[1].set_width(axes.patches[1].get_width() + 1.0),
    }
    found = {name: difference(old, draw(change)) for name, change in changes.items()}
    print(found)
    assert min(found.values()) > TOLERANCE
    assert difference(old, old[:-1]) == 255
    noise = np.random.default_rng(1).normal(0, 0.8 * TOLERANCE, old.shape)
    assert difference(old, old + noise) <= TOLERANCE
    red = mark_differences(old, draw(changes["a hundredth of the width"])) == (214, 0, 0)
    assert 5 < red.all(axis=2).sum() < 200
