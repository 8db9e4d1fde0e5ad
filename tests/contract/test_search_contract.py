"""Every search obeys its suite."""

from __future__ import annotations

import pytest

from archmodel.sweep.search import find_search, searches
from archmodel.testing.searches import N_POINTS, SearchContract


@pytest.mark.parametrize("name", searches(), scope="class")
class TestSearches(SearchContract):
    @pytest.fixture
    def search(self, name):
        return find_search(name)

    @pytest.fixture
    def n_evaluations(self, name):
        return N_POINTS if name == "enumerate" else 37
