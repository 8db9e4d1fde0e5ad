"""Fixtures of recorded tables and figures."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from matplotlib.figure import Figure
from recorded_pictures import check_picture


@pytest.fixture
def check_figure(request: pytest.FixtureRequest) -> Callable[[Figure, str], None]:
    """Compare a figure with the recorded one of a name; ``--update`` records it."""
    return lambda figure, name: check_picture(figure, name, request.config.getoption("--update"))
