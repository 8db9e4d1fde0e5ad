"""A headless Chromium; without one, tests are skipped, or fail where ``ARCHMODEL_REQUIRE_BROWSER`` is set."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_visits import WIDE, Visit
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        missing = "there is no Chromium; on Debian run: apt install chromium"
        (pytest.fail if os.environ.get("ARCHMODEL_REQUIRE_BROWSER") else pytest.skip)(missing)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # root has none
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open pages; at the end of a test none may have complained."""
    visits: list[Visit] = []

    def start(path: Path, width: int = WIDE, **settings: Any) -> Visit:
        visits.append(Visit(browser, width, **settings))
        return visits[-1].open(path)

    yield start
    complaints = [complaint for each in visits for complaint in each.complaints]
    for each in visits:
        each.context.close()
    assert complaints == []
