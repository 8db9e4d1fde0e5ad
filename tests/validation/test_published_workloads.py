"""Every shipped workload against the figures its vendor published."""

import pytest

from archmodel.workload import load_workload, read_workload, workload_names
from archmodel.workload.load import PublishedFigure

FIGURES = [
    pytest.param(name, figure, id=f"{name}:{figure.what}:{figure_idx}")
    for name in workload_names()
    for figure_idx, figure in enumerate(read_workload(name)[1].published)
]


@pytest.mark.parametrize(("name", "figure"), FIGURES)
def test_trace_agrees_with_the_published_figure(name: str, figure: PublishedFigure) -> None:
    measured = figure.measure(load_workload(name, **figure.settings))
    assert abs(figure.deviation(measured)) <= figure.tolerance, figure.source


@pytest.mark.parametrize(("name", "figure"), FIGURES)
def test_wide_tolerance_is_explained(name: str, figure: PublishedFigure) -> None:
    assert figure.tolerance <= 0.005 or figure.note, f"{name}: {figure.what} within {figure.tolerance} needs a note"


@pytest.mark.parametrize("name", workload_names())
def test_size_and_arithmetic_are_both_held_against_a_figure(name: str) -> None:
    file = read_workload(name)[1]
    held = {figure.what for figure in file.published}
    assert held & {"matrix_flop", "flop"}
    # Nobody prints the size of a model whose dims are our own fit; its title must say so.
    assert held & {"parameters", "table_elements"} or "hypothetical" in file.title.lower()
